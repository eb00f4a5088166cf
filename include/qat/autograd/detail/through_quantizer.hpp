#pragma once

#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/tape.hpp>
#include <qat/quant/fake_quantize_backward.hpp>
#include <qat/quant/gradient_mask.hpp>
#include <qat/quant/parameters.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

/// \file
/// What the operations that quantize share: room for parameters, and the way of a gradient through a quantizer.

namespace qat::detail {

/// dx += mask(dy): what the gradient policy of Q lets through. `rows` is how Q sees the matrix.
template <quantizer_like Q>
void add_through_quantizer(Tape<float>& tape, const matrix_view<const float>& x,
                           const parameters_view<Q>& p, const matrix_view<float>& dy,
                           const matrix_view<float>& dx) {
  if constexpr (!std::is_same_v<typename Q::gradient, straight_through>) {
    const ArenaScope scope(tape.arena());
    const auto mask = tape.arena().template take<std::uint64_t>(Shape{mask_words(x.rows, x.cols)});
    if (!tape.computes()) return;
    const std::span<std::uint64_t> words(mask.data(), mask.size());
    gradient_mask<Q>(parallel(tape.executor()), x, p, words);
    fake_quantize_backward<Q>(parallel(tape.executor()), words, dy);
  }
  if (!tape.computes()) return;
  core::parallel_for(tape.executor(), x.rows, 64, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r)
      add_to<float, core::default_arch>(dx.row(r), dy.row(r), x.cols);
  });
}

/// Room for the parameters of a matrix (rows, cols) in the arena.
template <quantizer_like Q>
parameters_span<Q> take_parameters(Arena& arena, std::size_t rows, std::size_t cols) {
  const std::size_t count = parameter_count<Q>(rows, cols);
  const auto scales = arena.take<float>(Shape{count});
  parameters_span<Q> p{{scales.data(), scales.data() == nullptr ? 0 : count}};
  if constexpr (Q::has_zero_point) {
    const auto zero_points = arena.take<typename Q::code_type>(Shape{count});
    p.zero_points = {zero_points.data(), zero_points.data() == nullptr ? 0 : count};
  }
  return p;
}

}  // namespace qat::detail
