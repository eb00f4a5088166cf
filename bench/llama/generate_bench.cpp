#include <qat/core/thread_executor.hpp>
#include <qat/llama/generate.hpp>
#include <qat/llama/scheme_name.hpp>

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <vector>

#include <bench/support/small_llama.hpp>

// The small model reads prompts of 128 tokens and writes 128 more, greedily, one thread. Counters:
//   prefill   tokens a second of the prompts
//   decode    tokens a second of what is written, all sequences together

namespace {

using namespace qat;
using benchmarking::small_llama;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class Scheme>
void BM_generate(benchmark::State& state) {
  const auto sequences = static_cast<std::size_t>(state.range(0));
  constexpr std::size_t prompt = 128, total = 256;
  auto parameters = benchmarking::random_parameters(small_llama);
  const llama::Llama<Scheme> model(parameters, {});
  std::vector<std::vector<std::int32_t>> prompts;
  for (std::size_t i = 0; i < sequences; ++i)
    prompts.push_back(benchmarking::random_tokens(10 + i, prompt));
  double prefill = 1e30, decode = 1e30;
  for ([[maybe_unused]] auto _ : state) {
    const double begun = now();
    double first = 0.0;
    std::size_t count = 0;
    llama::generate(model, prompts, {.choice = {}, .tokens = total}, {},
                    [&](std::size_t, std::int32_t) {
                      if (++count == sequences) first = now();
                      return true;
                    });
    const double end = now();
    prefill = std::min(prefill, first - begun);
    decode = std::min(decode, end - first);
    state.SetIterationTime(end - begun);
  }
  const double each = static_cast<double>(sequences);
  state.counters["prefill"] = each * static_cast<double>(prompt) / prefill;
  state.counters["decode"] = each * static_cast<double>(total - prompt - 1) / decode;
}

}  // namespace

BENCHMARK_TEMPLATE(BM_generate, full_precision)
    ->Arg(1)
    ->Arg(8)
    ->Arg(64)
    ->ArgName("sequences")
    ->UseManualTime()
    ->Iterations(3);
BENCHMARK_TEMPLATE(BM_generate, named_scheme<4, 0, 8, 8, false, false>)
    ->Arg(1)
    ->Arg(8)
    ->Arg(64)
    ->ArgName("sequences")
    ->UseManualTime()
    ->Iterations(3);
BENCHMARK_TEMPLATE(BM_generate, named_scheme<4, 0, 8, 4, false, false>)
    ->Arg(1)
    ->Arg(8)
    ->Arg(64)
    ->ArgName("sequences")
    ->UseManualTime()
    ->Iterations(3);
