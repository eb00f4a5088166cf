#pragma once

#include <qat/kernels/detail/product_job.hpp>

#include <cstddef>
#include <cstdint>

/// \file
/// How a path's tile kernels cover a rectangle of y.
///
/// The order of loops is chunk of K, panel of columns, tile of rows: a panel's chunk (48 columns, 24 KiB) stays in L1 while
/// all rows pass over it, the rows stay in L2, partial results wait in y. A few rows only: no chunks, the weights are
/// a few streams from memory.

namespace qat::detail {

/// Rows and columns of the rectangles that a product is divided into, and that an executor runs: fixed by the shape of the
/// problem, never by the number of threads.
inline constexpr std::size_t rectangle_rows = 128;
inline constexpr std::size_t rectangle_columns = 192;

/// Pieces of a block in a chunk: 128 pieces of 3 blocks are 24 KiB.
inline constexpr std::size_t chunk_pieces = 128;

/// Correction terms of a chunk, 32 KiB of the stack.
inline constexpr std::size_t offset_capacity = 8192;

/// Codes [begin, begin + depth) along K, in `groups` groups from `group` on, at piece `piece` of each block.
struct product_chunk {
  std::size_t begin;
  std::size_t depth;
  std::size_t group;
  std::size_t groups;
  std::size_t piece;
};

template <class Kernels, int Bits, scale_mode Mode>
class ProductDriver {
 public:
  ProductDriver(const product_job& job, const product_rectangle& part) : job_(job), part_(part) {}

  void run() const {
    if (part_.rows == 0 || part_.columns == 0) return;
    const piece_shape& shape = job_.shape;
    const bool streams = part_.rows <= max_rows;
    if constexpr (Mode == scale_mode::per_channel) {
      const std::size_t step = streams ? shape.depth : chunk_pieces * piece_depth<Bits>;
      for (std::size_t k = 0; k < shape.depth; k += step) {
        const std::size_t depth = shape.depth - k < step ? shape.depth - k : step;
        run_chunk({k, depth, 0, 1, k / piece_depth<Bits>}, streams);
      }
    } else {
      std::size_t step = offset_capacity / part_.rows;
      if (!streams) {
        const std::size_t cached =
            chunk_pieces / shape.group_pieces > 0 ? chunk_pieces / shape.group_pieces : 1;
        step = cached < step ? cached : step;
      }
      for (std::size_t g = 0; g < shape.groups; g += step) {
        const std::size_t groups = shape.groups - g < step ? shape.groups - g : step;
        const std::size_t begin = g * shape.group_depth;
        const std::size_t end =
            g + groups == shape.groups ? shape.depth : begin + groups * shape.group_depth;
        run_chunk({begin, end - begin, g, groups, g * shape.group_pieces}, streams);
      }
    }
  }

 private:
  static constexpr std::size_t max_rows = Kernels::template tile_rows<Bits, Mode>;
  static constexpr std::size_t max_blocks = Kernels::tile_blocks;
  static constexpr std::size_t stream_blocks = Kernels::stream_blocks;

  void run_chunk(const product_chunk& chunk, bool streams) const {
    const piece_shape& shape = job_.shape;
    const std::size_t group_depth =
        Mode == scale_mode::per_channel ? chunk.depth : shape.group_depth;
    const std::size_t last_depth = chunk.depth - (chunk.groups - 1) * group_depth;
    std::int32_t offsets[offset_capacity];
    for (std::size_t r = 0; r < part_.rows; ++r) {
      const std::int8_t* x = row_of_x(part_.row + r) + chunk.begin;
      for (std::size_t g = 0; g < chunk.groups; ++g) {
        const std::size_t length = g + 1 == chunk.groups ? last_depth : group_depth;
        // Modulo 2^32: the correction alone may exceed an int32, the corrected sum does not.
        const auto sum =
            static_cast<std::uint32_t>(Kernels::sum_codes(x + g * group_depth, length));
        offsets[r * chunk.groups + g] =
            static_cast<std::int32_t>(0u - static_cast<std::uint32_t>(field_offset<Bits>) * sum);
      }
    }

    product_tile tile{};
    tile.x_stride = job_.x_stride;
    tile.block_bytes = shape.pieces * piece_bytes;
    tile.groups = chunk.groups;
    tile.group_depth = group_depth;
    tile.last_depth = last_depth;
    tile.offsets_stride = chunk.groups;
    tile.block_scales = shape.groups * block_columns;
    tile.y_stride = job_.y_stride;
    tile.continues = chunk.begin != 0;
    tile.completes = chunk.begin + chunk.depth == shape.depth;

    std::size_t column = part_.column;
    const std::size_t end = part_.column + part_.columns;
    while (column < end) {
      const std::size_t block = column / block_columns;
      const bool narrow = streams && part_.rows <= 2;
      std::size_t blocks = narrow ? stream_blocks : max_blocks;
      if (end - column <= (blocks - 1) * block_columns) blocks = 1;
      const std::size_t width = blocks * block_columns;
      tile.columns = end - column < width ? end - column : width;
      tile.pieces = job_.pieces + block * tile.block_bytes + chunk.piece * piece_bytes;
      tile.scales = job_.scales + block * tile.block_scales + chunk.group * block_columns;
      for (std::size_t r = 0; r < part_.rows;) {
        const std::size_t left = part_.rows - r;
        const std::size_t m = part_.row + r;
        tile.x = row_of_x(m) + chunk.begin;
        tile.x_scales = job_.x_scales + m;
        tile.offsets = offsets + r * chunk.groups;
        tile.y = job_.y + static_cast<std::ptrdiff_t>(m) * job_.y_stride + column;
        if (blocks == 1)
          r += run_tile<1>(tile, left);
        else if (narrow)
          r += run_stream_tile(tile, left);
        else
          r += run_tile<max_blocks>(tile, left);
      }
      column += width;
    }
  }

  /// Computes up to `left` rows of a panel and returns their number.
  template <std::size_t NB>
  static std::size_t run_tile(product_tile& tile, std::size_t left) {
    tile.rows = left < max_rows ? left : max_rows;
    if (max_rows > 4 && left > 4)
      Kernels::template tile<Bits, Mode, max_rows, NB>(tile);
    else if (max_rows >= 4 && left > 2)
      Kernels::template tile < Bits, Mode, max_rows<4 ? max_rows : 4, NB>(tile);
    else if (left > 1)
      Kernels::template tile<Bits, Mode, 2, NB>(tile);
    else
      Kernels::template tile<Bits, Mode, 1, NB>(tile);
    return tile.rows;
  }

  /// The same for one or two rows, which wait for memory: more blocks share their codes.
  static std::size_t run_stream_tile(product_tile& tile, std::size_t left) {
    tile.rows = left;
    if (left > 1)
      Kernels::template tile<Bits, Mode, 2, stream_blocks>(tile);
    else
      Kernels::template tile<Bits, Mode, 1, stream_blocks>(tile);
    return left;
  }

  [[nodiscard]] const std::int8_t* row_of_x(std::size_t m) const {
    return job_.x + static_cast<std::ptrdiff_t>(m) * job_.x_stride;
  }

  const product_job& job_;
  const product_rectangle& part_;
};

}  // namespace qat::detail
