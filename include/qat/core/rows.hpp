#pragma once

#include <qat/config.hpp>
#include <qat/core/batch.hpp>
#include <qat/core/float_arithmetic.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

/// \file
/// Reductions over contiguous rows of floats, with results that are the same bits on every architecture.
///
/// Element i goes to lane i mod 64, each lane takes its elements in ascending order from +0, and the 64 lanes are folded:
/// lane j += lane j + 32, then 16, 8, 4, 2, 1. 64 lanes are enough registers on every architecture to hide the latency of an
/// addition, and their number is part of the definition. A lane without an element at the end of the row takes +0, which
/// changes nothing: an accumulator that starts at +0 never becomes -0.
///
/// Every function reads exactly n floats at x, of any alignment. `core::oracle` holds the same definitions as plain loops.

namespace qat::core {

/// Lanes of the reductions over rows.
inline constexpr std::size_t row_lanes = 64;

/// The smallest and the largest element of a row.
struct row_bounds {
  float low = 0.0f;
  float high = 0.0f;
};

namespace detail {

/// f(0), f(1), ... f(N - 1) with constant arguments: arrays of batches stay in registers at -O2 too.
template <std::size_t N, class F>
QAT_INLINE void repeat(F&& f) {
  [&]<std::size_t... I>(std::index_sequence<I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<std::size_t, I>{}), ...);
  }
  (std::make_index_sequence<N>{});
}

/// Calls f(pointer to 64 floats) for each 64 floats of the row; the rest of the row, padded, as the last 64.
template <class F>
QAT_INLINE void for_each_64(const float* x, std::size_t n, float padding, F&& f) {
  std::size_t i = 0;
  for (; n - i >= row_lanes; i += row_lanes) f(x + i);
  if (i == n) return;
  float rest[row_lanes];
  for (std::size_t j = 0; j < row_lanes; ++j) rest[j] = j < n - i ? x[i + j] : padding;
  f(rest);
}

/// registers[0] = the combination of all: register j with register j + N / 2, and so on for each half.
template <std::size_t N, class Batch, class Combine>
QAT_INLINE void fold_registers(Batch* registers, Combine&& combine) {
  if constexpr (N > 1) {
    detail::repeat<N / 2>([&](auto j) __attribute__((always_inline)) {
      registers[j] = combine(registers[j], registers[j + N / 2]);
    });
    detail::fold_registers<N / 2>(registers, combine);
  }
}

/// The 64 lanes folded to one number. `accumulators` is overwritten.
template <class Arch, std::size_t N>
[[nodiscard]] QAT_INLINE float fold(float_batch<Arch> (&accumulators)[N]) noexcept {
  static_assert(N * lane_count<Arch> == row_lanes);
  detail::repeat<N>([&](auto j) __attribute__((always_inline)) {
    accumulators[j] = core::opaque(accumulators[j]);
  });
  detail::fold_registers<N>(accumulators, [](auto a, auto b) { return decltype(a)(a + b); });
  float lanes[lane_count<Arch>];
  core::store(lanes, accumulators[0]);
  for (std::size_t half = lane_count<Arch> / 2; half > 0; half /= 2)
    for (std::size_t j = 0; j < half; ++j) lanes[j] += lanes[j + half];
  return lanes[0];
}

/// Registers that hold the 64 lanes.
template <class Arch>
inline constexpr std::size_t registers_per_row_step = row_lanes / lane_count<Arch>;

}  // namespace detail

/// The largest magnitude of a row: the integer maximum of the patterns without sign.
///
///   max over i of |x[i]|;  finite < infinity < NaN
///
/// Shapes  x (n).
/// Valid   all floats. A row with a NaN gives a NaN, else one with an infinity gives infinity; n == 0 gives 0.
/// Error   exact, independent of the order of the elements.
/// Cost    one read of the row.
template <class Arch = default_arch>
[[nodiscard]] float absmax(const float* x, std::size_t n) noexcept {
  constexpr std::size_t registers = detail::registers_per_row_step<Arch>;
  int_batch<Arch> largest[registers];
  detail::repeat<registers>([&](auto r) __attribute__((always_inline)) {
    largest[r] = int_batch<Arch>(0);
  });
  detail::for_each_64(
      x, n, 0.0f, [&](const float* p) __attribute__((always_inline)) {
        detail::repeat<registers>([&](auto r) __attribute__((always_inline)) {
          largest[r] = core::max(largest[r],
                                 core::magnitude_bits(core::load<Arch>(p + r * lane_count<Arch>)));
        });
      });
  detail::fold_registers<registers>(largest, [](auto a, auto b) { return core::max(a, b); });
  return core::float_of_bits(core::reduce_max(largest[0]));
}

