#!/usr/bin/env python3
"""Compares the embedded teacher, and a folder that the library writes, with transformers: token ids and NLL.
Usage: check_transformers.py <distill_llama> <export_levels> <folder of the model with validation.txt> [context blocks]

- All ids of the text by AutoTokenizer against those that `distill_llama generate --data` stores.
- The mean NLL of the first blocks (8 of 250 tokens, protocol blocks) by AutoModelForCausalLM in fp32 and by
  `distill_llama evaluate`, each against a forward pass in double that is written here.
- The same for an export of the model in w4 and for its levels in fp32 (save_hugging_face), which must load.

What fp32 may differ by follows from that pass: each layer's result has a perturbation of zero, the derivative of the mean NLL
with respect to it times what the layer's roundings come to, in any order of summation, is what it may add. Taken as
independent of mean 0 - of a product element by element, each of its K roundings for itself; of any other layer row by row, all
of a row alike - their sum stays within 6 roots of the sum of squares but for a chance of 2 exp(-18) (Hoeffding). The worst
case, all with one sign, is printed beside it. Needs torch, transformers and safetensors from PyPI.
"""
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)
E = 2.0**-24


class Reference:
    """A LLaMA in double; collects what roundings in fp32 do to the mean NLL."""

    def __init__(self, folder):
        with open(os.path.join(folder, "config.json")) as file:
            self.config = json.load(file)
        self.w = {n: t.double() for n, t in load_file(os.path.join(folder, "model.safetensors")).items()}
        self.points, self.square, self.worst, self.nll, self.count = [], 0.0, 0.0, 0.0, 0

    def rounded(self, y, size, each=None):
        """`each`: so many independent roundings of that size an element; else rows of one error."""
        zero = torch.zeros_like(y, requires_grad=True)
        self.points.append((zero, size.detach(), each))
        return y + zero

    def product(self, x, w):
        return self.rounded(x @ w.T, x.detach().abs() @ w.abs().T, x.shape[1])

    def rms_norm(self, x, gain):
        y = x * torch.rsqrt((x * x).mean(1, keepdim=True) + self.config["rms_norm_eps"]) * gain
        # Sums over 64 lanes or in any tree: log2 C + 4 at least covers; half below the root; 4 more.
        return self.rounded(y, ((math.log2(x.shape[1]) + 6) / 2 + 4) * y.detach().abs())

    def rope(self, x, heads, d):
        a, b = x.reshape(-1, heads, d).split(d // 2, -1)
        angle = torch.arange(len(x), dtype=torch.float64)[:, None] * self.config["rope_theta"] ** (-torch.arange(d // 2) * 2.0 / d)
        cos, sin = angle.cos()[:, None], angle.sin()[:, None]
        y = torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
        # Angles: a frequency within 4 e and a product. Sine and cosine, product, sum.
        size = (5 * angle[:, None] + 4) * (a.abs() + b.abs())
        return self.rounded(y, torch.cat([size, size], -1))

    def attention(self, q, k, v):
        d, t = q.shape[-1], len(q)
        spread = lambda x: x.transpose(0, 1).repeat_interleave(q.shape[1] // x.shape[1], 0)
        q, k, v = q.transpose(0, 1), spread(k), spread(v)
        hidden = torch.ones(t, t, dtype=torch.bool).triu(1)
        sizes = (q.abs() @ k.abs().mT / math.sqrt(d)).masked_fill(hidden, 0)
        s = self.rounded((q @ k.mT / math.sqrt(d)).masked_fill(hidden, 0), 2 * sizes, d)  # with the product with 1 / sqrt(d)
        p = s.masked_fill(hidden, -math.inf).softmax(-1)
        reach = (s.detach().masked_fill(hidden, -math.inf).amax(-1, keepdim=True) - s.detach()).masked_fill(hidden, 0)
        # An exponential of a rounded difference, a sum of t, a quotient.
        p = self.rounded(p, (2 + reach + math.log2(t) + t / 64 + 7) * p.detach())
        y = self.rounded(p @ v, p.detach() @ v.detach().abs(), t)
        return y.transpose(0, 1).reshape(t, -1)

    def add(self, tokens):
        c, w = self.config, self.w
        d, heads, groups = c["head_dim"], c["num_attention_heads"], c["num_key_value_heads"]
        x = w["model.embed_tokens.weight"][tokens[:-1]]
        for i in range(c["num_hidden_layers"]):
            of = lambda name: w[f"model.layers.{i}.{name}.weight"]
            h = self.rms_norm(x, of("input_layernorm"))
            q, k, v = (self.product(h, of(f"self_attn.{name}_proj")) for name in "qkv")
            a = self.attention(self.rope(q, heads, d), self.rope(k, groups, d), v.reshape(-1, groups, d))
            x = x + self.product(a, of("self_attn.o_proj"))
            x = self.rounded(x, x.detach().abs(), 1)
            h = self.rms_norm(x, of("post_attention_layernorm"))
            gate, up = (self.product(h, of(f"mlp.{name}_proj")) for name in ("gate", "up"))
            m = torch.nn.functional.silu(gate) * up
            x = x + self.product(self.rounded(m, m.detach().abs(), 5), of("mlp.down_proj"))
            x = self.rounded(x, x.detach().abs(), 1)
        head = w["model.embed_tokens.weight"] if c["tie_word_embeddings"] else w["lm_head.weight"]
        z = self.product(self.rms_norm(x, w["model.norm.weight"]), head)
        terms = z.logsumexp(1) - z.gather(1, torch.tensor(tokens[1:])[:, None])[:, 0]
        reach = z.detach().amax(1) - z.detach().amin(1)
        terms = self.rounded(terms[:, None], (2 + reach + 6 + math.log2(z.shape[1]) + z.shape[1] / 64 + 2 * terms.detach().abs()
                                              + 2 * z.detach().abs().amax(1))[:, None])
        terms.sum().backward()
        for zero, size, each in self.points:
            found = (zero.grad.abs() * size).double() if zero.grad is not None else torch.zeros(1, 1)
            self.worst += found.sum().item() * (each or 1)
            self.square += (found.square() * each).sum().item() if each else found.sum(-1).square().sum().item()
        self.points.clear()
        self.nll += terms.sum().item()
        self.count += len(terms)

    def bounds(self):
        """Independent roundings, the worst case: in nats a token."""
        return 6 * E * math.sqrt(self.square) / self.count, E * self.worst / self.count


def stored_tokens(path):
    """The sequences of a token store; see distill/token_store.hpp."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"QATTOKEN"
    at = 16 + struct.unpack_from("<I", data, 12)[0]
    sequences = []
    while True:
        sample, count = struct.unpack_from("<II", data, at)
        if sample == 0xFFFFFFFF:
            return sequences
        sequences.append(list(struct.unpack_from(f"<{count}i", data, at + 8)))
        at += 12 + 4 * count


def main():
    program, export_levels, folder = sys.argv[1:4]
    context, blocks = (int(n) for n in sys.argv[4:6]) if len(sys.argv) > 4 else (250, 8)
    text = os.path.join(folder, "validation.txt")
    with open(text, encoding="utf-8", newline="") as file:
        words = file.read()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tokenizer.encode(words, add_special_tokens=False)
    with open(os.path.join(folder, "config.json")) as file:
        bos = json.load(file)["bos_token_id"]
    with tempfile.TemporaryDirectory() as work:
        run = os.path.join(work, "run")
        subprocess.run([program, "generate", "--model", folder, "--data", text, "--samples", "100000", "--length", str(context + 1),
                        "--keep-duplicates", "--out", run, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        ours = [t for s in stored_tokens(os.path.join(run, "tokens.qts")) for t in s[s[0] == bos:]]
        assert ours == ids[:len(ours)] and len(ids) - len(ours) < 2, (len(ours), len(ids))
        print(f"{len(ours)} token ids agree")

        exported, levels = os.path.join(work, "export"), os.path.join(work, "levels")
        subprocess.run([export_levels, folder, "w4", "32", exported], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([export_levels, exported, levels], check=True, stdout=subprocess.DEVNULL)
        for name, path in (("teacher", folder), ("levels of w4", levels)):
            reference = Reference(path)
            model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
            theirs = 0.0
            for i in range(blocks):
                block = ids[i * context:(i + 1) * context]
                reference.add(block)
                with torch.no_grad():
                    logits = model(torch.tensor([block])).logits[0, :-1].double()
                theirs += torch.nn.functional.cross_entropy(logits, torch.tensor(block[1:]), reduction="sum").item()
            theirs, exact = theirs / reference.count, reference.nll / reference.count
            bound, worst = reference.bounds()
            found = json.loads(subprocess.run(
                [program, "evaluate", "--model", path, "--tokenizer", os.path.join(folder, "tokenizer.json"), "--text", text,
                 "--protocol", "blocks", "--context", str(context), "--limit", str(blocks), "--json"],
                check=True, capture_output=True).stdout)
            assert found["tokens"] == reference.count
            print(f"{name}: NLL {exact:.9f} over {reference.count} predictions; ours {found['nll'] - exact:+.1e}, "
                  f"transformers {theirs - exact:+.1e}; bound {bound:.1e} (worst case {worst:.1e})")
            assert abs(found["nll"] - exact) <= bound and abs(theirs - exact) <= bound


main()
