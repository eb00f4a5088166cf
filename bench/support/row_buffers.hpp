#pragma once

#include <qat/core/execution.hpp>
#include <qat/core/philox.hpp>
#include <qat/quant/detail/lane_operations.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include <bench/support/alternate.hpp>

/// \file
/// What the benchmarks of rows share: aligned matrices of random values and the copies that are their roof.

namespace qat::benchmarking {

/// 2 MiB aligned, so that a matrix can lie in huge pages; random values in [-4, 4).
class RowBuffer {
 public:
  RowBuffer(std::size_t rows, std::size_t cols) : rows_(rows), cols_(cols) {
    data_.reset(static_cast<float*>(::operator new(rows* cols * sizeof(float), alignment)));
    for (std::size_t i = 0; i < rows * cols; ++i)
      data_.get()[i] =
          static_cast<float>(static_cast<std::int32_t>(core::random_bits(42, 0, i))) * 0x1p-29f;
  }
  [[nodiscard]] float* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return rows_ * cols_; }
  [[nodiscard]] matrix_view<float> view() const { return {data(), rows_, cols_}; }
  [[nodiscard]] matrix_view<const float> constant() const { return {data(), rows_, cols_}; }

 private:
  static constexpr std::align_val_t alignment{std::size_t{2} << 20};
  struct release {
    void operator()(float* p) const { ::operator delete(p, alignment); }
  };
  std::size_t rows_;
  std::size_t cols_;
  std::unique_ptr<float, release> data_;
};

using registers = core::float_batch<>;

inline void copy_plain(const float* x, float* y, std::size_t n) {
  for (std::size_t i = 0; i + 4 * registers::size <= n; i += 4 * registers::size)
    for (std::size_t k = 0; k < 4; ++k)
      registers::load_aligned(x + i + k * registers::size)
          .store_aligned(y + i + k * registers::size);
  benchmark::ClobberMemory();
}

inline void copy_streaming(const float* x, float* y, std::size_t n) {
  for (std::size_t i = 0; i + registers::size <= n; i += registers::size)
    detail::stream<core::default_arch>(y + i, registers::load_aligned(x + i));
  detail::finish_streaming();
  benchmark::ClobberMemory();
}

inline void copy_libc(const float* x, float* y, std::size_t n) {
  std::memcpy(y, x, n * sizeof(float));
  benchmark::ClobberMemory();
}

inline void read_all(const float* x, std::size_t n) {
  registers a(0.0f), b(0.0f);
  for (std::size_t i = 0; i + 2 * registers::size <= n; i += 2 * registers::size) {
    a = xsimd::max(a, registers::load_aligned(x + i));
    b = xsimd::max(b, registers::load_aligned(x + i + registers::size));
  }
  float lane[registers::size];
  xsimd::max(a, b).store_unaligned(lane);
  benchmark::DoNotOptimize(lane);
}

/// Times `work` in alternation with the three copies of x to y and a read of x, and reports
///
///   x_copy     time over that of the fastest of the three copies (by their medians)
///   x_memcpy   time over that of memcpy
///   x_read     time over that of the read
///   spread     median absolute deviation of the time over its median
///
/// All in the caller's thread, by its own clock.
template <class Work>
void report_against_copies(benchmark::State& state, const RowBuffer& x, const RowBuffer& y,
                           Work&& work) {
  alternation_tuning tuning;
  tuning.thread_time = true;
  Alternation turns(
      tuning, work, [&] { copy_plain(x.data(), y.data(), x.size()); },
      [&] { copy_streaming(x.data(), y.data(), x.size()); },
      [&] { copy_libc(x.data(), y.data(), x.size()); }, [&] { read_all(x.data(), x.size()); });
  for ([[maybe_unused]] auto _ : state) state.SetIterationTime(turns.round());
  std::size_t best = 1;
  for (std::size_t copy = 2; copy <= 3; ++copy)
    if (turns.median(copy) < turns.median(best)) best = copy;
  state.counters["x_copy"] = turns.ratio(0, best);
  state.counters["x_memcpy"] = turns.ratio(0, 3);
  state.counters["x_read"] = turns.ratio(0, 4);
  state.counters["spread"] = turns.spread(0);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(x.size() * sizeof(float)));
}

}  // namespace qat::benchmarking