/// Smallest and largest element of a row, in the order -NaN < -inf < ... < -0 < +0 < ... < inf < NaN.
///
///   low = min over i of x[i], high = max over i of x[i]
///
/// Shapes  x (n).
/// Valid   all floats. If the row holds a NaN or an infinity, so does low or high; n == 0 gives low = inf, high = -inf.
/// Error   exact, independent of the order of the elements.
/// Cost    one read of the row.
template <class Arch = default_arch>
[[nodiscard]] row_bounds bounds(const float* x, std::size_t n) noexcept {
  if (n == 0)
    return {core::float_of_bits(0x7f800000), core::negate(core::float_of_bits(0x7f800000))};
  constexpr std::size_t registers = detail::registers_per_row_step<Arch>;
  int_batch<Arch> low[registers], high[registers];
  detail::repeat<registers>([&](auto r) __attribute__((always_inline)) {
    low[r] = high[r] = int_batch<Arch>(core::order_key(core::bits_of(x[0])));
  });
  detail::for_each_64(
      x, n, x[0], [&](const float* p) __attribute__((always_inline)) {
        detail::repeat<registers>([&](auto r) __attribute__((always_inline)) {
          const int_batch<Arch> key =
              core::order_key(core::bits_of(core::load<Arch>(p + r * lane_count<Arch>)));
          low[r] = core::min(low[r], key);
          high[r] = core::max(high[r], key);
        });
      });
  detail::fold_registers<registers>(low, [](auto a, auto b) { return core::min(a, b); });
  detail::fold_registers<registers>(high, [](auto a, auto b) { return core::max(a, b); });
  return {core::float_of_bits(core::order_key(core::reduce_min(low[0]))),
          core::float_of_bits(core::order_key(core::reduce_max(high[0])))};
}

/// Sum of a row over 64 lanes.
///
///   lane[j] = (+0 + x[j]) + x[j + 64] + ...;  then lane[j] += lane[j + h] for h = 32, 16, 8, 4, 2, 1
///
/// Shapes  x (n).
/// Valid   all floats; n == 0 gives +0.
/// Error   |result - exact| <= (ceil(n / 64) + 5) * 2^-24 * sum |x[i]|, to first order.
/// Cost    one read of the row.
template <class Arch = default_arch>
[[nodiscard]] float sum(const float* x, std::size_t n) noexcept {
  constexpr std::size_t registers = detail::registers_per_row_step<Arch>;
  float_batch<Arch> lanes[registers];
  detail::repeat<registers>([&](auto r) __attribute__((always_inline)) {
    lanes[r] = float_batch<Arch>(0.0f);
  });
  detail::for_each_64(
      x, n, 0.0f, [&](const float* p) __attribute__((always_inline)) {
        detail::repeat<registers>([&](auto r) __attribute__((always_inline)) {
          // Opaque: a product that was stored to x must not be fused into this sum after inlining.
          lanes[r] += core::opaque(core::load<Arch>(p + r * lane_count<Arch>));
        });
      });
  return detail::fold<Arch>(lanes);
}

/// Sum of the squares of a row: one fma chain a lane.
///
///   lane[j] = fma(x[i], x[i], lane[j]) for i = j, j + 64, ...;  folded as sum does
///
/// Shapes  x (n).
/// Valid   all floats; n == 0 gives +0.
/// Error   relative: (ceil(n / 64) + 6) * 2^-24, to first order, barring overflow and underflow of squares.
/// Cost    one read of the row.
template <class Arch = default_arch>
[[nodiscard]] float sum_of_squares(const float* x, std::size_t n) noexcept {
  constexpr std::size_t registers = detail::registers_per_row_step<Arch>;
  float_batch<Arch> lanes[registers];
  detail::repeat<registers>([&](auto r) __attribute__((always_inline)) {
    lanes[r] = float_batch<Arch>(0.0f);
  });
  detail::for_each_64(
      x, n, 0.0f, [&](const float* p) __attribute__((always_inline)) {
        detail::repeat<registers>([&](auto r) __attribute__((always_inline)) {
          const float_batch<Arch> v = core::load<Arch>(p + r * lane_count<Arch>);
          lanes[r] = core::fma(v, v, lanes[r]);
        });
      });
  return detail::fold<Arch>(lanes);
}

