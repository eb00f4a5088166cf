#!/usr/bin/env python3
"""Writes llmqat_reference.txt: the symmetric quantizer of LLM-QAT as torch evaluates it in fp32.

Arithmetic after arXiv 2305.17888 as released: s = (2^(b-1) - 1) / (max|x| + 1e-6), y = round(x s) / (s + 1e-6).
Needs PyPI torch (CPU). Lines: bits | patterns of x | patterns of y | pattern of s.
"""
import struct

import torch


def patterns(t):
    return " ".join(f"{struct.unpack('<I', struct.pack('<f', v))[0]:08x}" for v in t.tolist())


def rows():
    g = torch.Generator().manual_seed(20231)
    for n, scale in ((33, 1.0), (64, 0.02), (17, 30.0), (64, 1e-5), (16, 1e-8), (19, 1e6), (19, 1e30)):
        yield torch.randn(n, generator=g, dtype=torch.float32) * scale
    yield torch.tensor([-1.0, -0.4, 0.05, 0.33, 0.9, 2.5])
    yield torch.zeros(9)
    yield torch.tensor([0.0, -0.0, 1e-40, -1e-45, 1e-38])
    yield torch.tensor([3.4028234e38, -1e38, 1e37, 1.0, 0.0])
    yield torch.tensor([7.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.5])
    yield torch.tensor([-127.0, 0.5, 63.5, 64.5, -0.5, -126.5])


with open("llmqat_reference.txt", "w") as out:
    out.write(f"# make_llmqat_reference.py with torch {torch.__version__}: bits | x | y | s, as fp32 patterns\n")
    for x in rows():
        for bits in (3, 4, 8):
            s = (2 ** (bits - 1) - 1) / (torch.max(torch.abs(x), dim=-1, keepdim=True)[0] + 1e-6)
            y = torch.round(x * s).div(s + 1e-6)
            out.write(f"{bits} | {patterns(x)} | {patterns(y)} | {patterns(s)}\n")
