#!/usr/bin/env python3
"""Writes layers.txt: outputs and gradients of single layers by torch, quantized ones with the straight-through estimator.

Codes and scales are computed in fp32 (absmax / qmax, product with 1 / scale, rounded to nearest even); all else in double
from them, so that the numbers are exact beside an fp32 implementation. Lines: case | tensor | values | sizes, fp32 as
hexadecimal patterns; a size is the sum of the absolute values of the terms whose sum the value is: what roundings are
relative to. Inputs come from a hash, which torch_layers_test.cpp has too. Needs torch and numpy from PyPI.
"""
import math
import os

import numpy as np
import torch

from hashed import hashed_integers

out = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "layers.txt"), "w")
out.write(f"# By make_layers.py with torch {torch.__version__.split('+')[0]}: case | tensor | values | sizes (fp32 patterns)\n")


def drawn(index, *shape):
    """(hash(2^20 index + i) / 2^20 - 2048) / 1024, in [-2, 2)."""
    return torch.tensor((hashed_integers(index, shape) / 1024).reshape(shape))


def patterns(t):
    return " ".join(f"{b:08x}" for b in t.detach().float().contiguous().view(torch.int32).numpy().astype(np.uint32).ravel())


def write(case, **tensors):
    for name, pair in tensors.items():
        out.write(f"{case} | {name} | {patterns(pair[0])} | {patterns(pair[1])}\n")


def quantize(x, bits, group=0, half=False, affine=False):
    """Codes, scales, levels in double; a group is a part of a row."""
    x = x.float()
    codes, levels = torch.empty_like(x), torch.empty(x.shape, dtype=torch.float64)
    scales = []
    for begin in range(0, x.shape[1], group or x.shape[1]):
        part = slice(begin, begin + (group or x.shape[1]))
        v = x[:, part]
        if affine:
            low, high = v.amin(1, keepdim=True).clamp(max=0.0), v.amax(1, keepdim=True).clamp(min=0.0)
            scale = (high - low) / torch.tensor(float(2**bits - 1))
            scale = scale.half().float() if half else scale
            zero = torch.round(-low * (1.0 / scale)).clamp(0, 2**bits - 1)
            c = (torch.round(v * (1.0 / scale)) + zero).clamp(0, 2**bits - 1)
        else:
            qmax = 2 ** (bits - 1) - 1
            scale = v.abs().amax(1, keepdim=True) / torch.tensor(float(qmax))
            scale = scale.half().float() if half else scale
            zero = 0.0
            c = torch.round(v * (1.0 / scale)).clamp(-qmax, qmax)
        codes[:, part] = c
        levels[:, part] = (c - zero).double() * scale.double()
        scales.append(scale)
    return codes, torch.cat(scales, 1), levels


def exact(t):
    return t, torch.zeros(())


def linear(case, wbits, abits, group):
    x, w, dy = drawn(1, 7, 37), drawn(2, 11, 37), drawn(3, 7, 11)
    cx, _, lx = quantize(x, abits)
    cw, _, lw = quantize(w, wbits, group, half=group != 0)
    write(case, x_codes=exact(cx), w_codes=exact(cw), y=(lx @ lw.T, lx.abs() @ lw.abs().T),
          dx=(dy @ lw, dy.abs() @ lw.abs()), dw=(dy.T @ lx, dy.abs().T @ lx.abs()))


linear("w4a8", 4, 8, 0)
linear("w8a8", 8, 8, 0)
linear("w4a6", 4, 6, 0)
linear("w4g16a8", 4, 8, 16)

for case, bits, width, affine in (("kv4", 4, 24, False), ("kv8", 8, 24, False), ("kv4h", 4, 8, False), ("kv4hz", 4, 8, True)):
    levels = quantize(drawn(4, 5, 24).reshape(-1, width), bits, half=True, affine=affine)[2].reshape(5, 24)
    write(case, y=(levels, levels.abs()))

# RMSNorm.
x, gain, dy = drawn(5, 6, 24).requires_grad_(), drawn(6, 24).requires_grad_(), drawn(7, 6, 24)
r = torch.rsqrt((x * x).mean(1, keepdim=True) + 1e-5)
y = x * r * gain
y.backward(dy)
t = dy * gain
along = r * r * (t * x).abs().mean(1, keepdim=True)
write("rms_norm", y=(y, y.abs()), dx=(x.grad, r * (t.abs() + x.abs() * along)), dgain=(gain.grad, (dy * x * r).abs().sum(0)))

# RoPE, half-split, two heads of 8, positions 0 .. 5.
x, dy = drawn(8, 6, 16), drawn(9, 6, 16)
frequency = 10000.0 ** (-torch.arange(4, dtype=torch.float64) / 4)
angle = torch.arange(6, dtype=torch.float64)[:, None] * frequency
cos, sin = angle.cos()[:, None, :], angle.sin()[:, None, :]