/// Dot product of two rows: one fma chain a lane.
///
///   lane[j] = fma(x[i], y[i], lane[j]) for i = j, j + 64, ...;  folded as sum does
///
/// Shapes  x (n), y (n).
/// Valid   all floats; n == 0 gives +0.
/// Error   |result - exact| <= (ceil(n / 64) + 6) * 2^-24 * sum |x[i] y[i]|, to first order.
/// Cost    one read of each row.
template <class Arch = default_arch>
[[nodiscard]] float dot(const float* x, const float* y, std::size_t n) noexcept {
  constexpr std::size_t registers = detail::registers_per_row_step<Arch>;
  float_batch<Arch> lanes[registers];
  detail::repeat<registers>([&](auto r) __attribute__((always_inline)) {
    lanes[r] = float_batch<Arch>(0.0f);
  });
  const auto step = [&](const float* p, const float* q) __attribute__((always_inline)) {
    detail::repeat<registers>([&](auto r) __attribute__((always_inline)) {
      lanes[r] = core::fma(core::load<Arch>(p + r * lane_count<Arch>),
                           core::load<Arch>(q + r * lane_count<Arch>), lanes[r]);
    });
  };
  const std::size_t whole = n - n % row_lanes;
  for (std::size_t i = 0; i < whole; i += row_lanes) step(x + i, y + i);
  if (whole != n) {
    float p[row_lanes] = {}, q[row_lanes] = {};
    for (std::size_t j = 0; j < n - whole; ++j) {
      p[j] = x[whole + j];
      q[j] = y[whole + j];
    }
    step(p, q);
  }
  return detail::fold<Arch>(lanes);
}

/// y[i] = f(x[i]...) for a function with overloads (or a generic body) for float_batch<Arch>; f sees +0 in lanes beyond n.
///
///   core::map(n, y, [](auto a, auto b) { return core::product(a, b); }, a, b)
///
/// Shapes  each x (n), y (n). May alias: x == y.
/// Error   f's: y has the bits of f applied to single floats if f has the same bits on both.
/// Cost    one read of each x, one write.
template <class Arch = default_arch, class F, class... X>
QAT_INLINE void map(std::size_t n, float* y, F&& f, const X*... x) {
  constexpr std::size_t lanes = lane_count<Arch>;
  std::size_t i = 0;
  for (; n - i >= lanes; i += lanes) core::store<Arch>(y + i, f(core::load<Arch>(x + i)...));
  if (i < n) core::store_first<Arch>(y + i, n - i, f(core::load_first<Arch>(x + i, n - i)...));
}

/// map of one row: y[i] = f(x[i]).
template <class Arch = default_arch, class F>
void transform(const float* x, std::size_t n, float* y, F&& f) {
  core::map<Arch>(n, y, f, x);
}

/// The reductions as plain loops: the definition that every architecture is compared with.
namespace oracle {

namespace detail {

[[nodiscard]] inline float fold(float (&lanes)[row_lanes]) noexcept {
  for (std::size_t half = row_lanes / 2; half > 0; half /= 2)
    for (std::size_t j = 0; j < half; ++j)
      lanes[j] = core::opaque(lanes[j]) + core::opaque(lanes[j + half]);
  return lanes[0];
}

}  // namespace detail

/// See core::absmax.
[[nodiscard]] inline float absmax(const float* x, std::size_t n) noexcept {
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < n; ++i) largest = core::max(largest, core::magnitude_bits(x[i]));
  return core::float_of_bits(largest);
}

/// See core::bounds.
[[nodiscard]] inline row_bounds bounds(const float* x, std::size_t n) noexcept {
  std::int32_t low = core::order_key(std::int32_t{0x7f800000});
  std::int32_t high = core::order_key(core::bits_of(-core::float_of_bits(0x7f800000)));
  if (n != 0) low = high = core::order_key(core::bits_of(x[0]));
  for (std::size_t i = 0; i < n; ++i) {
    low = core::min(low, core::order_key(core::bits_of(x[i])));
    high = core::max(high, core::order_key(core::bits_of(x[i])));
  }
  return {core::float_of_bits(core::order_key(low)), core::float_of_bits(core::order_key(high))};
}

/// See core::sum.
[[nodiscard]] inline float sum(const float* x, std::size_t n) noexcept {
  float lanes[row_lanes] = {};
  for (std::size_t i = 0; i < n; ++i) lanes[i % row_lanes] += core::opaque(x[i]);
  return detail::fold(lanes);
}

/// See core::dot. Fuses by the scalar core::fma, hence the template: its code depends on the unit's instruction set.
template <class Arch = default_arch>
[[nodiscard]] float dot(const float* x, const float* y, std::size_t n) noexcept {
  float lanes[row_lanes] = {};
  for (std::size_t i = 0; i < n; ++i)
    lanes[i % row_lanes] = core::fma(x[i], y[i], lanes[i % row_lanes]);
  return detail::fold(lanes);
}

/// See core::sum_of_squares.
template <class Arch = default_arch>
[[nodiscard]] float sum_of_squares(const float* x, std::size_t n) noexcept {
  return oracle::dot<Arch>(x, x, n);
}

}  // namespace oracle
}  // namespace qat::core
