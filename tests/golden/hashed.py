"""The numbers that scripts and tests share: see tests/support/golden.hpp (mixed) and hashed_llama.hpp."""
import math

import numpy as np


def mixed(x):
    """A 32-bit hash of an array of integers."""
    x = np.asarray(x).astype(np.uint64)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return x ^ (x >> np.uint64(16))


def hashed_integers(index, shape):
    """hash(2^20 index + i) / 2^20 - 2048 for the elements i of tensor `index`, flat, as doubles."""
    return (mixed(np.arange(math.prod(shape)) + (index << 20)) >> np.uint64(20)).astype(np.float64) - 2048


def hashed_values(index, name, shape, unit):
    """n = hashed_integers: 1 + n / 2^13 in norms, n / 2^11 in the embedding, n unit elsewhere; flat."""
    n = hashed_integers(index, shape)
    return 1 + n / 2**13 if "norm" in name else n * (2.0**-11 if "embed" in name else unit)
