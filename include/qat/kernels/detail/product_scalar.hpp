#pragma once

#include <qat/core/float_arithmetic.hpp>
#include <qat/kernels/detail/product_job.hpp>

#include <cstddef>
#include <cstdint>

/// \file
/// The oracle of the products of codes: plain C++.

namespace qat::detail {

/// Adds the products of one group: sums[i] += sum over j < length of x[j] * code(row i of the block, j).
/// Unsigned, so that codes outside their quantizer's range wrap as they do in registers.
template <int Bits>
void accumulate_group(const std::int8_t* x, const std::uint8_t* pieces, std::size_t length,
                      std::uint32_t (&sums)[block_columns]) {
  constexpr unsigned mask = (1u << Bits) - 1u;
  for (std::size_t j = 0; j < length; ++j) {
    const std::uint8_t* piece = pieces + j / piece_depth<Bits> * piece_bytes;
    const std::size_t k = j % piece_depth<Bits>;
    for (std::size_t i = 0; i < block_columns; ++i) {
      const unsigned byte = piece[piece_byte(i, k)];
      const int code = static_cast<int>((byte >> piece_shift<Bits>(k)) & mask) - field_offset<Bits>;
      sums[i] += static_cast<std::uint32_t>(code * x[j]);
    }
  }
}

/// Computes a rectangle of y, element by element in the order that defines its bits.
template <int Bits, scale_mode Mode>
void product_scalar(const product_job& job, const product_rectangle& part) {
  const piece_shape& shape = job.shape;
  for (std::size_t m = part.row; m < part.row + part.rows; ++m) {
    const std::int8_t* x = job.x + static_cast<std::ptrdiff_t>(m) * job.x_stride;
    float* y = job.y + static_cast<std::ptrdiff_t>(m) * job.y_stride;
    const float x_scale = job.x_scales[m];
    for (std::size_t n = part.column; n < part.column + part.columns; n += block_columns) {
      const std::size_t block = n / block_columns;
      const std::size_t left = part.column + part.columns - n;
      const std::size_t columns = left < block_columns ? left : block_columns;
      const std::uint8_t* pieces = job.pieces + block * shape.pieces * piece_bytes;
      const float* scales = job.scales + block * shape.groups * block_columns;
      float reals[block_columns] = {};
      for (std::size_t g = 0; g < shape.groups; ++g) {
        std::uint32_t sums[block_columns] = {};
        accumulate_group<Bits>(x + g * shape.group_depth,
                               pieces + g * shape.group_pieces * piece_bytes, shape.length(g),
                               sums);
        for (std::size_t i = 0; i < block_columns; ++i) {
          const float sum = static_cast<float>(static_cast<std::int32_t>(sums[i]));
          const float scale = scales[g * block_columns + i];
          reals[i] = Mode == scale_mode::per_channel ? sum * (x_scale * scale)
                                                     : core::fma(sum, scale, reals[i]);
        }
      }
      for (std::size_t i = 0; i < columns; ++i)
        y[n + i] = Mode == scale_mode::per_channel ? reals[i] : reals[i] * x_scale;
    }
  }
}

}  // namespace qat::detail
