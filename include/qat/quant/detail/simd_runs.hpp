#pragma once

#include <qat/core/execution.hpp>
#include <qat/core/rows.hpp>
#include <qat/quant/detail/lanes.hpp>
#include <qat/quant/detail/scalar_runs.hpp>

#include <algorithm>

/// \file
/// Runs of contiguous elements of one group in registers, with the bits of scalar_runs. Tails pass through a padded
/// register's worth of stack.

namespace qat::detail {

template <quantizer_like Q, class Arch>
struct simd_runs {
  using batch = core::float_batch<Arch>;
  using int_batch = core::int_batch<Arch>;
  using code_type = typename Q::code_type;
  using application = application_lanes<typename Q::scale_application, Arch>;
  static constexpr std::size_t lanes = batch::size;
  static constexpr range_statistic statistic = Q::range::statistic;

  /// The first n < lanes elements, the rest 0.
  static QAT_INLINE batch load_part(const float* x, std::size_t n) {
    alignas(64) float part[lanes] = {};
    std::copy_n(x, n, part);
    return batch::load_aligned(part);
  }
  static QAT_INLINE void store_part(float* y, std::size_t n, batch value) {
    alignas(64) float part[lanes];
    value.store_aligned(part);
    std::copy_n(part, n, y);
  }

  static QAT_INLINE int_batch magnitude(batch x) {
    return xsimd::bitwise_cast<int_batch>(xsimd::abs(x));
  }

  static void measure(const float* x, std::size_t n, running_statistics& s) {
    if constexpr (statistic == range_statistic::min_max) {
      measure_min_max(x, n, s);
    } else {
      absmax_registers maxima;
      std::size_t i = 0;
      for (; i + 4 * lanes <= n; i += 4 * lanes) maxima.add_four(x + i);
      finish_absmax(maxima.joined(), x, i, n, s);
    }
  }

  static void measure_min_max(const float* x, std::size_t n, running_statistics& s) {
    int_batch m(0);
    batch low(s.min), high(s.max);
    std::size_t i = 0;
    // A group that is not finite has no use for its minimum and maximum, so NaN may do as it likes to them.
    for (; i + lanes <= n; i += lanes) {
      const batch value = batch::load_unaligned(x + i);
      m = xsimd::max(m, magnitude(value));
      low = xsimd::min(low, value);
      high = xsimd::max(high, value);
    }
    alignas(64) float lowest[lanes];
    alignas(64) float highest[lanes];
    low.store_aligned(lowest);
    high.store_aligned(highest);
    running_statistics mine;
    mine.absmax = static_cast<std::uint32_t>(core::reduce_max(m));
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      mine.min = lowest[lane] < mine.min ? lowest[lane] : mine.min;
      mine.max = highest[lane] > mine.max ? highest[lane] : mine.max;
    }
    s.join(mine);
    scalar_runs<Q>::measure(x + i, n - i, s);
  }

  /// Four registers of absolute maxima, so that a measurement can ride along with another loop.
  struct absmax_registers {
    int_batch a = int_batch(0), b = a, c = a, d = a;
    QAT_INLINE void add_four(const float* x) {
      a = xsimd::max(a, magnitude(batch::load_unaligned(x)));
      b = xsimd::max(b, magnitude(batch::load_unaligned(x + lanes)));
      c = xsimd::max(c, magnitude(batch::load_unaligned(x + 2 * lanes)));
      d = xsimd::max(d, magnitude(batch::load_unaligned(x + 3 * lanes)));
    }
    [[nodiscard]] QAT_INLINE int_batch joined() const {
      return xsimd::max(xsimd::max(a, b), xsimd::max(c, d));
    }
  };

  /// Adds the n - done elements of x behind `done` to the maxima of those before.
  static QAT_INLINE void finish_absmax(int_batch maxima, const float* x, std::size_t done,
                                       std::size_t n, running_statistics& s) {
    std::size_t i = done;
    for (; i + lanes <= n; i += lanes)
      maxima = xsimd::max(maxima, magnitude(batch::load_unaligned(x + i)));
    if (i < n) maxima = xsimd::max(maxima, magnitude(load_part(x + i, n - i)));
    s.absmax = std::max(s.absmax, static_cast<std::uint32_t>(core::reduce_max(maxima)));
  }

