#!/usr/bin/env python3
"""Writes include/qat/io/detail/unicode_table.hpp: the properties of code points that the splits of tokenizers ask for.

Needs PyPI unicodedata2 16.0.0: the regular expressions of PyPI tokenizers 0.22 know Unicode 16.
make_tokenizer_goldens.py compares all code points with that package.
"""
import os
import unicodedata2 as unicode

LETTER, NUMBER, WORD, SPACE = 1, 2, 4, 8
WHITE_SPACE = {9, 10, 11, 12, 13, 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
# Alphabetic without being a letter, a mark or a number: Other_Alphabetic of category So.
CIRCLED = {*range(0x24B6, 0x24EA), *range(0x1F130, 0x1F14A), *range(0x1F150, 0x1F16A), *range(0x1F170, 0x1F18A)}
JOINERS = {0x200C, 0x200D}

assert unicode.unidata_version == "16.0.0", unicode.unidata_version
runs = []
for c in range(0x110000):
    category = unicode.category(chr(c))
    bits = 0
    if category[0] == "L":
        bits |= LETTER
    if category[0] == "N":
        bits |= NUMBER
    if category[0] in "LM" or category in ("Nl", "Nd", "Pc") or c in CIRCLED or c in JOINERS:
        bits |= WORD
    if c in WHITE_SPACE:
        bits |= SPACE
    if not runs or runs[-1][1] != bits:
        runs.append((c, bits))

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "../../include/qat/io/detail/unicode_table.hpp"), "w") as out:
    out.write("""#pragma once

#include <array>
#include <cstdint>

/// \\file
/// Properties of code points as runs, written by tests/golden/make_unicode_table.py.

namespace qat::io::detail {

/// Bits of a code point, as Unicode 16 has them.
enum unicode_bits : std::uint32_t {
  unicode_letter = 1,  ///< category L
  unicode_number = 2,  ///< category N
  unicode_word = 4,    ///< the word characters of UTS 18
  unicode_space = 8    ///< White_Space
};

/// One run an element: first code point << 8 | bits; it ends where the next one begins.
// clang-format off
""")
    out.write(f"inline constexpr std::array<std::uint32_t, {len(runs)}> unicode_runs = {{\n")
    words = [f"0x{c << 8 | bits:x}," for c, bits in runs]
    line = "   "
    for word in words:
        if len(line) + 1 + len(word) > 160:
            out.write(line + "\n")
            line = "   "
        line += " " + word
    out.write(line + "\n};\n// clang-format on\n\n}  // namespace qat::io::detail\n")
print(len(runs), "runs")
