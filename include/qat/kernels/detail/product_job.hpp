#pragma once

#include <qat/kernels/detail/product_layout.hpp>

#include <cstddef>
#include <cstdint>

/// \file
/// What a product of codes hands to its paths: plain pointers and lengths, so that no type of a target region and no
/// type of the caller crosses the border.

namespace qat::detail {

/// A whole product y (M, N) = x (M, K) * weights (N, K).
struct product_job {
  std::size_t rows = 0;     ///< M
  std::size_t columns = 0;  ///< N
  piece_shape shape;        ///< K and its division
  const std::int8_t* x = nullptr;
  std::ptrdiff_t x_stride = 0;
  const float* x_scales = nullptr;
  const std::uint8_t* pieces = nullptr;  ///< (block, piece)
  const float* scales = nullptr;         ///< (block, group, 16)
  float* y = nullptr;
  std::ptrdiff_t y_stride = 0;
};

/// A part of y: rows [row, row + rows), columns [column, column + columns); `column` is a multiple of 16.
struct product_rectangle {
  std::size_t row = 0;
  std::size_t rows = 0;
  std::size_t column = 0;
  std::size_t columns = 0;
};

/// Copies a row of a block, `columns` of its 16 elements of four bytes. Whole rows by a register: a copy of variable length
/// goes through the stack, which costs a product a sixth of its speed, for every chunk of K reads and writes y.
QAT_INLINE void copy_columns(void* to, const void* from, std::size_t columns) {
  if (columns == block_columns)
    __builtin_memcpy(to, from, block_columns * 4);
  else
    __builtin_memcpy(to, from, columns * 4);
}

/// What one call of a tile kernel computes: up to MR rows by NB blocks of columns, over a chunk of K.
struct product_tile {
  const std::int8_t* x;  ///< first row of the tile at the chunk's first code
  std::ptrdiff_t x_stride;
  std::size_t rows;             ///< rows that exist, 1..MR
  const std::uint8_t* pieces;   ///< first block at the chunk's first piece
  std::size_t block_bytes;      ///< from a block to the next
  std::size_t groups;           ///< groups in the chunk; 1 per channel
  std::size_t group_depth;      ///< codes of every group but the last
  std::size_t last_depth;       ///< codes of the last one
  const std::int32_t* offsets;  ///< (row, group): -2^(b-1) * sum of the codes of x
  std::size_t offsets_stride;
  const float* scales;       ///< first block at the chunk's first group
  std::size_t block_scales;  ///< from a block to the next
  const float* x_scales;     ///< of the tile's first row
  float* y;                  ///< first row, first column
  std::ptrdiff_t y_stride;
  std::size_t columns;  ///< columns that exist, 1..16 NB
  /// y holds the partial results of the chunks before: int32 bits per channel, floats per group.
  bool continues;
  /// The last chunk: y gets the results.
  bool completes;
};

}  // namespace qat::detail
