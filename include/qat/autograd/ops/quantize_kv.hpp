#pragma once

#include <qat/autograd/detail/through_quantizer.hpp>
#include <qat/quant/fake_quantize.hpp>

#include <cstddef>
#include <string>

/// \file
/// Rounding keys and values to the levels that the cache stores.

namespace qat {

/// y = the levels of x, each group of Q measured afresh: K and V before they are cached.
///
///   y = fake_quantize<Q>(x, calibrate<Q>(x)) over the matrix (N C / width, width)
///
/// Shapes    x, y (N, C) without gaps; width divides C: C for one group of parameters a token, the head size for one a
///           head.
/// Error     none beyond calibrate_fake_quantize, whose bits it has.
/// Gradient  as Q's gradient policy says: straight_through: dx += dy; through_scale: also what add_scale_gradient adds.  dy is
///           masked in place.
/// Throws    ContractViolation if width does not divide C.
/// Cost      a read and a write an element.
/// Source    Liu et al. 2023 (arXiv 2305.17888), section 2.2 (KV cache).
template <quantizer_like Q>
Variable<float> quantize_kv(Tape<float>& tape, const Variable<float>& x, std::size_t width) {
  QAT_EXPECTS(width != 0 && x.value.cols() % width == 0 && x.value.is_contiguous(),
              to_string(x.shape()) + " in groups of " + std::to_string(width));
  const Variable<float> y = tape.make(x.shape(), x.tracked);
  const std::size_t rows = x.value.size() / width;
  const parameters_span<Q> p = detail::take_parameters<Q>(tape.arena(), rows, width);
  const auto grouped = [rows, width](const TensorView<float>& v) {
    return matrix_view<float>(v.data(), rows, width);
  };
  if (tape.computes())
    calibrate_fake_quantize<Q>(parallel(tape.executor()), grouped(x.value), p, grouped(y.value));
  tape.record(y, [x, y, p, grouped](Tape<float>& t) {
    detail::add_through_quantizer<Q>(t, grouped(x.value), detail::view_of<Q>(p),
                                     grouped(y.gradient), grouped(x.gradient));
  });
  return y;
}

}  // namespace qat
