#pragma once

#include <cstdint>

/// \file
/// The registers of the vector paths as vector types of the compiler: g++ and clang share them, and they spare every user
/// the parsing of <immintrin.h>, which takes as long as half of xsimd. Only target regions may use the wide ones.

namespace qat::detail {

using int32x16 = std::int32_t __attribute__((vector_size(64)));
using uint32x16 = std::uint32_t __attribute__((vector_size(64)));
using float32x16 = float __attribute__((vector_size(64)));

using int32x8 = std::int32_t __attribute__((vector_size(32)));
using uint32x8 = std::uint32_t __attribute__((vector_size(32)));
using int16x16 = std::int16_t __attribute__((vector_size(32)));
using char8x32 = char __attribute__((vector_size(32)));
using float32x8 = float __attribute__((vector_size(32)));

using int32x4 = std::int32_t __attribute__((vector_size(16)));
using char8x16 = char __attribute__((vector_size(16)));
using int8x16 = std::int8_t __attribute__((vector_size(16)));
using uint8x16 = std::uint8_t __attribute__((vector_size(16)));

}  // namespace qat::detail
