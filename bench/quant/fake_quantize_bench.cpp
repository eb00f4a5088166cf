#include <qat/core/thread_executor.hpp>
#include <qat/quant/fake_quantize.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstring>
#include <vector>

#include <bench/support/row_buffers.hpp>

// The forward pass of training: calibration per row and fake quantization in one pass over memory.

namespace {

using namespace qat;
using benchmarking::RowBuffer;

using A8 = Quantizer<bits<8>, per_token>;
using A8_reference = Quantizer<bits<8>, per_token, llmqat_reference>;
using W4G128 = Quantizer<bits<4>, per_group<128>, fp16_scale>;

template <class Q>
void BM_calibrate_fake_quantize(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  const auto cols = static_cast<std::size_t>(state.range(1));
  const RowBuffer x(rows, cols), y(rows, cols), expected(rows, cols);
  std::vector<float> scales(parameter_count<Q>(rows, cols));
  const parameters_span<Q> p{scales};
  calibrate_fake_quantize<Q>(x.constant(), p, y.view());
  calibrate_fake_quantize<Q>(scalar{}, x.constant(), p, expected.view());
  if (std::memcmp(y.data(), expected.data(), x.size() * sizeof(float)) != 0)
    return state.SkipWithError("differs from the oracle");
  benchmarking::report_against_copies(state, x, y, [&] {
    calibrate_fake_quantize<Q>(x.constant(), p, y.view());
    benchmark::ClobberMemory();
  });
}

/// Two threads: the speed-up over one, and over the speed-up of a plain read by the same threads.
void BM_calibrate_fake_quantize_two_threads(benchmark::State& state) {
  constexpr std::size_t rows = 4096, cols = 4096;
  const RowBuffer x(rows, cols), y(rows, cols);
  std::vector<float> scales(rows);
  const parameters_span<A8> p{scales};
  core::ThreadExecutor threads(2);
  const auto read_half = [&](std::size_t half) {
    benchmarking::read_all(x.data() + half * (x.size() / 2), x.size() / 2);
  };
  benchmarking::Alternation turns(
      {}, [&] { calibrate_fake_quantize<A8>(parallel(threads), x.constant(), p, y.view()); },
      [&] { calibrate_fake_quantize<A8>(x.constant(), p, y.view()); },
      [&] { threads.run(2, read_half); }, [&] { benchmarking::read_all(x.data(), x.size()); });
  for ([[maybe_unused]] auto _ : state) state.SetIterationTime(turns.round());
  state.counters["speedup"] = turns.ratio(1, 0);
  state.counters["read_speedup"] = turns.ratio(3, 2);
  state.counters["of_read_scaling"] = turns.ratio(1, 0) / turns.ratio(3, 2);
  state.counters["spread"] = turns.spread(0);
}

}  // namespace

BENCHMARK_TEMPLATE(BM_calibrate_fake_quantize, A8)
    ->Args({4096, 4096})
    ->Args({64, 1024})
    ->ArgNames({"rows", "cols"})
    ->UseManualTime()
    ->Iterations(25);
BENCHMARK_TEMPLATE(BM_calibrate_fake_quantize, A8_reference)
    ->Args({4096, 4096})
    ->Args({64, 1024})
    ->ArgNames({"rows", "cols"})
    ->UseManualTime()
    ->Iterations(25);
BENCHMARK_TEMPLATE(BM_calibrate_fake_quantize, W4G128)
    ->Args({4096, 4096})
    ->ArgNames({"rows", "cols"})
    ->UseManualTime()
    ->Iterations(25);
BENCHMARK(BM_calibrate_fake_quantize_two_threads)->UseManualTime()->Iterations(25);
