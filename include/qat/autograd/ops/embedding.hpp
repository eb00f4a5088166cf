#pragma once

#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/tape.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

/// \file
/// From tokens to vectors.

namespace qat {

/// y[n] = table[tokens[n]].
///
/// Shapes    tokens (N), borrowed until backward; table (V, C) without gaps; y (N, C).
/// Valid     0 <= token < V.
/// Error     exact.
/// Gradient  dtable[tokens[n]] += dy[n], n ascending.
/// Throws    ContractViolation with the token outside the table.
/// Cost      a read and a write an element.
template <class T, class Arch = core::default_arch>
Variable<T> embedding(Tape<T>& tape, std::span<const std::int32_t> tokens,
                      const Variable<T>& table) {
  const std::size_t cols = table.value.cols();
  for (const std::int32_t token : tokens)
    QAT_EXPECTS(token >= 0 && static_cast<std::size_t>(token) < table.value.rows(),
                "token " + std::to_string(token) + " of " + std::to_string(table.value.rows()));
  const Variable<T> y = tape.make(Shape{tokens.size(), cols}, table.tracked);
  if (tape.computes())
    for (std::size_t n = 0; n < tokens.size(); ++n)
      std::copy_n(table.value.row(static_cast<std::size_t>(tokens[n])), cols, y.value.row(n));
  tape.record(y, [tokens, table, y, cols](Tape<T>& t) {
    if (!t.computes()) return;
    core::parallel_for(t.executor(), cols, 64, [&](std::size_t first, std::size_t last) {
      for (std::size_t n = 0; n < tokens.size(); ++n)
        detail::add_to<T, Arch>(table.gradient.row(static_cast<std::size_t>(tokens[n])) + first,
                                y.gradient.row(n) + first, last - first);
    });
  });
  return y;
}

}  // namespace qat
