#pragma once

#include <qat/core/batch.hpp>
#include <qat/core/rows.hpp>

#include <cstddef>
#include <type_traits>

/// \file
/// The inner loop of every fp32 product: a few rows by one panel of columns, each output one fma chain in registers.

namespace qat::detail {

/// Columns of a panel, on every architecture.
inline constexpr std::size_t panel_cols = 32;

/// Rows of a tile: with two registers of columns, the accumulators that fit the registers.
template <class Arch>
inline constexpr std::size_t tile_rows = core::lane_count<Arch> == 16 ? 12 : 6;

/// How the rows of the left operand lie.
enum class tile_layout {
  interleaved,  ///< element (r, k) at k * Rows + r
  rows,         ///< element (r, k) at r * stride + k
};

/// y(r, c) = chain over k = 0 .. depth - 1 of fma(a(r, k), b(k, c), .), from +0 or, with `continues`, from y(r, c).
///
/// Shapes  a (Rows, depth) in Layout; b Panels of (depth, 32), panel_stride apart, rows b_stride apart; y (Rows, 32 Panels),
///         rows y_stride apart.
/// Error   one fma a term, in ascending k: the bits depend on nothing else. (double: product and sum, no bits promised.)
template <std::size_t Rows, tile_layout Layout, class Arch, std::size_t Panels = 1>
void float_tile(const float* a, std::ptrdiff_t a_stride, const float* b, std::ptrdiff_t b_stride,
                std::size_t depth, float* y, std::ptrdiff_t y_stride, bool continues,
                std::ptrdiff_t panel_stride = 0) {
  using batch = core::float_batch<Arch>;
  constexpr std::size_t lanes = core::lane_count<Arch>;
  // Of columns: two loads feed 2 * Rows multiply-adds; few rows need more, to have chains enough for the latency.
  constexpr std::size_t registers = Rows < 4 ? Panels * panel_cols / lanes : 2;
  static_assert(Panels == 1 || Rows < 4);
  using core::detail::repeat;
  for (std::size_t c = 0; c < Panels * panel_cols; c += registers * lanes) {
    batch sum[Rows][registers];
    repeat<Rows>([&](auto r) QAT_LAMBDA_INLINE {
      repeat<registers>([&](auto i) QAT_LAMBDA_INLINE {
        sum[r][i] = continues ? core::load<Arch>(y + std::ptrdiff_t{r} * y_stride + c + i * lanes)
                              : batch(0.0f);
      });
    });
    const float* from = b + c;
    const float* left = a;
    for (std::size_t k = 0; k < depth; ++k, from += b_stride) {
      batch column[registers];
      repeat<registers>([&](auto i) QAT_LAMBDA_INLINE {
        constexpr std::size_t at = i * lanes;
        column[i] = core::load<Arch>(from + at % panel_cols +
                                     static_cast<std::ptrdiff_t>(at / panel_cols) * panel_stride);
      });
      repeat<Rows>([&](auto r) QAT_LAMBDA_INLINE {
        const batch factor(Layout == tile_layout::rows ? left[std::ptrdiff_t{r} * a_stride]
                                                       : left[r]);
        repeat<registers>(
            [&](auto i) QAT_LAMBDA_INLINE { sum[r][i] = core::fma(factor, column[i], sum[r][i]); });
      });
      left += Layout == tile_layout::rows ? 1 : Rows;
    }
    repeat<Rows>([&](auto r) QAT_LAMBDA_INLINE {
      repeat<registers>([&](auto i) QAT_LAMBDA_INLINE {
        core::store<Arch>(y + std::ptrdiff_t{r} * y_stride + c + i * lanes, sum[r][i]);
      });
    });
  }
}

/// The same in double, for gradient checks.
template <std::size_t Rows, tile_layout Layout, class Arch>
void float_tile(const double* a, std::ptrdiff_t a_stride, const double* b, std::ptrdiff_t b_stride,
                std::size_t depth, double* y, std::ptrdiff_t y_stride, bool continues) {
  for (std::size_t r = 0; r < Rows; ++r)
    for (std::size_t c = 0; c < panel_cols; ++c) {
      double& out = y[static_cast<std::ptrdiff_t>(r) * y_stride + static_cast<std::ptrdiff_t>(c)];
      double sum = continues ? out : 0.0;
      for (std::size_t k = 0; k < depth; ++k) {
        const double factor =
            Layout == tile_layout::rows
                ? a[static_cast<std::ptrdiff_t>(r) * a_stride + static_cast<std::ptrdiff_t>(k)]
                : a[k * Rows + r];
        sum +=
            factor * b[static_cast<std::ptrdiff_t>(k) * b_stride + static_cast<std::ptrdiff_t>(c)];
      }
      out = sum;
    }
}

}  // namespace qat::detail
