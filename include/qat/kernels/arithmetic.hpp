#pragma once

#include <qat/core/batch.hpp>
#include <qat/core/elementary.hpp>
#include <qat/core/rows.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

/// \file
/// One spelling of the arithmetic of an operation for float, for batches of it and for double, so that the body that
/// trains is the body whose gradient is checked. float follows core/; double promises no bits and uses <cmath>.

namespace qat::arithmetic {

/// fma(a, b, c), rounded once; in double a product and a sum.
template <class V>
[[nodiscard]] QAT_INLINE V fma(V a, V b, V c) {
  if constexpr (std::is_same_v<V, double>)
    return a * b + c;
  else
    return core::fma(a, b, c);
}

/// a * b as a number of its own.
template <class V>
[[nodiscard]] QAT_INLINE V product(V a, V b) {
  if constexpr (std::is_same_v<V, double>)
    return a * b;
  else
    return core::product(a, b);
}

/// x with its origin hidden: a product that made it is not fused into what uses it.
template <class V>
[[nodiscard]] QAT_INLINE V opaque(V x) {
  if constexpr (std::is_same_v<V, double>)
    return x;
  else
    return core::opaque(x);
}

/// a / b, rounded once.
template <class V>
[[nodiscard]] QAT_INLINE V divide(V a, V b) {
  if constexpr (std::is_same_v<V, double>)
    return a / b;
  else
    return core::divide(a, b);
}

/// The square root, rounded once.
template <class V>
[[nodiscard]] QAT_INLINE V sqrt(V x) {
  if constexpr (std::is_same_v<V, double>)
    return std::sqrt(x);
  else
    return core::sqrt(x);
}

/// e^x; float: core::exp.
template <class V>
[[nodiscard]] QAT_INLINE V exp(V x) {
  if constexpr (std::is_same_v<V, double>)
    return std::exp(x);
  else
    return core::exp(x);
}

/// The natural logarithm; float: core::log.
template <class V>
[[nodiscard]] QAT_INLINE V log(V x) {
  if constexpr (std::is_same_v<V, double>)
    return std::log(x);
  else
    return core::log(x);
}

/// The rows that operations run over: T = float in the registers of Arch, T = double one by one.
template <class T, class Arch>
struct rows {
  static_assert(std::is_same_v<T, float>);
  using lanes = core::float_batch<Arch>;

  /// The largest element, NaN where the row has one; -infinity for an empty row.
  static float maximum(const float* x, std::size_t n) { return core::bounds<Arch>(x, n).high; }
  static float sum(const float* x, std::size_t n) { return core::sum<Arch>(x, n); }
  static float dot(const float* x, const float* y, std::size_t n) {
    return core::dot<Arch>(x, y, n);
  }
  static float sum_of_squares(const float* x, std::size_t n) {
    return core::sum_of_squares<Arch>(x, n);
  }

  /// y[i] = f(x[i]...) with f over batches; rows may be the same.
  template <class F, class... X>
  QAT_INLINE static void map(std::size_t n, float* y, F&& f, const X*... x) {
    core::map<Arch>(n, y, f, x...);
  }
};

template <class Arch>
struct rows<double, Arch> {
  using lanes = double;

  static double maximum(const double* x, std::size_t n) {
    double m = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < n; ++i) m = std::max(m, x[i]);
    return m;
  }
  static double sum(const double* x, std::size_t n) {
    double s = 0.0;
    for (std::size_t i = 0; i < n; ++i) s += x[i];
    return s;
  }
  static double dot(const double* x, const double* y, std::size_t n) {
    double s = 0.0;
    for (std::size_t i = 0; i < n; ++i) s += x[i] * y[i];
    return s;
  }
  static double sum_of_squares(const double* x, std::size_t n) { return dot(x, x, n); }

  template <class F, class... X>
  static void map(std::size_t n, double* y, F&& f, const X*... x) {
    for (std::size_t i = 0; i < n; ++i) y[i] = f(x[i]...);
  }
};

}  // namespace qat::arithmetic
