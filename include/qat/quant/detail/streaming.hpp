#pragma once

#include <qat/quant/detail/walk.hpp>

/// \file
/// The loops of fake quantization and their choice between plain stores and stores around the caches.

namespace qat::detail {

/// Outputs of at least this many bytes are written around the caches: they would not stay there anyway, and a plain
/// store reads each line before it writes it.
inline constexpr std::size_t streaming_bytes = std::size_t{16} << 20;

[[nodiscard]] inline bool should_stream(const matrix_view<const float>& x,
                                        const matrix_view<float>& y) {
  return rows_are_contiguous(x) && rows_are_contiguous(y) && x.data != y.data &&
         y.size() >= streaming_bytes / sizeof(float);
}

/// f(fresh, streaming) with both as compile-time constants.
template <class F>
void with_constants(bool fresh, bool streaming, F&& f) {
  if (fresh && streaming) return f(std::true_type{}, std::true_type{});
  if (fresh) return f(std::true_type{}, std::false_type{});
  if (streaming) return f(std::false_type{}, std::true_type{});
  f(std::false_type{}, std::false_type{});
}

/// What a group is quantized with, and whether it was measured on the very elements that follow.
struct group_source {
  group_parameters parameters;
  bool fresh;
};

/// source(r, at, begin, count) gives the parameters of a group just before its elements are quantized.
template <quantizer_like Q, execution E, class Source>
void fake_quantize_groups(const E& e, const matrix_view<const float>& x,
                          const matrix_view<float>& y, const random_key& key, Source&& source) {
  using runs = runs_for<Q, E>;
  const bool streaming = should_stream(x, y);
  const auto encode = [&](std::size_t r, std::size_t at, std::size_t begin, std::size_t count) {
    const group_source group = source(r, at, begin, count);
    const group_operands g = operands_of<Q>(group.parameters);
    const std::uint64_t index = std::uint64_t{r} * x.cols + begin;
    with_constants(group.fresh, streaming, [&](auto fresh, auto stream) {
      map_pieces(x, y, r, begin, count,
                 [&](const float* from, float* to, std::size_t offset, std::size_t n) {
                   runs::template fake_quantize<fresh.value, stream.value>(from, to, n, g, key,
                                                                           index + offset);
                 });
    });
  };
  for_all_groups<Q>(e, x.rows, x.cols, encode, [&] {
    if (streaming) finish_streaming();
  });
}

/// Whether a row is one group whose statistic is the absolute maximum: what fake_quantize_rows needs.
template <quantizer_like Q>
inline constexpr bool rows_are_groups =
    (std::is_same_v<typename Q::granularity, per_channel> ||
     std::is_same_v<typename Q::granularity, per_token>)&&Q::range::statistic
    == range_statistic::absmax;

/// Elements of a block of fake_quantize_rows: its first rows are measured alone, so blocks are longer than elsewhere.
inline constexpr std::size_t pipeline_elements = std::size_t{1} << 19;

/// Rows up to this length are streamed four at a time: eight of them, the next four included, fit a second level of
/// 512 KiB.
inline constexpr std::size_t four_rows_cols = std::size_t{1} << 14;

/// The rows of fake_quantize_rows with what they share.
template <quantizer_like Q, class Runs>
struct row_pipeline {
  const matrix_view<const float>& x;
  const matrix_view<float>& y;
  const parameters_span<Q>& p;
  const random_key& key;
  bool streaming;

  [[nodiscard]] group_parameters finish(const running_statistics& measured, std::size_t r) const {
    const group_parameters fresh = fresh_parameters<Q>(measured);
    write_parameters<Q>(p, r, fresh);
    return fresh;
  }

  /// Rows [first, last), measuring row r + 1 while row r is quantized, so that reading the one overlaps with writing the
  /// other.
  void one_by_one(std::size_t first, std::size_t last) const {
    if (first == last) return;
    const std::size_t n = x.cols;
    running_statistics measured = measure_group<Q, Runs>(x, first, 0, n);
    for (std::size_t r = first; r < last; ++r) {
      const group_parameters parameters = finish(measured, r);
      const group_operands g = operands_of<Q>(parameters);
      const std::uint64_t index = std::uint64_t{r} * n;
      measured = {};
      with_constants(is_fresh<Q>(parameters), streaming, [&](auto fresh, auto stream) {
        if (r + 1 < last)
          Runs::template fake_quantize_and_measure<fresh.value, stream.value>(
              x.row(r), y.row(r), n, g, key, index, x.row(r + 1), measured);
        else
          Runs::template fake_quantize<fresh.value, stream.value>(x.row(r), y.row(r), n, g, key,
                                                                  index);
      });
    }
  }

  /// The oracle has one way only.
  static constexpr bool takes_fours = requires { requires Runs::has_four_rows; };

  /// As many of the rows as come in fours behind which four more follow; returns the first row left.
  [[nodiscard]] std::size_t four_by_four(std::size_t first, std::size_t last) const {
    if (last - first < 8) return first;
    const std::size_t n = x.cols;
    running_statistics measured[4];
    for (std::size_t row = 0; row < 4; ++row)
      measured[row] = measure_group<Q, Runs>(x, first + row, 0, n);
    std::size_t r = first;
    for (; r + 8 <= last; r += 4) {
      group_operands g[4];
      bool fresh = true;
      for (std::size_t row = 0; row < 4; ++row) {
        const group_parameters parameters = finish(measured[row], r + row);
        g[row] = operands_of<Q>(parameters);
        fresh = fresh && is_fresh<Q>(parameters);
        measured[row] = {};
      }
      const std::uint64_t index = std::uint64_t{r} * n;
      if (fresh)
        Runs::template fake_quantize_four_rows<true>(x.row(r), x.row_stride, y.row(r), y.row_stride,
                                                     n, g, key, index, measured);
      else
        Runs::template fake_quantize_four_rows<false>(x.row(r), x.row_stride, y.row(r),
                                                      y.row_stride, n, g, key, index, measured);
    }
    return r;
  }

  void run(std::size_t first, std::size_t last) const {
    if constexpr (takes_fours) {
      if (streaming && x.cols <= four_rows_cols && Runs::takes_four_rows(y.data, y.row_stride))
        first = four_by_four(first, last);
    }
    one_by_one(first, last);
    if (streaming) finish_streaming();
  }
};

/// Measures and fake-quantizes matrices of contiguous rows, each a group.
template <quantizer_like Q, execution E>
void fake_quantize_rows(const E& e, const matrix_view<const float>& x, const matrix_view<float>& y,
                        const parameters_span<Q>& p, const random_key& key) {
  const row_pipeline<Q, runs_for<Q, E>> rows{x, y, p, key, should_stream(x, y)};
  const std::size_t block =
      std::max(std::size_t{1}, pipeline_elements / std::max(x.cols, std::size_t{1}));
  execution_traits<E>::run(e, x.rows, block,
                           [&](std::size_t first, std::size_t last) { rows.run(first, last); });
}

}  // namespace qat::detail
