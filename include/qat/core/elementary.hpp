#pragma once

#include <qat/config.hpp>
#include <qat/core/batch.hpp>
#include <qat/core/detail/trigonometric_reduction.hpp>
#include <qat/core/float_arithmetic.hpp>

#include <cstdint>
#include <limits>

/// \file
/// exp, log, pow, sin, cos and rsqrt, written once for a float and for a batch from fma, +, -, *, / and integer operations: the
/// same bits on every architecture, compiler and flag.
///
/// The polynomials were made for this file: minimax by the Remez exchange on the stated interval in 160-bit arithmetic, for
/// relative error of the function, with the coefficients rounded to float one after the other from the lowest degree up and
/// the rest fitted again after each rounding. Stated approximation errors are those of the rounded polynomial, before the
/// rounding of its evaluation. Errors in ulp are the maxima over all floats, measured against double; an ulp is the
/// distance of the two floats around the exact value (2^-149 below the normal range).

namespace qat::core {
namespace detail {

template <class V>
[[nodiscard]] QAT_INLINE V infinity() noexcept {
  return V(std::numeric_limits<float>::infinity());
}

template <class V>
[[nodiscard]] QAT_INLINE V not_a_number() noexcept {
  return V(std::numeric_limits<float>::quiet_NaN());
}

/// x rounded to the nearest integer, as float and as integer. Valid for |x| <= 2^22.
template <class V>
struct nearest_integer {
  V value;
  integer_lanes<V> integer;

  QAT_INLINE explicit nearest_integer(V shifted) noexcept
      : value(shifted - V(magic)),
        integer(core::bits_of(shifted) - integer_lanes<V>(core::bits_of(magic))) {}

  /// Adding 1.5 * 2^23 leaves no room for a fraction; the low bits of the pattern are then the integer.
  static constexpr float magic = 0x1.8p23f;
};

/// p * 2^n with one rounding, for p in [1/2, 2] and n in [-252, 254]: subnormal results and overflow come out right. Opaque,
/// so that a caller may add to it.
template <class V>
[[nodiscard]] QAT_INLINE V scale_by_power(V p, integer_lanes<V> n) noexcept {
  using I = integer_lanes<V>;
  const I half = core::shift_right<1>(n);
  const V first = core::float_of_bits(core::shift_left<23>(I(half + I(127))));
  const V second = core::float_of_bits(core::shift_left<23>(I(n - half + I(127))));
  return core::opaque(V((p * first) * second));
}

/// A positive finite float as m * 2^k with m in [sqrt(1/2), sqrt(2)); anything else gives some finite m and k.
template <class V>
struct binary_parts {
  V m;
  V k;