  template <bool Fresh, bool Streaming>
  static void fake_quantize(const float* x, float* y, std::size_t n, const group_operands& g,
                            const random_key& key, std::uint64_t index) {
    fake_quantize_beside<Fresh, Streaming, false>(x, y, n, g, key, index, nullptr);
  }

  /// fake_quantize of a row while the absolute maximum of the next row is taken: its reads overlap these writes.
  template <bool Fresh, bool Streaming>
  static void fake_quantize_and_measure(const float* x, float* y, std::size_t n,
                                        const group_operands& g, const random_key& key,
                                        std::uint64_t index, const float* next,
                                        running_statistics& s) {
    static_assert(statistic == range_statistic::absmax);
    const auto [registers, done] =
        fake_quantize_beside<Fresh, Streaming, true>(x, y, n, g, key, index, next);
    finish_absmax(registers.joined(), next, done, n, s);
  }

  /// Whether fake_quantize_four_rows is worth its code: only where memory is the limit.
  static constexpr bool has_four_rows = rounds_in_registers<typename Q::rounding>;

  /// Whether fake_quantize_four_rows may take these rows: all of y's start on a register.
  static bool takes_four_rows(const float* y, std::ptrdiff_t stride) {
    return reinterpret_cast<std::uintptr_t>(y) % sizeof(batch) == 0 &&
           stride % static_cast<std::ptrdiff_t>(lanes) == 0;
  }

  /// fake_quantize_and_measure<Fresh, true> of four rows side by side, the rows of x and y at their strides: four streams
  /// of reads keep more lines in flight than one, and what the prefetcher does not foresee, the start of each row, is
  /// asked for by hand.
  template <bool Fresh>
  static void fake_quantize_four_rows(const float* x, std::ptrdiff_t x_stride, float* y,
                                      std::ptrdiff_t y_stride, std::size_t n,
                                      const group_operands (&operands)[4], const random_key& key,
                                      std::uint64_t index, running_statistics (&s)[4]) {
    constexpr std::size_t step = 4 * lanes;
    group_operands g[4];
    int_batch maxima[4];
    core::detail::repeat<4>([&](auto row) QAT_LAMBDA_INLINE {
      g[row] = operands[row];
      maxima[row] = int_batch(0);
    });
    const auto value_at = [&](auto row, batch value, std::size_t i) QAT_LAMBDA_INLINE {
      return batch(application::to_value(
          level_lanes<Q, Fresh, Arch>(value, g[row], key, index + row * n + i),
          batch(g[row].value)));
    };
    std::size_t i = 0;
    for (; i + step <= n; i += step)
      core::detail::repeat<4>([&](auto row) QAT_LAMBDA_INLINE {
        const float* const from = x + std::ptrdiff_t{row} * x_stride + i;
        const float* const next = from + 4 * x_stride;
        float* const to = y + std::ptrdiff_t{row} * y_stride + i;
        prefetch_ahead(next, step);
        core::detail::repeat<4>([&](auto k) QAT_LAMBDA_INLINE {
          stream<Arch>(to + k * lanes,
                       value_at(row, batch::load_unaligned(from + k * lanes), i + k * lanes));
          maxima[row] = xsimd::max(maxima[row], magnitude(batch::load_unaligned(next + k * lanes)));
        });
      });
    core::detail::repeat<4>([&](auto row) QAT_LAMBDA_INLINE {
      const float* const from = x + std::ptrdiff_t{row} * x_stride;
      float* const to = y + std::ptrdiff_t{row} * y_stride;
      std::size_t rest = i;
      for (; rest + lanes <= n; rest += lanes)
        value_at(row, batch::load_unaligned(from + rest), rest).store_unaligned(to + rest);
      if (rest < n)
        store_part(to + rest, n - rest, value_at(row, load_part(from + rest, n - rest), rest));
      finish_absmax(maxima[row], from + 4 * x_stride, i, n, s[row]);
    });
  }

