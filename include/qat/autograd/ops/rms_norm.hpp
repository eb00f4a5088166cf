#pragma once

#include <qat/autograd/tape.hpp>
#include <qat/kernels/arithmetic.hpp>
#include <qat/kernels/rms_norm_quantize.hpp>

#include <cmath>
#include <cstddef>
#include <type_traits>

/// \file
/// RMSNorm.

namespace qat {

namespace detail {

/// 1 / rms of a row and the row times it and gain: in float with the bits of rms_norm_quantize.
template <class T, class Arch>
T normalize_row(const T* x, const T* gain, T epsilon, T* y, std::size_t n) {
  if constexpr (std::is_same_v<T, float>) {
    using row = rms_norm_row<simd<Arch>>;
    const float factor = inverse_rms(row::sum_of_squares(x, n), n, epsilon);
    row::normalize(x, gain, factor, y, n);
    return factor;
  } else {
    const T mean = arithmetic::rows<T, Arch>::sum_of_squares(x, n) / static_cast<T>(n);
    const T factor = T{1} / std::sqrt(mean + epsilon);
    for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * factor * gain[i];
    return factor;
  }
}

}  // namespace detail

/// y = x r gain,  r = 1 / sqrt(sum_i x_i^2 / C + epsilon) for each row.
///
/// Shapes    x, y (..., C) without gaps; gain (C).
/// Valid     epsilon >= 0, C < 2^24.
/// Error     as rms_norm_quantize, whose bits it has before quantization.
/// Gradient  with t = dy gain:  dx += r (t - x r^2 sum_i(t_i x_i) / C),  dgain += sum over rows of dy x r, rows ascending.
/// Throws    ContractViolation if shapes disagree.
/// Cost      two reads and a write an element; backward scratch of the size of x.
/// Source    Zhang and Sennrich 2019 (arXiv 1910.07467), eq. (4).
template <class T, class Arch = core::default_arch>
Variable<T> rms_norm(Tape<T>& tape, const Variable<T>& x, const Variable<T>& gain,
                     std::type_identity_t<T> epsilon) {
  const std::size_t rows = x.value.rows();
  const std::size_t cols = x.value.cols();
  QAT_EXPECTS(gain.shape().size() == cols,
              to_string(gain.shape()) + " gains for rows of " + std::to_string(cols));
  const Variable<T> y = tape.make(x.shape(), x.tracked || gain.tracked);
  const TensorView<T> factors = tape.arena().template take<T>(Shape{rows});
  if (tape.computes())
    detail::for_row_blocks(tape, rows, cols, [&](std::size_t first, std::size_t last) {
      for (std::size_t r = first; r < last; ++r)
        factors.data()[r] = detail::normalize_row<T, Arch>(x.value.row(r), gain.value.data(),
                                                           epsilon, y.value.row(r), cols);
    });
  tape.record(y, [x, gain, y, factors, rows, cols](Tape<T>& t) {
    using row = arithmetic::rows<T, Arch>;
    using V = typename row::lanes;
    const TensorView<T> scratch = t.arena().template take<T>(Shape{rows, cols});
    if (!t.computes()) return;
    if (x.tracked)
      detail::for_row_blocks(t, rows, cols, [&](std::size_t first, std::size_t last) {
        for (std::size_t r = first; r < last; ++r) {
          const T* const in = x.value.row(r);
          T* const weighted = scratch.row(r);
          row::map(
              cols, weighted, [](V d, V g) { return arithmetic::product(d, g); },
              static_cast<const T*>(y.gradient.row(r)), static_cast<const T*>(gain.value.data()));
          const T factor = factors.data()[r];
          const T share = row::dot(weighted, in, cols) / static_cast<T>(cols);
          const T along = arithmetic::product(arithmetic::product(factor, factor), share);
          row::map(
              cols, x.gradient.row(r),
              [&](V dx, V w, V v) {
                const V across = arithmetic::fma(V(V(T{0}) - v), V(along), w);
                return arithmetic::fma(V(factor), across, dx);
              },
              static_cast<const T*>(x.gradient.row(r)), static_cast<const T*>(weighted), in);
        }
      });
    if (gain.tracked)
      core::parallel_for(t.executor(), cols, 256, [&](std::size_t first, std::size_t last) {
        for (std::size_t r = 0; r < rows; ++r) {
          T* const dg = gain.gradient.data() + first;
          row::map(
              last - first, dg,
              [&](V g, V d, V v) {
                return arithmetic::fma(d, arithmetic::product(v, V(factors.data()[r])), g);
              },
              static_cast<const T*>(dg), static_cast<const T*>(y.gradient.row(r) + first),
              static_cast<const T*>(x.value.row(r) + first));
        }
      });
  });
  return y;
}

}  // namespace qat