  QAT_INLINE explicit binary_parts(V x) noexcept {
    using I = integer_lanes<V>;
    const auto subnormal = x < V(0x1p-126f);
    const I bits = core::magnitude_bits(core::select(subnormal, V(x * V(0x1p24f)), x));
    const I exponent = core::shift_right<23>(I(bits - I(0x3f3504f3)));  // 0x3f3504f3: sqrt(1/2)
    m = core::float_of_bits(I(bits - core::shift_left<23>(exponent)));
    k = core::select(subnormal, V(core::to_float(exponent) - V(24.0f)), core::to_float(exponent));
  }
};

}  // namespace detail

/// Exponential function.
///
///   e^x = 2^n * e^r,  n = round(x / ln 2),  |r| <= ln(2) / 2,  e^r = 1 + r + r^2 q(r), q of degree 5
///
/// Valid   all floats: x >= 88.72284 gives infinity, x <= -103.97208 gives +0, subnormal results are rounded once more; NaN
///         stays NaN.
/// Error   <= 0.777 ulp (all floats); approximation 2^-31.1.
/// Cost    9 fma and about 16 other operations.
template <float_lanes V, class Arch = arch_of<V>>
[[nodiscard]] QAT_INLINE V exp(V x) noexcept {
  // Beyond these the result is infinity or zero anyway; NaN fails both comparisons and stays.
  x = core::select(x > V(89.0f), V(89.0f), x);
  x = core::select(x < V(-104.0f), V(-104.0f), x);
  const detail::nearest_integer<V> n(
      core::fma(x, V(0x1.715476p+0f), V(detail::nearest_integer<V>::magic)));  // 1 / ln 2
  V r = core::fma(n.value, V(-0x1.62e4p-1f), x);   // ln 2, 15 bits: n * it is exact
  r = core::fma(n.value, V(-0x1.7f7d1cp-20f), r);  // the rest of ln 2
  V q = core::fma(r, V(0x1.6b6cdap-13f), V(0x1.6d40ap-10f));
  q = core::fma(r, q, V(0x1.11372ap-7f));
  q = core::fma(r, q, V(0x1.5554f2p-5f));
  q = core::fma(r, q, V(0x1.55553cp-3f));
  q = core::fma(r, q, V(0.5f));
  const V head = V(1.0f) + r;
  const V rest = (V(1.0f) - head) + r;  // exact
  const V p = head + core::fma(V(r * r), q, rest);
  return detail::scale_by_power<V>(p, n.integer);
}

/// Natural logarithm.
///
///   log(m 2^k) = k ln 2 + f - f^2 / 2 + f^3 p(f),  f = m - 1,  m in [sqrt(1/2), sqrt(2)),  p of degree 8
///
/// k ln 2 + f is kept as a sum of two floats, so that results near zero lose nothing.
///
/// Valid   all floats: +-0 gives -infinity, x < 0 gives NaN, infinity stays, NaN stays; subnormals are exact inputs.
/// Error   <= 0.836 ulp (all floats); approximation 2^-29.2.
/// Cost    12 fma and about 18 other operations.
template <float_lanes V, class Arch = arch_of<V>>
[[nodiscard]] QAT_INLINE V log(V x) noexcept {
  const detail::binary_parts<V> parts(x);
  const V f = parts.m - V(1.0f);
  const V s = f * f;
  V p = core::fma(f, V(0x1.b39e5cp-5f), V(-0x1.bea27cp-4f));
  p = core::fma(f, p, V(0x1.f01c7ep-4f));
  p = core::fma(f, p, V(-0x1.01112ap-3f));
  p = core::fma(f, p, V(0x1.230254p-3f));
  p = core::fma(f, p, V(-0x1.552e44p-3f));
  p = core::fma(f, p, V(0x1.99a544p-3f));
  p = core::fma(f, p, V(-0x1.000072p-2f));
  p = core::fma(f, p, V(0x1.555548p-2f));
  p = core::fma(f, p, V(-0.5f));
  const V ln2(0x1.62e4p-1f);  // 15 bits: k * ln2 is exact
  const V high = core::fma(parts.k, ln2, f);
  const V low = core::fma(parts.k, ln2, core::negate(high)) + f;
  const V tail = core::fma(s, p, core::fma(parts.k, V(0x1.7f7d1cp-20f), low));
  const V special =
      core::select(x == V(0.0f), core::negate(detail::infinity<V>()),
                   core::select(x == detail::infinity<V>(), x, detail::not_a_number<V>()));
  return core::select(x > V(0.0f) && x < detail::infinity<V>(), V(high + tail), special);
}

namespace detail {

/// log2 of a positive finite float as the unevaluated sum high + low.
///
///   log2(m 2^k) = k + s (C0 + z (C1 + z Q(z))),  s = (m - 1) / (m + 1),  z = s^2,  C0 = 2 / ln 2,  C1 = 2 / (3 ln 2)
///
/// Error  relative 2^-35 or less of the sum: Q (degree 2) contributes 2^-36.7, what is kept in one float 2^-36.
template <class V>
struct split_log2 {
  V high;
  V low;

