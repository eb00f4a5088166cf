#!/usr/bin/env python3
"""Writes trajectory.txt: three steps of distillation of small LLaMAs with 4-bit weights (one scale a row, absmax / 7,
straight-through gradient; activations, keys and values as they are), by torch in double with torch.optim.AdamW.

Each number comes with a bound on what an fp32 implementation may differ by, from a running error analysis. Every layer's
result, forward and backward, gets a perturbation of zero; its size is what the layer's own roundings may come to, counted as
in torch_layers_test.cpp: times the sums of absolute values that make_layers.py explains, times e = 2^-24. The three steps
together are one differentiable computation (through the gradients, AdamW and the scales of the next step), so the bound of a
number is the sum over all perturbations of |its derivative| times the size. That is the whole error to first order; the
bounds are raised by an eighth for the rest, which is allowed because the script refuses a trajectory in which

  - of the largest and every 29th gradient of a tensor one's bound is beyond 1/64 of its size plus AdamW's epsilon, 2^-8 or
    more here: AdamW divides by that sum, and with a small epsilon a gradient of which hardly the sign is known would move its
    weight by a whole step,
  - a weight of a later step is nearer to a rounding tie or to the border of the mask than its bound allows.

Lines: case | step | what | values | bounds, fp32 as hexadecimal patterns, the bounds rounded up. what: loss, norm, rate; and
parameters, first, second (the moments): three elements of every tensor, element hash(2^20 tensor + 2^16 + j) mod size.
Weights and tokens come from a hash, which trajectory_test.cpp has too. Needs torch and numpy from PyPI; takes minutes.
"""
import math
import os

import numpy as np
import torch

from hashed import hashed_integers, hashed_values, mixed

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
E = 2.0**-24
V, C, I, LAYERS, H, KV, D, EPSILON = 29, 16, 24, 2, 4, 2, 4, float(np.float32(1e-5))
STEPS = 3
BETA1, BETA2, DECAY = (float(np.float32(x)) for x in (0.9, 0.999, 0.1))
LENGTHS = (7, 10, 5, 9, 8, 6)
CASES = {
    "cosine": dict(tied=False, mask=None, batch=3, parts=1, clip=0.125, epsilon=2**-8, peak=1e-3, steps=4, warm_up=0),
    "warm_up": dict(tied=True, mask=2.0, batch=2, parts=2, clip=0.0, epsilon=2**-6, peak=5e-4, steps=5, warm_up=2),
}


def drawn(index, name, shape, outliers):
    """hashed_values with unit 2^-12; with outliers every 37th element of a layer is 1.5 + |n| / 2^11, negative where n is."""
    values = hashed_values(index, name, shape, 2.0**-12)
    if outliers and name.endswith("_proj.weight"):
        n = hashed_integers(index, shape)
        far = np.arange(n.size) % 37 == 5
        values[far] = (np.where(n < 0, -1.0, 1.0) * (1.5 + np.abs(n) / 2**11))[far]
    return torch.tensor(values.reshape(shape))


def shapes(tied):
    result = {"model.embed_tokens.weight": (V, C)}
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        result |= {p + "input_layernorm.weight": (C,), p + "self_attn.q_proj.weight": (H * D, C),
                   p + "self_attn.k_proj.weight": (KV * D, C), p + "self_attn.v_proj.weight": (KV * D, C),
                   p + "self_attn.o_proj.weight": (C, H * D), p + "post_attention_layernorm.weight": (C,),
                   p + "mlp.gate_proj.weight": (I, C), p + "mlp.up_proj.weight": (I, C), p + "mlp.down_proj.weight": (C, I)}
    return result | {"model.norm.weight": (C,)} | ({} if tied else {"lm_head.weight": (V, C)})


# --- Perturbations.

points = []  # (zero, size of what it stands for in units of e)


def zero_like(x, size=None):
    z = torch.zeros_like(x, requires_grad=True)
    if size is not None:
        points.append((z, size.detach().expand(x.shape)))
    return z


