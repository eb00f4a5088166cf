#include <qat/core/thread_executor.hpp>
#include <qat/llama/model.hpp>
#include <qat/llama/scheme_name.hpp>
#include <qat/nn/adamw.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <bench/support/alternate.hpp>
#include <bench/support/small_llama.hpp>

// A training step of the small model on 8 documents of 256 tokens: AdamW, from the token's logits of a teacher or from
// labels. Counters, in milliseconds a step (medians):
//   teacher, forward, loss, backward, optimizer (with the gradients' zeroing), prepare (quantize and pack the weights)
//   tokens/s  of the whole step
// BM_operation gives the milliseconds a step that each kind of operation takes, forward and backward apart.

namespace {

using namespace qat;
using benchmarking::small_llama;

constexpr std::size_t documents = 8, length = 256, rows = documents * length;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct batch {
  std::vector<std::int32_t> tokens = benchmarking::random_tokens(1, rows);
  std::vector<std::int32_t> targets = benchmarking::random_tokens(2, rows);
  std::vector<std::uint32_t> positions;
  std::vector<document_rows> all;
  batch() {
    for (std::size_t d = 0; d < documents; ++d) {
      all.push_back({d * length, length});
      for (std::size_t i = 0; i < length; ++i) positions.push_back(static_cast<std::uint32_t>(i));
    }
  }
  [[nodiscard]] llama::token_batch view() const { return {tokens, positions, all}; }
};

enum class objective { labels, teacher };

template <class Scheme, objective Objective>
void BM_training_step(benchmark::State& state) {
  core::ThreadExecutor threads(static_cast<unsigned>(state.range(0)));
  auto teacher_parameters = benchmarking::random_parameters(small_llama);
  auto parameters = teacher_parameters;
  llama::llama_parameters<float> gradients(small_llama);
  const llama::Llama<full_precision> teacher(teacher_parameters, threads);
  llama::Llama<Scheme> model(parameters, threads);
  std::vector<nn::adamw_state<float>> moments;
  llama::for_each_parameter(parameters, [&](const std::string&, const Tensor<float>& t) {
    moments.emplace_back(t.shape());
  });
  const batch data;
  enum part { teacher_part, forward, loss_part, backward, optimizer, prepare, parts };
  std::vector<double> seconds[parts], whole;
  const auto step = [&](Arena& arena) {
    double at = now();
    const auto ends = [&](part p) {
      const double end = now();
      seconds[p].push_back(end - at);
      at = end;
    };
    Tape<float> reading(arena, tape_mode::infer, threads);
    Tape<float> tape(arena, tape_mode::train, threads);
    Variable<float> wanted;
    if constexpr (Objective == objective::teacher) wanted = teacher.forward(reading, data.view());
    ends(teacher_part);
    const auto hidden = model.forward(tape, data.view(), &gradients);
    ends(forward);
    const auto loss = [&] {
      if constexpr (Objective == objective::teacher)
        return kl_divergence(tape, hidden, model.head(tape, &gradients), wanted,
                             teacher.head(reading));
      else
        return cross_entropy(tape, hidden, model.head(tape, &gradients),
                             std::span<const std::int32_t>(data.targets));
    }();
    ends(loss_part);
    tape.backward(loss);
    ends(backward);
  };
  Arena plan;
  step(plan);
  Arena arena(plan.high_water());
  std::uint64_t count = 0;
  for ([[maybe_unused]] auto _ : state) {
    if (count == 0)
      for (auto& s : seconds) s.clear();
    const double begun = now();
    arena.release(0);
    step(arena);
    double at = now();
    const nn::adamw_step factors = nn::make_adamw_step({}, 1e-4f, ++count);
    std::size_t i = 0;
    llama::for_each_parameter(
        parameters,
        [&](const std::string&, Tensor<float>& w, Tensor<float>& g) {
          nn::adamw_update<float>(threads, {}, factors, w.view(), g.view(), moments[i++]);
          std::fill_n(g.data(), g.size(), 0.0f);
        },
        gradients);
    seconds[optimizer].push_back(now() - at);
    at = now();
    model.prepare(threads);
    seconds[prepare].push_back(now() - at);
    whole.push_back(now() - begun);
    state.SetIterationTime(whole.back());
  }
  const char* const names[] = {"teacher", "forward", "loss", "backward", "optimizer", "prepare"};
  for (int p = 0; p < parts; ++p)
    state.counters[names[p]] = 1e3 * benchmarking::median_of(seconds[p]);
  state.counters["tokens/s"] = static_cast<double>(rows) / benchmarking::median_of(whole);
  state.counters["arena_MiB"] = static_cast<double>(plan.high_water()) / 1048576.0;
}

/// make(tape, x) adds one operation on rows of `width` whose result has a gradient of ones; times `per_step`.
template <class Make>
void time_operation(benchmark::State& state, std::size_t width, double per_step, Make&& make) {
  core::ThreadExecutor threads(1);
  Tensor<float> x({rows, width}), dx({rows, width});
  for (std::size_t i = 0; i < x.size(); ++i)
    x.data()[i] =
        static_cast<float>(static_cast<std::int32_t>(core::random_bits(5, 1, i))) * 0x1p-30f;
  std::vector<double> forward, backward;
  const auto run = [&](Arena& arena) {
    Tape<float> tape(arena, tape_mode::train, threads);
    const double begun = now();
    const Variable<float> y = make(tape, tape.parameter(x.view(), dx.view()));
    const double middle = now();
    const Variable<float> loss = tape.make({}, true);
    tape.record([y](Tape<float>& t) {
      if (t.computes()) std::copy_n(y.value.data(), y.value.size(), y.gradient.data());
    });
    const double before = now();
    tape.backward(loss);
    forward.push_back(middle - begun);
    backward.push_back(now() - before);
  };
  Arena plan;
  run(plan);
  Arena arena(plan.high_water());
  run(arena);
  forward.clear();
  backward.clear();
  for ([[maybe_unused]] auto _ : state) {
    arena.release(0);
    run(arena);
    state.SetIterationTime(forward.back() + backward.back());
  }
  state.counters["forward"] = 1e3 * per_step * benchmarking::median_of(forward);
  state.counters["backward"] = 1e3 * per_step * benchmarking::median_of(backward);
}

using W4A8KV8 = named_scheme<4, 0, 8, 8, false, false>;

template <class Scheme>
void BM_linear(benchmark::State& state) {
  using W = typename Scheme::weight;
  using A = typename Scheme::activation;
  const auto in = static_cast<std::size_t>(state.range(0));
  const auto out = static_cast<std::size_t>(state.range(1));
  Tensor<float> w({out, in}), dw({out, in});
  for (std::size_t i = 0; i < w.size(); ++i)
    w.data()[i] =
        static_cast<float>(static_cast<std::int32_t>(core::random_bits(6, 1, i))) * 0x1p-35f;
  const LinearWeights<W, A> weights(core::serial_executor{}, TensorView<const float>(w.view()));
  time_operation(state, in, static_cast<double>(state.range(2)) * small_llama.layers,
                 [&](Tape<float>& tape, const Variable<float>& x) {
                   const auto input = quantize_input<W, A>(tape, x);
                   return quantized_linear<W, A>(tape, input, tape.parameter(w.view(), dw.view()),
                                                 weights);
                 });
}

void BM_attention(benchmark::State& state) {
  const batch data;
  time_operation(state, small_llama.hidden, small_llama.layers,
                 [&](Tape<float>& tape, const Variable<float>& x) {
                   return attention(tape, x, x, x, small_llama.head_size, data.all);
                 });
}

void BM_rms_norm(benchmark::State& state) {
  Tensor<float> gain({small_llama.hidden}), dgain({small_llama.hidden});
  std::fill_n(gain.data(), gain.size(), 1.0f);
  time_operation(state, small_llama.hidden, 2.0 * small_llama.layers + 1,
                 [&](Tape<float>& tape, const Variable<float>& x) {
                   return rms_norm(tape, x, tape.parameter(gain.view(), dgain.view()), 1e-5f);
                 });
}

void BM_swiglu(benchmark::State& state) {
  time_operation(state, small_llama.intermediate, small_llama.layers,
                 [](Tape<float>& tape, const Variable<float>& x) { return swiglu(tape, x, x); });
}

void BM_rope(benchmark::State& state) {
  const batch data;
  const RopeTable<float> table(small_llama.rope, small_llama.head_size, small_llama.context);
  time_operation(state, small_llama.hidden, 2.0 * small_llama.layers,
                 [&](Tape<float>& tape, const Variable<float>& x) {
                   return rope(tape, x, std::span<const std::uint32_t>(data.positions), table);
                 });
}

void BM_quantize_kv(benchmark::State& state) {
  time_operation(state, small_llama.hidden, 2.0 * small_llama.layers,
                 [](Tape<float>& tape, const Variable<float>& x) {
                   return quantize_kv<W4A8KV8::key_value>(tape, x, small_llama.hidden);
                 });
}

}  // namespace

