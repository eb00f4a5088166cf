#pragma once

#include <qat/quant/quantizer.hpp>

#include <cmath>
#include <cstdint>
#include <optional>

/// \file
/// A second definition of quantization, written from the formula and not from the library: code = clamp(round(units) +
/// zero_point, qmin, qmax), rounded first and clamped afterwards, sums in double, where all of them are exact.

namespace qat::testing {

inline double rounded(round_nearest_even, double x, std::uint32_t) {
  return std::nearbyint(x);
}
inline double rounded(round_half_away, double x, std::uint32_t) {
  return std::round(x);
}
inline double rounded(round_toward_zero, double x, std::uint32_t) {
  return std::trunc(x);
}
inline double rounded(round_floor, double x, std::uint32_t) {
  return std::floor(x);
}
inline double rounded(round_stochastic, double x, std::uint32_t random) {
  const double part = std::trunc(x);
  const double threshold = (static_cast<double>(random >> 9) + 0.5) / 8388608.0;
  return std::fabs(x - part) > threshold ? part + std::copysign(1.0, x) : part;
}

/// x in units of the scale as one float: a product or a quotient rounded once.
template <class Application>
float units_of(Application, float x, float scale) {
  volatile float operand = 1.0f / scale;
  volatile float units = x * operand;
  return units;
}
inline float units_of(divide, float x, float scale) {
  volatile float units = x / scale;
  return units;
}

template <class Q>
int expected_code(float x, float scale, int zero_point, std::uint32_t random = 0) {
  const float units = units_of(typename Q::scale_application{}, x, scale);
  if (std::isnan(units)) return zero_point;
  const double moved =
      rounded(typename Q::rounding{}, static_cast<double>(units), random) + zero_point;
  if (moved < Q::qmin) return Q::qmin;
  if (moved > Q::qmax) return Q::qmax;
  return static_cast<int>(moved);
}

template <class Q>
float expected_value(int code, float scale, int zero_point) {
  volatile float value = static_cast<float>(code - zero_point) * scale;
  return value;
}

}  // namespace qat::testing