class Pass:
    """Layers with perturbations of their results (y) and, where they train, of the gradients of their inputs."""

    def __init__(self, trains):
        self.trains, self.layers, self.extra = trains, [], 0.0

    def layer(self, inputs, f, size, back):
        """size(*inputs, y): in units of e; back(dy, *inputs): those of the gradients of the inputs, None for a constant."""
        own, zeros = list(inputs), []
        if self.trains:
            own = [x * 1.0 for x in inputs]  # an alias: its gradient is this layer's alone
            zeros = [zero_like(x) for x in own]
            self.extra = self.extra + sum((x * z).sum() for x, z in zip(own, zeros))
        y = f(*own)
        with torch.no_grad():
            s = size(*own, y)
        y = y + zero_like(y, s)
        if self.trains:
            self.layers.append((y, own, zeros, back))
        return y

    def gradients(self, loss, leaves):
        """Of the leaves; then sizes what stands beside each layer's. Their addition to others' takes up to 3 roundings more."""
        ys = [y for y, *_ in self.layers]
        found = torch.autograd.grad(loss + self.extra, leaves + ys, create_graph=True)
        with torch.no_grad():
            for dy, (_, own, zeros, back) in zip(found[len(leaves):], self.layers):
                for z, part in zip(zeros, back(dy, *own)):
                    if part is not None:
                        points.append((z, ((part[0] + 3) * part[1]).expand(z.shape)))
        return found[:len(leaves)]


def product(run, x, w, chain=None):
    """Every sum is a chain: the rounding of each partial sum. Gradients of an input that several products read are one chain."""
    n, o = x.shape[0], chain or w.shape[0]
    return run.layer([x, w], lambda x, w: x @ w.T, lambda x, w, y: (x[:, None] * w).cumsum(2).abs().sum(2),
                     lambda dy, x, w: [(o, dy.abs() @ w.abs()), (n, dy.abs().T @ x.abs())])


def rms_norm(run, x, gain):
    r = lambda x: torch.rsqrt((x * x).mean(1, keepdim=True) + EPSILON)

    def back(dy, x, gain):
        t = dy * gain
        along = r(x) ** 2 * (t * x).abs().mean(1, keepdim=True)
        # t, a sum of products, a quotient, two factors: 24 beside r (t - x along), which takes 9 more.
        return [(33, r(x) * (t.abs() + x.abs() * along)), (8 + x.shape[0], (dy * x * r(x)).abs().sum(0))]

    # A square and 6 folds, quotient, epsilon: half of 9 below the root; root, quotient; two products.
    return run.layer([x, gain], lambda x, gain: x * r(x) * gain, lambda x, gain, y: 9 * y.abs(), back)


