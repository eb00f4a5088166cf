#pragma once

#include <qat/autograd/tape.hpp>
#include <qat/kernels/rope.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

/// \file
/// Rotary position embedding of queries or keys.

namespace qat {

/// Rotates every head of every row by its position.
///
/// Shapes    x, y (N, heads * D) without gaps; positions (N) and table borrowed until backward.
/// Valid     positions[n] < table.positions().
/// Error     two roundings an element (rotate_row).
/// Gradient  the transposed rotation of dy.
/// Throws    ContractViolation if D does not divide the columns, or with the position beyond the table.
/// Cost      a read and a write an element.
/// Source    Su et al. 2021 (arXiv 2104.09864).
template <class T, class Arch = core::default_arch>
Variable<T> rope(Tape<T>& tape, const Variable<T>& x, std::span<const std::uint32_t> positions,
                 const RopeTable<T>& table) {
  const std::size_t rows = x.value.rows();
  const std::size_t cols = x.value.cols();
  QAT_EXPECTS(table.head_size() != 0 && cols % table.head_size() == 0 && positions.size() == rows,
              to_string(x.shape()) + " with " + std::to_string(positions.size()) +
                  " positions and heads of " + std::to_string(table.head_size()));
  for (const std::uint32_t p : positions)
    QAT_EXPECTS(p < table.positions(), "position " + std::to_string(p) + " of a table of " +
                                           std::to_string(table.positions()));
  const std::size_t heads = cols / table.head_size();
  const Variable<T> y = tape.make(x.shape(), x.tracked);
  if (tape.computes())
    detail::for_row_blocks(tape, rows, cols, [&](std::size_t first, std::size_t last) {
      for (std::size_t r = first; r < last; ++r)
        rotate_row<T, Arch>(table, positions[r], heads, x.value.row(r), y.value.row(r));
    });
  tape.record(y, [x, y, positions, &table, rows, cols, heads](Tape<T>& t) {
    if (!t.computes()) return;
    detail::for_row_blocks(t, rows, cols, [&](std::size_t first, std::size_t last) {
      for (std::size_t r = first; r < last; ++r)
        add_rotated_back<T>(table, positions[r], heads, y.gradient.row(r), x.gradient.row(r));
    });
  });
  return y;
}

}  // namespace qat
