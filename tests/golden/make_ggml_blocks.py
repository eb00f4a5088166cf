#!/usr/bin/env python3
"""Writes ggml_blocks.txt: blocks of ggml's Q8_0 and Q4_0 and their values, decoded by PyPI gguf.

Q8_0: fp16 scale, 32 int8. Q4_0: fp16 scale, 16 bytes, element i in the low nibble of byte i, element 16 + i in the high
one. Lines: format | bytes | patterns of the 32 values.
"""
import struct
from importlib.metadata import version

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.quants import dequantize, quantize

rng = np.random.default_rng(3)
with open("ggml_blocks.txt", "w") as out:
    out.write(f"# make_ggml_blocks.py with gguf {version('gguf')}: format | bytes | fp32 patterns\n")
    for name, kind, size in (("Q8_0", T.Q8_0, 34), ("Q4_0", T.Q4_0, 18)):
        blocks = [quantize((rng.standard_normal(32) * s).astype(np.float32), kind).reshape(-1) for s in (1.0, 0.01, 300.0)]
        codes = rng.integers(0, 256, (3, size - 2), dtype=np.uint8)
        for d, c in zip((0.5, -1.25, 6.1e-5), codes):
            blocks.append(np.concatenate([np.frombuffer(np.float16(d).tobytes(), np.uint8), c]))
        for b in blocks:
            y = dequantize(b, kind).reshape(-1).astype(np.float32)
            text = " ".join(f"{struct.unpack('<I', struct.pack('<f', v))[0]:08x}" for v in y)
            out.write(f"{name} | {' '.join(f'{v:02x}' for v in b)} | {text}\n")
