#include <qat/llama/generate.hpp>
#include <qat/llama/scheme_name.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <bench/support/alternate.hpp>
#include <bench/support/small_llama.hpp>

// The small model on one thread, by its own clock.
//
// BM_generate reads prompts of 128 tokens and writes 128 more, greedily:
//   prefill   tokens a second of the prompts
//   decode    tokens a second of what is written, all sequences together
// BM_prefill reads prompts of 256 tokens into empty caches:
//   prefill   tokens a second
// BM_decode writes the token at the end of a context of given length, time and again:
//   decode    tokens a second, all sequences together
//   of_cache  time of reading the caches of all layers, measured beside it, over that of the token
//   spread    median absolute deviation of the time of the token over its median

namespace {

using namespace qat;
using benchmarking::small_llama;

using W4A8KV8 = named_scheme<4, 0, 8, 8, false, false>;
using W4A8KV4 = named_scheme<4, 0, 8, 4, false, false>;

double now() {
  return benchmarking::seconds_now(true);
}

/// Sequences side by side, as generate keeps them.
template <class Scheme>
class Sequences {
 public:
  explicit Sequences(std::size_t count)
      : parameters_(benchmarking::random_parameters(small_llama)),
        model_(parameters_, {}),
        caches_(count, llama::KvCache<Scheme>(small_llama)) {}

  /// Adds `length` tokens to each and chooses what follows.
  void read(std::size_t length) {
    const std::vector<std::int32_t> tokens =
        benchmarking::random_tokens(10, length * caches_.size());
    std::vector<llama::cached_rows<Scheme>> rows;
    for (auto& cache : caches_) rows.push_back({&cache, length});
    std::vector<float> logits(caches_.size() * small_llama.vocabulary);
    workspace_.run([&](Arena& arena) {
      Tape<float> tape(arena, tape_mode::infer, {});
      const auto hidden = model_.forward(tape, std::span<const std::int32_t>(tokens),
                                         std::span<const llama::cached_rows<Scheme>>(rows));
      const auto last = arena.take<float>(Shape{caches_.size(), small_llama.hidden});
      if (!tape.computes()) return;
      for (std::size_t i = 0; i < caches_.size(); ++i)
        std::copy_n(hidden.value.row((i + 1) * length - 1), last.cols(), last.row(i));
      float_product(core::executor_reference{}, TensorView<const float>(last).matrix(),
                    model_.head(tape).panels,
                    {logits.data(), caches_.size(), small_llama.vocabulary});
    });
    for (std::size_t i = 0; i < caches_.size(); ++i)
      benchmark::DoNotOptimize(llama::greedy_token(std::span<const float>(logits).subspan(
          i * small_llama.vocabulary, small_llama.vocabulary)));
  }

  void truncate(std::size_t length) {
    for (auto& cache : caches_) cache.truncate(length);
  }

  /// What a token does to every layer of every cache before it attends.
  void read_caches() {
    workspace_.run([&](Arena& arena) {
      for (const auto& cache : caches_)
        for (std::size_t layer = 0; layer < small_llama.layers; ++layer) {
          const ArenaScope scope(arena);
          const auto room = cache.take(arena, cache.size());
          if (!arena.plans()) cache.read(layer, cache.size(), model_.rope_table(), room);
        }
    });
    benchmark::ClobberMemory();
  }

 private:
  llama::llama_parameters<float> parameters_;
  llama::Llama<Scheme> model_;
  std::vector<llama::KvCache<Scheme>> caches_;
  Workspace workspace_;
};

template <class Scheme>
void BM_decode(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto context = static_cast<std::size_t>(state.range(1));
  Sequences<Scheme> sequences(count);
  sequences.read(context - 1);
  benchmarking::Alternation turns(
      {.thread_time = true},
      [&] {
        sequences.read(1);
        sequences.truncate(context - 1);
      },
      [&] { sequences.read_caches(); });
  for ([[maybe_unused]] auto _ : state) state.SetIterationTime(turns.round());
  state.counters["decode"] = static_cast<double>(count) / turns.median(0);
  state.counters["of_cache"] = turns.ratio(1, 0);
  state.counters["spread"] = turns.spread(0);
}

template <class Scheme>
void BM_prefill(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  constexpr std::size_t prompt = 256;
  Sequences<Scheme> sequences(count);
  std::vector<double> seconds;
  for ([[maybe_unused]] auto _ : state) {
    sequences.truncate(0);
    const double begun = now();
    sequences.read(prompt);
    seconds.push_back(now() - begun);
    state.SetIterationTime(seconds.back());
  }
  state.counters["prefill"] =
      static_cast<double>(count * prompt) / benchmarking::median_of(seconds);
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

void whole_generations(benchmark::internal::Benchmark* b) {
  b->Arg(1)->Arg(8)->Arg(64)->ArgName("sequences")->UseManualTime()->Iterations(3);
}

void contexts(benchmark::internal::Benchmark* b) {
  b->ArgsProduct({{1, 8}, {64, 128, 256}})
      ->ArgNames({"sequences", "context"})
      ->UseManualTime()
      ->Iterations(15);
}

void prompts(benchmark::internal::Benchmark* b) {
  b->Arg(1)->Arg(8)->ArgName("sequences")->UseManualTime()->Iterations(5);
}

}  // namespace

BENCHMARK_TEMPLATE(BM_generate, full_precision)->Apply(whole_generations);
BENCHMARK_TEMPLATE(BM_generate, W4A8KV8)->Apply(whole_generations);
BENCHMARK_TEMPLATE(BM_generate, W4A8KV4)->Apply(whole_generations);
BENCHMARK_TEMPLATE(BM_prefill, full_precision)->Apply(prompts);
BENCHMARK_TEMPLATE(BM_prefill, W4A8KV8)->Apply(prompts);
BENCHMARK_TEMPLATE(BM_prefill, W4A8KV4)->Apply(prompts);
BENCHMARK_TEMPLATE(BM_decode, full_precision)->Apply(contexts);
BENCHMARK_TEMPLATE(BM_decode, W4A8KV8)->Apply(contexts);
BENCHMARK_TEMPLATE(BM_decode, W4A8KV4)->Apply(contexts);