def rotate(v, sign):
    a, b = v.reshape(6, 2, 8)[..., :4], v.reshape(6, 2, 8)[..., 4:]
    size = torch.cat([a.abs() + b.abs()] * 2, -1).reshape(6, 16)
    return torch.cat([a * cos - sign * b * sin, b * cos + sign * a * sin], -1).reshape(6, 16), size


write("rope", y=rotate(x, 1), dx=rotate(dy, -1))

# Attention: causal, four query heads of 6 on two heads of keys and values, 9 positions.
q, k, v, dy = (drawn(i, 9, n) for i, n in ((10, 24), (11, 12), (12, 12), (13, 24)))
q, k, v = (a.requires_grad_() for a in (q, k, v))
heads = lambda a, n: a.reshape(9, n, 6).transpose(0, 1)
spread = lambda a: heads(a, 2).repeat_interleave(2, 0)
scale = torch.tensor(6.0, dtype=torch.float64).rsqrt()
hidden = torch.ones(9, 9, dtype=torch.bool).triu(1)
p = ((heads(q, 4) @ spread(k).transpose(1, 2)) * scale).masked_fill(hidden, -math.inf).softmax(-1)
back = lambda a: a.transpose(0, 1).reshape(9, -1)
y = back(p @ spread(v))
y.backward(dy)
with torch.no_grad():
    p, g = p.detach(), heads(dy, 4).abs()
    dp = g @ spread(v).abs().transpose(1, 2)
    ds = p * (dp + (p * dp).sum(-1, keepdim=True)) * scale
    fold = lambda a: back(a.reshape(2, 2, 9, 6).sum(1))
    largest = ((heads(q, 4).abs() @ spread(k).abs().transpose(1, 2)) * scale).masked_fill(hidden, 0).amax()
    write("attention", y=(y, back(p @ spread(v).abs())), dq=(q.grad, back(ds @ spread(k).abs())),
          dk=(k.grad, fold(ds.transpose(1, 2) @ heads(q, 4).abs())), dv=(v.grad, fold(p.transpose(1, 2) @ g)),
          largest_score=exact(largest.reshape(1)))

# SwiGLU.
gate, up, dy = drawn(14, 5, 33).mul(3).requires_grad_(), drawn(15, 5, 33).requires_grad_(), drawn(16, 5, 33)
y = torch.nn.functional.silu(gate) * up
y.backward(dy)
s = torch.sigmoid(gate)
write("swiglu", y=(y, y.abs()), dgate=(gate.grad, (dy * up * s).abs() * (1 + gate.abs() * (1 - s))),
      dup=(up.grad, (dy * gate * s).abs()))

# Losses: logits = x head^T of 8 rows, 5 channels, 13 classes; a row that is ignored; a teacher of its own.
x, head = drawn(17, 8, 5).requires_grad_(), drawn(18, 13, 5).requires_grad_()
targets = torch.tensor([0, 12, 5, -1, 7, 7, 3, 1])
logits = x @ head.T
size = x.abs() @ head.abs().T
loss = torch.nn.functional.cross_entropy(logits, targets, ignore_index=-1)
loss.backward()


def gradient_sizes(weight):
    return weight @ head.abs(), weight.T @ x.abs()


counted = (targets >= 0).double()
weight = (logits.softmax(1) + torch.nn.functional.one_hot(targets.clamp(min=0), 13)) * counted[:, None] / counted.sum()
dx, dhead = gradient_sizes(weight)
write("cross_entropy", loss=(loss.reshape(1), (logits.logsumexp(1).abs() + size.amax(1)).mean().reshape(1)),
      dx=(x.grad, dx), dhead=(head.grad, dhead), largest_logit=exact(size.amax().reshape(1)))
x.grad = head.grad = None
teacher = drawn(19, 8, 4) @ drawn(20, 13, 4).T
p = teacher.softmax(1)
logits = x @ head.T
loss = (p * (p.log() - logits.log_softmax(1))).sum(1).mean()
loss.backward()
dx, dhead = gradient_sizes((logits.softmax(1) + p) / 8)
teacher_size = drawn(19, 8, 4).abs() @ drawn(20, 13, 4).abs().T
terms = (p * (teacher - logits).abs()).sum(1) + teacher.logsumexp(1).abs() + logits.logsumexp(1).abs() + size.amax(1) + teacher_size.amax(1)
write("kl_divergence", loss=(loss.reshape(1), terms.mean().reshape(1)), dx=(x.grad, dx), dhead=(head.grad, dhead),
      largest_logit=exact(torch.maximum(size.amax(), teacher_size.amax()).reshape(1)))