def rope(run, x, lengths):
    heads = x.shape[1] // D
    position = torch.cat([torch.arange(n, dtype=torch.float64) for n in lengths])
    angle = position[:, None] * 10000.0 ** (-torch.arange(D // 2, dtype=torch.float64) / (D // 2))
    cos, sin = angle.cos()[:, None, :], angle.sin()[:, None, :]

    def halves(x):
        x = x.reshape(-1, heads, D)
        return x[..., :D // 2], x[..., D // 2:]

    def turned(x):
        a, b = halves(x)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).reshape(x.shape)

    def size(x):
        a, b = halves(x)
        # The frequency is within 4 e, and a product; sine and cosine, product, sum.
        return torch.cat([(5 * angle[:, None, :] + 4) * (a.abs() + b.abs())] * 2, -1).reshape(x.shape)

    return run.layer([x], turned, lambda x, y: size(x), lambda dy, x: [(1, size(dy))])


def attention(run, q, k, v):
    t, shared = q.shape[0], H // KV
    fold = lambda x: x.reshape(t, -1, D).transpose(0, 1)
    spread = lambda x: fold(x).repeat_interleave(shared, 0)
    flat = lambda x: x.transpose(0, 1).reshape(t, -1)
    joined = lambda x: flat(x.reshape(KV, shared, t, D).sum(1))
    hidden = torch.ones(t, t, dtype=torch.bool).triu(1)
    root = 1 / math.sqrt(D)
    chain = lambda a, b: (a[:, :, None] * b[:, None]).cumsum(3).abs().sum(3)  # (H, T, K), (H, S, K): the partial sums

    # Scores: a chain and a product with 1 / sqrt(D).
    scores = run.layer(
        [q, k], lambda q, k: (fold(q) @ spread(k).mT) * root,
        lambda q, k, y: (chain(fold(q), spread(k)) * root + y.abs()).masked_fill(hidden, 0),
        lambda ds, q, k: [(t + 1, flat(ds.abs() @ spread(k).abs()) * root),
                          (shared * t + 1, joined(ds.abs().mT @ fold(q).abs()) * root)])
    # Weights: an exponential, its argument's rounding, a sum, a quotient. Their gradient: a sum, a difference, two products.
    soft = lambda s: s.masked_fill(hidden, -math.inf).softmax(-1)
    reach = lambda s: s.masked_fill(hidden, -math.inf).amax(-1, keepdim=True) - s.masked_fill(hidden, math.inf).amin(-1, keepdim=True)
    weights = run.layer(
        [scores], soft, lambda s, p: (2 + reach(s) + t + 1) * p,
        lambda dp, s: [(t + 4, soft(s) * (dp.abs() + (soft(s) * dp.abs()).sum(-1, keepdim=True)))])
    return run.layer(
        [weights, v], lambda p, v: flat(p @ spread(v)), lambda p, v, y: flat(chain(p, spread(v).mT)),
        lambda dy, p, v: [(D, fold(dy).abs() @ spread(v).abs().mT), (shared * t, joined(p.mT @ fold(dy).abs()))])


def swiglu(run, gate, up):
    def back(dy, gate, up):
        s = torch.sigmoid(gate)
        return [(13, (dy * up * s).abs() * (1 + gate.abs() * (1 - s))), (5, (dy * gate * s).abs())]

    return run.layer([gate, up], lambda gate, up: gate * torch.sigmoid(gate) * up, lambda gate, up, y: 5 * y.abs(), back)


def divergence(run, logits, wanted):
    n = logits.shape[0]
    spread = lambda z: z.amax(1) - z.amin(1)
    log_sum = lambda z: (z - z.amax(1, keepdim=True)).logsumexp(1)

    def value(logits, wanted):
        log_p = wanted.log_softmax(1)
        return (log_p.exp() * (log_p - logits.log_softmax(1))).sum(1).mean()

    def size(logits, wanted, y):
        # An exponential: its argument's rounding and 2. Sums over 64 lanes: one a lane, 6 folds.
        power = 2 + torch.maximum(spread(logits), spread(wanted))
        mean = (wanted.softmax(1) * (wanted - logits).abs()).sum(1)
        logs = wanted.logsumexp(1).abs() + logits.logsumexp(1).abs()
        rows = (power + 9) * mean + 2 * (power + 6) + 2 * (log_sum(wanted) + log_sum(logits)) + 2 * logs + mean + 2 * logs
        return (rows + 9 * mean).mean()

    def back(dy, logits, wanted):
        count = 2 + torch.maximum(spread(logits), spread(wanted))[:, None] + 6 + 1 + 2
        return [(count, dy.abs() * (logits.softmax(1) + wanted.softmax(1)) / n), None]

    return run.layer([logits, wanted], value, size, back)


def add(run, x, y):
    return run.layer([x, y], lambda x, y: x + y, lambda x, y, z: z.abs(), lambda dy, x, y: [(0, dy.abs())] * 2)


def embedding(run, table, tokens):
    def back(dy, table):
        return [(len(tokens), torch.zeros_like(table).index_add(0, tokens, dy.abs()))]

    return run.layer([table], lambda table: table[tokens], lambda table, y: torch.zeros_like(y), back)


def hidden_states(run, w, tokens, lengths):
    x = embedding(run, w["model.embed_tokens.weight"], tokens)
    for i in range(LAYERS):
        of = lambda name: w[f"model.layers.{i}.{name}.weight"]
        h = rms_norm(run, x, of("input_layernorm"))
        q, k, v = (product(run, h, of(f"self_attn.{name}_proj"), (H + 2 * KV) * D) for name in "qkv")
        q, k = rope(run, q, lengths), rope(run, k, lengths)
        parts = [attention(run, *rows) for rows in zip(*(t.split(lengths) for t in (q, k, v)))]
        x = add(run, x, product(run, torch.cat(parts), of("self_attn.o_proj")))
        h = rms_norm(run, x, of("post_attention_layernorm"))
        x = add(run, x, product(run, swiglu(run, *(product(run, h, of(f"mlp.{name}_proj"), 2 * I) for name in ("gate", "up"))),
                                of("mlp.down_proj")))
    return rms_norm(run, x, w["model.norm.weight"])


# --- The bound of a number, and what the analysis rests on.


def bound(number):
    if not number.requires_grad:
        return 0.0
    found = torch.autograd.grad(number, [z for z, _ in points], retain_graph=True, allow_unused=True)
    return 9 / 8 * E * sum((g.abs() * s).sum().item() for g, (_, s) in zip(found, points) if g is not None)


def levels(w, step):
    """Codes are integers: what differs in them is the scale, which the largest of a row gives. Two roundings, scale and product."""
    scale = w.abs().amax(1, keepdim=True) / 7
    if step == 1:  # the same fp32 numbers on both sides
        x = w.detach().float()
        codes = torch.round(x * (1.0 / (x.abs().amax(1, keepdim=True) / torch.tensor(7.0, dtype=torch.float32)))).double()
    else:
        units, size = (w / scale).detach(), scale.detach()
        codes, tie = torch.round(units), (units - units.floor() - 0.5).abs() * size
        for at in (tie < 0.02 * size).nonzero().tolist():
            # Scale, reciprocal and product of at most 7 units, the weight's own error, and what the row's largest does to the tie.
            near = 7 * 3 * E * size[at[0], 0] + bound(w[*at]) + 6.5 * bound(scale[at[0], 0])
            assert tie[*at] > near, "a rounding tie"
    y = codes * scale
    return y + zero_like(y, 2 * y.abs())


def rate_of(case, k):
    if k < case["warm_up"]:
        return case["peak"] * (k + 1) / case["warm_up"]
    t = (k - case["warm_up"]) / (case["steps"] - case["warm_up"])
    return case["peak"] * 0.5 * (1 + math.cos(math.pi * t))


def patterns(values, up=False):
    a = np.array(values, dtype=np.float64)
    f = a.astype(np.float32)
    if up:
        f = np.where(f < a, np.nextafter(f, np.float32(np.inf)), f)
    return " ".join(f"{b:08x}" for b in f.view(np.uint32))


def trajectory(name, case, out):
    points.clear()
    case["peak"] = float(np.float32(case["peak"]))
    initial = {n: drawn(i + 1, n, s, case["mask"] is not None) for i, (n, s) in enumerate(shapes(case["tied"]).items())}
    head = "model.embed_tokens.weight" if case["tied"] else "lm_head.weight"
    quantized = [n for n in initial if n.endswith("_proj.weight")]
    samples = {n: [int(mixed(((i + 1) << 20) + (1 << 16) + j)) % w.numel() for j in range(3)] for i, (n, w) in enumerate(initial.items())}
    sequences = [torch.tensor([int(t) % V for t in mixed(np.arange(n) + (s << 20) + (1 << 18))]) for s, n in enumerate(LENGTHS)]
    w = {n: t + 0.0 for n, t in initial.items()}
    first, second = ({n: torch.zeros_like(t) for n, t in initial.items()} for _ in range(2))
    theirs = {n: t.clone().requires_grad_() for n, t in initial.items()}
    optimizer = torch.optim.AdamW(theirs.values(), lr=1.0, betas=(BETA1, BETA2), eps=case["epsilon"], weight_decay=DECAY)

    def write(step, what, values, bounds):
        rounded = [b + E * abs(v) for v, b in zip(values, bounds)]  # the number itself is written in fp32
        out.write(f"{name} | {step} | {what} | {patterns(values)} | {patterns(rounded, up=True)}\n")

    for step in range(1, STEPS + 1):
        shown = {n: levels(t, step) if n in quantized else t + zero_like(t) for n, t in w.items()}
        if case["mask"] and step > 1:
            assert all(((t.abs() - case["mask"]).abs() > 1e-5).all() for n, t in w.items() if n in quantized), "the mask's border"
        draws = [(step - 1) * case["parts"] * case["batch"] + i for i in range(case["parts"] * case["batch"])]
        parts = [[sequences[d % len(sequences)] for d in draws[i:i + case["batch"]]] for i in range(0, len(draws), case["batch"])]
        total = sum(len(s) for part in parts for s in part)
        loss, sums = 0.0, {n: 0.0 for n in w}
        for part in parts:
            tokens, lengths = torch.cat(part), [len(s) for s in part]
            share = float(np.float32(len(tokens) / total))
            watching, run = Pass(False), Pass(True)
            logits = product(run, hidden_states(run, shown, tokens, lengths), shown[head])
            mine = divergence(run, logits, product(watching, hidden_states(watching, initial, tokens, lengths), initial[head]))
            loss = loss + share * mine
            for n, g in zip(shown, run.gradients(mine, list(shown.values()))):
                g = g * share
                sums[n] = sums[n] + g + zero_like(g, 2 * g.abs())  # a product and a sum of parts
        gradients = {n: g * (w[n].detach().abs() < case["mask"]) if case["mask"] and n in quantized else g for n, g in sums.items()}
        norm = sum((g * g).sum() for g in gradients.values()).sqrt()
        if case["clip"] and norm.item() > case["clip"]:
            factor = case["clip"] / norm
            print(f"{name} {step}: clipped, {norm.item():.4f}")
            gradients = {n: (g * factor) + zero_like(g, 2 * (g * factor).abs()) for n, g in gradients.items()}
        check_gradients(gradients, case["epsilon"])
        rate = rate_of(case, step - 1)
        for n, g in gradients.items():
            m, v, x = first[n], second[n], w[n]
            theirs[n].grad = g.detach().clone()
            # One rounding an operation: a difference and a sum; two products and a sum; see nn/adamw.hpp.
            m = m + (1 - BETA1) * (g - m)
            first[n] = m = m + zero_like(m, m.abs() + (1 - BETA1) * (g - first[n]).abs())
            v = BETA2 * v + (1 - BETA2) * g * g
            second[n] = v = v + zero_like(v, 3 * v)
            # A root of 0 has no derivative; its gradients are exactly 0, and so is the change.
            root = torch.where(v == 0, 0.0, torch.where(v == 0, 1.0, v).sqrt()) / math.sqrt(1 - BETA2**step)
            change = rate / (1 - BETA1**step) * m / (root + case["epsilon"])
            x = (1 - rate * DECAY) * x - change
            # keep and its product, the sum: 3. Root, its scale, quotient, epsilon, quotient, step size, and a rate within 6.
            w[n] = x + zero_like(x, 3 * x.abs() + 12 * change.abs())
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        for n, t in theirs.items():
            assert (t - w[n]).abs().max().item() < 1e-13, n
        write(step, "loss", [loss.item()], [bound(loss)])
        write(step, "norm", [norm.item()], [bound(norm) + E * norm.item()])
        write(step, "rate", [rate], [6 * E * rate])
        for what, tensors in (("parameters", w), ("first", first), ("second", second)):
            chosen = [tensors[n].reshape(-1)[i] for n in samples for i in samples[n]]
            write(step, what, [c.item() for c in chosen], [bound(c) for c in chosen])
        print(f"{name} {step}: loss {loss.item():.6f} +- {bound(loss):.1e}, norm {norm.item():.6f} +- {bound(norm):.1e}, {len(points)}")


def check_gradients(gradients, epsilon):
    """Of every tensor the largest and some others."""
    for n, g in gradients.items():
        flat = g.reshape(-1)
        for i in [flat.detach().abs().argmax().item()] + list(range(0, flat.numel(), 29)):
            assert bound(flat[i]) <= (epsilon + abs(flat[i].item())) / 64, (n, i, flat[i].item(), bound(flat[i]))


def main():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "trajectory.txt"), "w") as out:
        out.write(f"# By make_trajectory.py with torch {torch.__version__.split('+')[0]}: case | step | what | values | bounds (fp32 patterns)\n")
        for name, case in CASES.items():
            trajectory(name, case, out)


main()
