#pragma once

#include <qat/quant/calibrate.hpp>

/// \file
/// Between values and codes.

namespace qat {

/// What a function takes as parameters: an owning `parameters<Q>` or a view of somebody's buffers.
template <class P, class Q>
concept parameters_of_quantizer = requires(const P& p) {
  { detail::view_of<Q>(p) } -> std::same_as<parameters_view<Q>>;
};

/// Codes of the values under given parameters.
///
///   code = clamp(round(x * (1 / s)) + z, qmin, qmax)                (x / s where ScaleApplication says divide)
///
/// Shapes    x, codes (rows, cols); p as calibrate gives it.
/// Valid     s finite and > 0 (< 0 too where the range policy is signed), or NaN: then code = z. x NaN: z; x infinite:
///           qmin or qmax. Under a rounding that may move a number by a whole step (floor, a user's without `reach`),
///           |x / s| < 2^-118 is 0: the codes of a group too small for a scale are 0 by definition.
/// Ties      as Rounding says. round_stochastic draws core::random_bits(seed, stream, r * cols + c) for element (r, c).
/// Error     none: defined to the bit.
/// Throws    ContractViolation if shapes disagree, a scale is zero, infinite or of the wrong sign, a zero point is no
///           code, or the floating-point environment was changed.
/// Cost      one read and one byte written an element; no allocation.
/// Backends  scalar (oracle), simd: bit-identical.
/// Source    Jacob et al. 2018, eq. (12).
template <quantizer_like Q, execution E, readable_matrix<float> X, parameters_of_quantizer<Q> P,
          writable_matrix<typename Q::code_type> C>
void quantize(const E& e, const X& x, const P& p, C&& codes, random_key key = {}) {
  core::check_float_environment("quantize");
  const matrix_view<const float> view = as_view(x);
  const auto out = as_view(codes);
  const parameters_view<Q> params = detail::view_of<Q>(p);
  detail::check_same_shape(view, out);
  detail::check_parameters<Q>(params, view.rows, view.cols);
  using runs = detail::runs_for<Q, E>;
  const auto encode = [&](const float* from, typename Q::code_type* to, std::size_t n,
                          const detail::group_operands& g, std::uint64_t index) {
    runs::template quantize<false>(from, to, n, g, key, index);
  };
  detail::map_groups<Q>(e, view, out, params, encode);
}

template <quantizer_like Q, readable_matrix<float> X, parameters_of_quantizer<Q> P,
          writable_matrix<typename Q::code_type> C, class Arch = core::default_arch>
void quantize(const X& x, const P& p, C&& codes, random_key key = {}) {
  quantize<Q>(simd<Arch>{}, x, p, codes, key);
}

/// Measures and quantizes each group while it is in the cache: calibrate, then quantize, in one pass over memory.
///
/// Shapes    as calibrate and quantize.
/// Valid     any floats; a group that is not finite gets s = NaN, z = 0 and codes 0.
/// Error     none: the bits of the two calls.
/// Throws    as calibrate and quantize.
/// Cost      one read from memory and one byte written an element; no allocation. per_tensor, or columns contiguous in
///           memory: two reads.
template <quantizer_like Q, execution E, readable_matrix<float> X,
          writable_matrix<typename Q::code_type> C>
void calibrate_quantize(const E& e, const X& x, const parameters_span<Q>& p, C&& codes,
                        random_key key = {}) {
  core::check_float_environment("calibrate_quantize");
  const matrix_view<const float> view = as_view(x);
  const auto out = as_view(codes);
  detail::check_same_shape(view, out);
  detail::check_parameter_shape<Q>(p, view.rows, view.cols);
  if (detail::columns_are_contiguous(view) || detail::columns_are_contiguous(out)) {
    calibrate<Q>(e, view, p);
    return quantize<Q>(e, view, p, out, key);
  }
  using runs = detail::runs_for<Q, E>;
  if constexpr (Q::granularity::whole_tensor)
    detail::write_parameters<Q>(p, 0, detail::measure_tensor<Q, runs>(e, view));
  const auto encode = [&](std::size_t r, std::size_t at, std::size_t begin, std::size_t count) {
    const detail::group_parameters fresh =
        detail::measure_and_write<Q, runs>(view, r, begin, count, p, at);
    const auto g = detail::operands_of<Q>(fresh);
    const std::uint64_t index = std::uint64_t{r} * view.cols + begin;
    detail::map_pieces(
        view, out, r, begin, count,
        [&](const float* from, typename Q::code_type* to, std::size_t offset, std::size_t n) {
          if (detail::is_fresh<Q>(fresh))
            runs::template quantize<true>(from, to, n, g, key, index + offset);
          else
            runs::template quantize<false>(from, to, n, g, key, index + offset);
        });
  };
  detail::for_all_groups<Q>(e, view.rows, view.cols, encode);
}

template <quantizer_like Q, readable_matrix<float> X, writable_matrix<typename Q::code_type> C,
          class Arch = core::default_arch>
void calibrate_quantize(const X& x, const parameters_span<Q>& p, C&& codes, random_key key = {}) {
  calibrate_quantize<Q>(simd<Arch>{}, x, p, codes, key);
}

/// Values of codes.
///
///   y = (code - z) * s
///
/// Shapes    codes, y (rows, cols); p as calibrate gives it.
/// Valid     every code of its type, also outside [qmin, qmax]; s NaN gives NaN. Code = z gives +0, and -0 under a
///           negative scale (signed_absmax).
/// Error     one rounding.
/// Throws    as quantize.
/// Cost      one byte read and one float written an element; no allocation.
/// Backends  scalar (oracle), simd: bit-identical.
template <quantizer_like Q, execution E, readable_matrix<typename Q::code_type> C,
          parameters_of_quantizer<Q> P, writable_matrix<float> Y>
void dequantize(const E& e, const C& codes, const P& p, Y&& y) {
  core::check_float_environment("dequantize");
  const matrix_view<const typename Q::code_type> view = as_view(codes);
  const matrix_view<float> out = as_view(y);
  const parameters_view<Q> params = detail::view_of<Q>(p);
  detail::check_same_shape(view, out);
  detail::check_parameters<Q>(params, view.rows, view.cols);
  using runs = detail::runs_for<Q, E>;
  const auto decode = [&](const typename Q::code_type* from, float* to, std::size_t n,
                          const detail::group_operands& g,
                          std::uint64_t) { runs::dequantize(from, to, n, g); };
  detail::map_groups<Q>(e, view, out, params, decode);
}

template <quantizer_like Q, readable_matrix<typename Q::code_type> C, parameters_of_quantizer<Q> P,
          writable_matrix<float> Y, class Arch = core::default_arch>
void dequantize(const C& codes, const P& p, Y&& y) {
  dequantize<Q>(simd<Arch>{}, codes, p, y);
}

}  // namespace qat