  struct measured_so_far {
    absmax_registers registers;
    std::size_t done;
  };

  /// The loop of both: with Beside, returns the maxima of next[0, done).
  template <bool Fresh, bool Streaming, bool Beside>
  static QAT_INLINE measured_so_far fake_quantize_beside(const float* x, float* y, std::size_t n,
                                                         const group_operands& operands,
                                                         const random_key& key, std::uint64_t index,
                                                         const float* next) {
    const group_operands g = operands;
    const auto value_at = [&](batch value, std::size_t at) QAT_LAMBDA_INLINE {
      return batch(application::to_value(level_lanes<Q, Fresh, Arch>(value, g, key, index + at),
                                         batch(g.value)));
    };
    absmax_registers maxima;
    std::size_t measured = 0;
    std::size_t i = 0;
    if constexpr (Streaming) {
      // Up to the first aligned element with a plain store; then around the caches.
      const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(y) / sizeof(float) % lanes;
      const std::size_t head = std::min(n, misaligned == 0 ? 0 : lanes - misaligned);
      if (head != 0) store_part(y, head, value_at(load_part(x, head), 0));
      i = head;
    }
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
      const batch v0 = value_at(batch::load_unaligned(x + i), i);
      const batch v1 = value_at(batch::load_unaligned(x + i + lanes), i + lanes);
      const batch v2 = value_at(batch::load_unaligned(x + i + 2 * lanes), i + 2 * lanes);
      const batch v3 = value_at(batch::load_unaligned(x + i + 3 * lanes), i + 3 * lanes);
      if constexpr (Streaming) {
        stream<Arch>(y + i, v0);
        stream<Arch>(y + i + lanes, v1);
        stream<Arch>(y + i + 2 * lanes, v2);
        stream<Arch>(y + i + 3 * lanes, v3);
      } else {
        v0.store_unaligned(y + i);
        v1.store_unaligned(y + i + lanes);
        v2.store_unaligned(y + i + 2 * lanes);
        v3.store_unaligned(y + i + 3 * lanes);
      }
      if constexpr (Beside) {
        maxima.add_four(next + measured);
        measured += 4 * lanes;
      }
    }
    for (; i + lanes <= n; i += lanes)
      value_at(batch::load_unaligned(x + i), i).store_unaligned(y + i);
    if (i < n) store_part(y + i, n - i, value_at(load_part(x + i, n - i), i));
    return {maxima, measured};
  }

  template <bool Fresh>
  static void quantize(const float* x, code_type* codes, std::size_t n,
                       const group_operands& operands, const random_key& key, std::uint64_t index) {
    const auto code_at = [&, g = operands](const float* from, std::size_t at) QAT_LAMBDA_INLINE {
      return code_lanes<Q, Fresh, Arch>(batch::load_unaligned(from), g, key, index + at);
    };
    std::size_t i = 0;
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
      const int_batch c0 = code_at(x + i, i);
      const int_batch c1 = code_at(x + i + lanes, i + lanes);
      const int_batch c2 = code_at(x + i + 2 * lanes, i + 2 * lanes);
      const int_batch c3 = code_at(x + i + 3 * lanes, i + 3 * lanes);
      store_codes<Arch>(codes + i, c0);
      store_codes<Arch>(codes + i + lanes, c1);
      store_codes<Arch>(codes + i + 2 * lanes, c2);
      store_codes<Arch>(codes + i + 3 * lanes, c3);
    }
    for (; i + lanes <= n; i += lanes) store_codes<Arch>(codes + i, code_at(x + i, i));
    if (i < n) {
      alignas(64) float part[lanes] = {};
      std::copy_n(x + i, n - i, part);
      code_type last[lanes];
      store_codes<Arch>(last, code_at(part, i));
      std::copy_n(last, n - i, codes + i);
    }
  }

  /// Quantizes the elements at the front whose codes fill whole registers, straight to nibbles as pack_run lays them out;
  /// returns their number: a multiple of 8, 0 where Q or Arch has no such way.
  template <bool Fresh>
  static std::size_t quantize_nibbles(const float* x, std::uint8_t* bytes, std::size_t n,
                                      const group_operands& operands, const random_key& key,
                                      std::uint64_t index) {
    if constexpr (Q::bit_width != 4 || !packs_nibbles<Arch>) {
      return 0;
    } else {
      const group_operands g = operands;
      const auto code_at = [&](std::size_t at) QAT_LAMBDA_INLINE {
        return code_lanes<Q, Fresh, Arch>(batch::load_unaligned(x + at), g, key, index + at);
      };
      std::size_t i = 0;
      for (; i + 4 * lanes <= n; i += 4 * lanes, bytes += 2 * lanes)
        store_nibbles<Arch, (Q::qmin < 0)>(bytes, code_at(i), code_at(i + lanes),
                                           code_at(i + 2 * lanes), code_at(i + 3 * lanes));
      return i;
    }
  }

  static void dequantize(const code_type* codes, float* y, std::size_t n, const group_operands& g) {
    const auto value_of = [&](const code_type* from) QAT_LAMBDA_INLINE {
      return application::to_value(load_codes<Arch>(from) - batch(g.zero_point), batch(g.value));
    };
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) value_of(codes + i).store_unaligned(y + i);
    if (i < n) {
      code_type part[lanes] = {};
      std::copy_n(codes + i, n - i, part);
      store_part(y + i, n - i, value_of(part));
    }
  }

  static std::uint64_t gradient_mask(const float* x, std::size_t n, const group_operands& g) {
    using gradient = gradient_lanes<typename Q::gradient, Arch>;
    std::uint64_t bits = 0;
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      const batch value = batch::load_unaligned(x + i);
      bits |= gradient::passes(value, units_lanes<Q, Arch>(value, g), g) << i;
    }
    if (i < n) {
      const batch value = load_part(x + i, n - i);
      const std::uint64_t last = gradient::passes(value, units_lanes<Q, Arch>(value, g), g);
      bits |= (last & ((std::uint64_t{1} << (n - i)) - 1)) << i;
    }
    return bits;
  }

  /// gradient[i] = 0 where bit i is clear; n <= 64. A register whose bits are all set is not touched.
  static QAT_INLINE void keep(float* gradient, std::size_t n, std::uint64_t bits) {
    if (n == 64)
      keep_word(gradient, bits);
    else
      scalar_runs<Q>::keep(gradient, n, bits);
  }

  static QAT_INLINE void keep_word(float* gradient, std::uint64_t bits) {
    // A few cleared elements are stored one by one: stores wait for their lines behind the loop, a load would hold it up.
    const std::uint64_t cleared = ~bits;
    std::uint64_t beyond_four = cleared;
    for (int i = 0; i < 4; ++i) beyond_four &= beyond_four - 1;
    if (beyond_four == 0) {
      for (std::uint64_t left = cleared; left != 0; left &= left - 1)
        gradient[std::countr_zero(left)] = 0.0f;
      return;
    }
    constexpr std::uint64_t all = (std::uint64_t{1} << lanes) - 1;
    core::detail::repeat<64 / lanes>([&](auto k) QAT_LAMBDA_INLINE {
      const std::uint64_t here = (bits >> (k * lanes)) & all;
      if (here == all) return;
      float* const at = gradient + k * lanes;
      xsimd::select(lanes_from_mask<Arch>(here), batch::load_unaligned(at), batch(0.0f))
          .store_unaligned(at);
    });
  }
};

/// The runs of a backend.
template <quantizer_like Q, backend Backend>
struct runs_of;
template <quantizer_like Q>
struct runs_of<Q, scalar> {
  using type = scalar_runs<Q>;
};
template <quantizer_like Q, class Arch>
struct runs_of<Q, simd<Arch>> {
  using type = simd_runs<Q, Arch>;
};

}  // namespace qat::detail