  QAT_INLINE explicit split_log2(V x) noexcept {
    const binary_parts<V> parts(x);
    const V numerator = parts.m - V(1.0f);  // exact
    const V denominator = parts.m + V(1.0f);
    const V denominator_low = (V(1.0f) - denominator) + parts.m;
    const V s = core::opaque(core::divide(numerator, denominator));
    V rest = core::fma(core::negate(s), denominator, numerator);
    rest = core::fma(core::negate(s), denominator_low, rest);
    const V s_low = core::divide(rest, denominator);

    const V z = core::product(s, s);
    const V z_low = core::fma(V(s + s), s_low, core::fma(s, s, core::negate(z)));
    V q = core::fma(z, V(0x1.59ef4ep-2f), V(0x1.a5bbf2p-2f));
    q = core::fma(z, q, V(0x1.27770ep-1f));

    // v = C1 + z Q;  t = z v;  w = C0 + t;  each as a sum of two floats.
    const V c1(0x1.ec709ep-1f);
    const V v = core::fma(z, q, c1);
    const V v_low = core::fma(z, q, V(c1 - v)) + V(-0x1.e2fe02p-28f);
    const V t = core::product(z, v);
    const V t_low = core::fma(z, v_low, core::fma(z_low, v, core::fma(z, v, core::negate(t))));
    const V c0(0x1.715476p+1f);
    const V w = c0 + t;
    const V w_low = ((c0 - w) + t) + (t_low + V(0x1.4ae0c0p-25f));

    const V log_m = core::product(s, w);
    const V log_m_low =
        core::fma(s, w_low, core::fma(s_low, w, core::fma(s, w, core::negate(log_m))));
    const V sum = parts.k + log_m;  // |k| >= 1 > |log_m|, or k = 0: the error below is exact
    const V sum_low = ((parts.k - sum) + log_m) + log_m_low;
    high = core::opaque(V(sum + sum_low));
    low = (sum - high) + sum_low;
  }
};

/// 2^(high + low) for |high| <= 250 and |low| <= 2^-16: 1 + r ln 2 + r^2 p(r) on |r| <= 1/2, p of degree 5.
///
/// Error  approximation 2^-27.6, of which most is ln 2 in one float.
template <class V>
[[nodiscard]] QAT_INLINE V exp2_of_sum(V high, V low) noexcept {
  const nearest_integer<V> n(V(high + V(nearest_integer<V>::magic)));
  const V r = (high - n.value) + low;
  V p = core::fma(r, V(0x1.d47dc4p-17f), V(0x1.434bfp-13f));
  p = core::fma(r, p, V(0x1.5da82ep-10f));
  p = core::fma(r, p, V(0x1.3b2a78p-7f));
  p = core::fma(r, p, V(0x1.c6b06ep-5f));
  p = core::fma(r, p, V(0x1.ebfbep-3f));
  const V linear = core::product(r, V(0x1.62e43p-1f));
  const V head = V(1.0f) + linear;
  const V rest = ((V(1.0f) - head) + linear) + core::fma(r, V(0x1.62e43p-1f), core::negate(linear));
  return scale_by_power<V>(head + core::fma(V(r * r), p, rest), n.integer);
}

}  // namespace detail

/// x to the power y.
///
///   |x|^y = 2^(y log2 |x|), log2 and the product with y as sums of two floats; the sign for odd integers y
///
/// Valid   all floats, with the special values of IEEE 754 pow: x^0 = 1^y = 1 even for NaN; (-1)^(+-inf) = 1; x < 0 with a
///         finite y that is no integer gives NaN; zeros and infinities keep the sign for odd integers y.
/// Error   <= 0.85 ulp (not exhaustive: the maximum over 50 million pairs was 0.824, at subnormal
///         results; 0.75 for RoPE, bases 10^4 to 10^7 and all exponents -i / 2^22).
/// Cost    about 26 fma, two divisions and 60 other operations.
template <float_lanes V, class Arch = arch_of<V>>
[[nodiscard]] V pow(V x, V y) noexcept {
  using I = integer_lanes<V>;
  const V zero(0.0f), one(1.0f);
  const V inf = detail::infinity<V>();
  const V base = core::absolute(x);
  const V size = core::absolute(y);

  const detail::split_log2<V> log2(base);
  const auto regular = base > zero && base < inf;
  const V log2_high =
      core::select(regular, log2.high, core::select(base == zero, core::negate(inf), base));
  V high = core::product(y, log2_high);
  V low = core::fma(y, log2.low, core::fma(y, log2_high, core::negate(high)));
  // Beyond 2^+-200 the result is zero or infinity; there, and for infinities and NaN, the low part means nothing.
  low = core::select(core::absolute(high) < V(200.0f), low, zero);
  high = core::select(high > V(200.0f), V(200.0f), high);
  high = core::select(high < V(-200.0f), V(-200.0f), high);
  V result = detail::exp2_of_sum<V>(high, low);

  const V half = y * V(0.5f);
  const auto integer = core::trunc(y) == y;
  const auto odd = integer && core::trunc(half) != half;
  const I sign = core::bits_of(x) & I(std::numeric_limits<std::int32_t>::min());
  result = core::select(odd, core::float_of_bits(I(core::bits_of(result) | sign)), result);
  result = core::select(x < zero && base < inf && !integer, detail::not_a_number<V>(), result);
  result = core::select((x == one) || (y == zero) || (base == one && size == inf), one, result);
  return result;
}

/// Sine and cosine of the same angles.
template <float_lanes V>
struct sine_cosine {
  V sine;
  V cosine;
};

/// Sine and cosine.
///
///   x = n pi/2 + r, |r| <= 1.03 pi/4 as a sum of two floats;  sin r = r + r^3 S(r^2),  cos r = 1 - r^2/2 + r^4 C(r^2);
///   n mod 4 tells which of the two, and its sign
///
/// Valid   all floats: infinities and NaN give NaN; sin(-0) = -0. Lanes with |x| > 2^20 (a context of a million positions)
///         are reduced one by one in integers, with 96 bits of 2/pi.
/// Error   sine <= 0.729 ulp, cosine <= 0.731 ulp (all floats); approximation 2^-32.3 and 2^-36.7.
/// Cost    about 18 fma and 35 other operations for both.
template <float_lanes V, class Arch = arch_of<V>>
[[nodiscard]] sine_cosine<V> sin_cos(V x) noexcept {
  using I = integer_lanes<V>;
  const detail::reduced_angle<V> angle = detail::reduce_angle<V, Arch>(x);
  const V r = angle.high;
  const V z = core::product(r, r);
  const V half_z = core::product(z, V(0.5f));  // exact, but r^2 may underflow

  V s = core::fma(z, V(0x1.79b826p-19f), V(-0x1.a05146p-13f));
  s = core::fma(z, s, V(0x1.11116ep-7f));
  s = core::fma(z, s, V(-0x1.555556p-3f));
  // The low part of the angle enters by the derivative: cos r = 1 - z / 2.
  const V sine = r + core::fma(r, V(z * s), V(angle.low * (V(1.0f) - half_z)));

  V c = core::fma(z, V(-0x1.330d7p-22f), V(0x1.a06674p-16f));
  c = core::fma(z, c, V(-0x1.6c1754p-10f));
  c = core::fma(z, c, V(0x1.555556p-5f));
  const V head = V(1.0f) - half_z;
  const V z_low = core::fma(r, r, core::negate(z));
  const V head_low = core::fma(z_low, V(-0.5f), V((V(1.0f) - head) - half_z));
  const V cosine = head + core::fma(V(z * z), c, core::fma(core::negate(r), angle.low, head_low));

  const I n = angle.quadrant;
  const auto swap = core::float_mask((n & I(1)) != I(0));
  const I sine_sign = core::shift_left<30>(I(n & I(2)));
  const I cosine_sign = core::shift_left<30>(I((n + I(1)) & I(2)));
  const V first = core::select(swap, cosine, sine);
  const V second = core::select(swap, sine, cosine);
  return {core::select(x == V(0.0f), x, core::float_of_bits(I(core::bits_of(first) ^ sine_sign))),
          core::float_of_bits(I(core::bits_of(second) ^ cosine_sign))};
}

/// Sine; see sin_cos.
///
///   sin x
///
/// Error  <= 0.729 ulp (all floats).
template <float_lanes V, class Arch = arch_of<V>>
[[nodiscard]] V sin(V x) noexcept {
  return core::sin_cos<V, Arch>(x).sine;
}

/// Cosine; see sin_cos.
///
///   cos x
///
/// Error  <= 0.731 ulp (all floats).
template <float_lanes V, class Arch = arch_of<V>>
[[nodiscard]] V cos(V x) noexcept {
  return core::sin_cos<V, Arch>(x).cosine;
}

/// Reciprocal of the square root: two operations, each correctly rounded.
///
///   fl32(1 / fl32(sqrt(x)))
///
/// Valid  all floats: +-0 gives +-infinity, x < 0 NaN, infinity +0.
/// Error  <= 1.491 ulp (all floats).
/// Cost   one square root, one division.
template <float_lanes V, class Arch = arch_of<V>>
[[nodiscard]] QAT_INLINE V rsqrt(V x) noexcept {
  return core::divide(V(1.0f), core::sqrt(x));
}

}  // namespace qat::core