BENCHMARK_TEMPLATE(BM_training_step, full_precision, objective::labels)
    ->Arg(1)
    ->Arg(2)
    ->ArgName("threads")
    ->UseManualTime()
    ->Iterations(5);
BENCHMARK_TEMPLATE(BM_training_step, full_precision, objective::teacher)
    ->Arg(1)
    ->Arg(2)
    ->ArgName("threads")
    ->UseManualTime()
    ->Iterations(5);
BENCHMARK_TEMPLATE(BM_training_step, W4A8KV8, objective::teacher)
    ->Arg(1)
    ->Arg(2)
    ->ArgName("threads")
    ->UseManualTime()
    ->Iterations(5);
BENCHMARK_TEMPLATE(BM_linear, full_precision)
    ->Args({288, 288, 4})
    ->Args({288, 768, 2})
    ->Args({768, 288, 1})
    ->ArgNames({"in", "out", "a_layer"})
    ->UseManualTime()
    ->Iterations(9);
BENCHMARK_TEMPLATE(BM_linear, W4A8KV8)
    ->Args({288, 288, 4})
    ->Args({288, 768, 2})
    ->Args({768, 288, 1})
    ->ArgNames({"in", "out", "a_layer"})
    ->UseManualTime()
    ->Iterations(9);
BENCHMARK(BM_attention)->UseManualTime()->Iterations(9);
BENCHMARK(BM_rms_norm)->UseManualTime()->Iterations(9);
BENCHMARK(BM_swiglu)->UseManualTime()->Iterations(9);
BENCHMARK(BM_rope)->UseManualTime()->Iterations(9);
BENCHMARK(BM_quantize_kv)->UseManualTime()->Iterations(9);
