#!/usr/bin/env python3
"""Writes torch_affine.txt: torch.fake_quantize_per_channel_affine with min/max parameters per channel.

lo = min(min x, 0), hi = max(max x, 0), s = (hi - lo) / (qmax - qmin), z = clamp(qmin - round(lo / s), qmin, qmax).
Needs PyPI torch (CPU). Lines: bits | signed (0 or 1) | s | z | patterns of x | patterns of y.
"""
import struct

import torch


def patterns(t):
    return " ".join(f"{struct.unpack('<I', struct.pack('<f', v))[0]:08x}" for v in t.tolist())


g = torch.Generator().manual_seed(7)
with open("torch_affine.txt", "w") as out:
    out.write(f"# make_torch_affine.py with torch {torch.__version__}: bits | signed | s | z | x | y, fp32 as patterns\n")
    for bits, is_signed in ((8, 0), (8, 1), (4, 0)):
        qmin = -(2 ** (bits - 1)) if is_signed else 0
        qmax = qmin + 2**bits - 1
        x = torch.randn(6, 37, generator=g)
        x[1] = x[1].abs() + 3.0   # the interval is stretched down to 0
        x[2] = -x[2].abs()
        x[3] = torch.round(x[3] * 8) / 4  # many ties
        x[4] *= 1e-20
        x[5] *= 1e20
        lo = torch.clamp(x.amin(1), max=0.0)
        hi = torch.clamp(x.amax(1), min=0.0)
        s = (hi - lo) / (qmax - qmin)
        z = torch.clamp(qmin - torch.round(lo / s), qmin, qmax).to(torch.int32)
        y = torch.fake_quantize_per_channel_affine(x, s, z, 0, qmin, qmax)
        for r in range(x.shape[0]):
            out.write(f"{bits} | {is_signed} | {patterns(s[r:r+1])} | {int(z[r])} | {patterns(x[r])} | {patterns(y[r])}\n")
