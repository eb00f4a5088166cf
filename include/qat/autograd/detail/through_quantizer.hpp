#pragma once

#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/tape.hpp>
#include <qat/quant/fake_quantize_backward.hpp>
#include <qat/quant/gradient_mask.hpp>
#include <qat/quant/parameters.hpp>
#include <qat/quant/scale_gradient.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

/// \file
/// What the operations that quantize share: room for parameters, and the way of a gradient through a quantizer.

namespace qat::detail {

/// A quantizer whose gradient is not simply that of its levels.
template <class Q>
concept has_own_gradient =
    quantizer_like<Q> && !std::is_same_v<typename Q::gradient, straight_through>;

/// A quantizer through which not every gradient passes.
template <class Q>
concept has_masked_gradient =
    has_own_gradient<Q> && !std::is_same_v<typename Q::gradient, through_scale>;

/// dx += mask(dy), and what comes through the scales where the gradient policy of Q says so. dy is masked in place.
template <quantizer_like Q>
void add_through_quantizer(Tape<float>& tape, const matrix_view<const float>& x,
                           const parameters_view<Q>& p, const matrix_view<float>& dy,
                           const matrix_view<float>& dx) {
  if constexpr (reaches_scale<typename Q::gradient>)
    if (tape.computes()) add_scale_gradient<Q>(parallel(tape.executor()), x, p, dy, dx);
  if constexpr (has_masked_gradient<Q>) {
    const ArenaScope scope(tape.arena());
    const auto mask = tape.arena().template take<std::uint64_t>(Shape{mask_words(x.rows, x.cols)});
    if (!tape.computes()) return;
    const std::span<std::uint64_t> words(mask.data(), mask.size());
    gradient_mask<Q>(parallel(tape.executor()), x, p, words);
    fake_quantize_backward<Q>(parallel(tape.executor()), words, dy);
  }
  if (!tape.computes()) return;
  for_row_blocks(tape, x.rows, x.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r)
      add_to<float, core::default_arch>(dx.row(r), dy.row(r), x.cols);
  });
}

/// Adds to the gradient of v what Q lets through of the gradient of its levels: add(view) adds the latter to a view. What
/// is not quantized, or goes straight through, is added where it belongs, continuing the chains that are there.
template <class Q, class Parameters, class Add>
void add_gradient_of(Tape<float>& tape, const Variable<float>& v, const Parameters& p, Add&& add) {
  if constexpr (!has_own_gradient<Q>) {
    add(v.gradient);
  } else {
    const ArenaScope scope(tape.arena());
    const auto gradient = tape.arena().template take<float>(v.shape());
    if (tape.computes()) std::fill_n(gradient.data(), gradient.size(), 0.0f);
    add(gradient);
    add_through_quantizer<Q>(tape, v.value.matrix(), view_of<Q>(p), gradient.matrix(),
                             v.gradient.matrix());
  }
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
