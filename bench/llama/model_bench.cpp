#include <qat/core/thread_executor.hpp>
#include <qat/llama/model.hpp>
#include <qat/llama/scheme_name.hpp>
#include <qat/nn/adamw.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <bench/support/alternate.hpp>
#include <bench/support/small_llama.hpp>

// A training step of the small model on 8 documents of 256 tokens: AdamW, from the token's logits of a teacher or from
// labels. One thread by its own clock, two by the wall's. Counters, in milliseconds a step (medians):
//   teacher, forward, loss, backward, optimizer (with the gradients' zeroing), prepare (quantize and pack the weights)
//   tokens/s  of the whole step
// Every other benchmark is an operation on the rows of that step: forward, backward and both, a_step, in milliseconds
// times how often a step has it. Those of BM_loss hold the head; a loss computes its gradient in the forward pass.

namespace {

using namespace qat;
using benchmarking::small_llama;

constexpr std::size_t documents = 8, length = 256, rows = documents * length;

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
  const auto now = [one = state.range(0) == 1] { return benchmarking::seconds_now(one); };
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

/// make(tape, before(tape, x)) adds one operation on rows of `width`, whose result has itself as its gradient; only make
/// and its backward are timed. The times are multiplied by `per_step`.
template <class Before, class Make>
void time_operation(benchmark::State& state, std::int64_t thread_count, std::size_t width,
                    double per_step, Before&& before, Make&& make) {
  core::ThreadExecutor threads(static_cast<unsigned>(thread_count));
  const auto now = [one = thread_count == 1] { return benchmarking::seconds_now(one); };
  Tensor<float> x({rows, width}), dx({rows, width});
  for (std::size_t i = 0; i < x.size(); ++i)
    x.data()[i] =
        static_cast<float>(static_cast<std::int32_t>(core::random_bits(5, 1, i))) * 0x1p-30f;
  std::vector<double> forward, backward;
  const auto run = [&](Arena& arena) {
    Tape<float> tape(arena, tape_mode::train, threads);
    const auto input = before(tape, tape.parameter(x.view(), dx.view()));
    const double begun = now();
    const Variable<float> y = make(tape, input);
    const double middle = now();
    const Variable<float> loss = tape.make({}, true);
    if (tape.computes()) std::copy_n(y.value.data(), y.value.size(), y.gradient.data());
    const double walk = now();
    tape.backward(loss);
    forward.push_back(middle - begun);
    backward.push_back(now() - walk);
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
  state.counters["a_step"] =
      1e3 * per_step * (benchmarking::median_of(forward) + benchmarking::median_of(backward));
}

template <class Make>
void time_operation(benchmark::State& state, std::size_t width, double per_step, Make&& make) {
  const auto itself = [](Tape<float>&, const Variable<float>& x) { return x; };
  time_operation(state, state.range(0), width, per_step, itself, make);
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
  time_operation(
      state, state.range(3), in, static_cast<double>(state.range(2)) * small_llama.layers,
      [](Tape<float>& tape, const Variable<float>& x) { return quantize_input<W, A>(tape, x); },
      [&](Tape<float>& tape, const linear_input<A>& input) {
        return quantized_linear<W, A>(tape, input, tape.parameter(w.view(), dw.view()), weights);
      });
}

/// For q, k and v together, for o, for gate and up together, for down. Has no backward of its own.
template <class Scheme>
void BM_quantize_input(benchmark::State& state) {
  const auto width = static_cast<std::size_t>(state.range(0));
  time_operation(
      state, state.range(2), width, static_cast<double>(state.range(1)) * small_llama.layers,
      [](Tape<float>&, const Variable<float>& x) { return x; },
      [&](Tape<float>& tape, const Variable<float>& x) {
        static_cast<void>(
            quantize_input<typename Scheme::weight, typename Scheme::activation>(tape, x));
        return x;
      });
}

/// Head and loss with the gradients of both.
template <objective Objective>
void BM_loss(benchmark::State& state) {
  auto parameters = benchmarking::random_parameters(small_llama);
  llama::llama_parameters<float> gradients(small_llama);
  const llama::Llama<full_precision> model(parameters, {});
  const batch data;
  Tensor<float> teacher({rows, small_llama.hidden});
  for (std::size_t i = 0; i < teacher.size(); ++i)
    teacher.data()[i] =
        static_cast<float>(static_cast<std::int32_t>(core::random_bits(7, 1, i))) * 0x1p-30f;
  time_operation(state, small_llama.hidden, 1.0, [&](Tape<float>& tape, const Variable<float>& x) {
    const auto head = model.head(tape, &gradients);
    if constexpr (Objective == objective::teacher)
      return kl_divergence(tape, x, head, Tape<float>::constant(teacher.view()),
                           {Tape<float>::constant(head.weight.value), head.panels});
    else
      return cross_entropy(tape, x, head, std::span<const std::int32_t>(data.targets));
  });
}

void BM_embedding(benchmark::State& state) {
  Tensor<float> table({small_llama.vocabulary, small_llama.hidden}), dtable(table.shape());
  const batch data;
  time_operation(state, small_llama.hidden, 1.0, [&](Tape<float>& tape, const Variable<float>&) {
    return embedding(tape, std::span<const std::int32_t>(data.tokens),
                     tape.parameter(table.view(), dtable.view()));
  });
}

void BM_add(benchmark::State& state) {
  time_operation(state, small_llama.hidden, 2.0 * small_llama.layers,
                 [](Tape<float>& tape, const Variable<float>& x) { return add(tape, x, x); });
}

/// AdamW and the gradients' zeroing.
void BM_adamw(benchmark::State& state) {
  core::ThreadExecutor threads(static_cast<unsigned>(state.range(0)));
  auto parameters = benchmarking::random_parameters(small_llama);
  llama::llama_parameters<float> gradients(small_llama);
  std::vector<nn::adamw_state<float>> moments;
  llama::for_each_parameter(parameters, [&](const std::string&, const Tensor<float>& t) {
    moments.emplace_back(t.shape());
  });
  std::uint64_t count = 0;
  const auto now = [one = state.range(0) == 1] { return benchmarking::seconds_now(one); };
  std::vector<double> seconds;
  for ([[maybe_unused]] auto _ : state) {
    const double begun = now();
    const nn::adamw_step factors = nn::make_adamw_step({}, 1e-4f, ++count);
    std::size_t i = 0;
    llama::for_each_parameter(
        parameters,
        [&](const std::string&, Tensor<float>& w, Tensor<float>& g) {
          nn::adamw_update<float>(threads, {}, factors, w.view(), g.view(), moments[i++]);
          std::fill_n(g.data(), g.size(), 0.0f);
        },
        gradients);
    seconds.push_back(now() - begun);
    state.SetIterationTime(seconds.back());
  }
  state.counters["a_step"] = 1e3 * benchmarking::median_of(seconds);
}

/// Quantizing and packing every weight.
template <class Scheme>
void BM_prepare(benchmark::State& state) {
  core::ThreadExecutor threads(static_cast<unsigned>(state.range(0)));
  auto parameters = benchmarking::random_parameters(small_llama);
  llama::Llama<Scheme> model(parameters, threads);
  const auto now = [one = state.range(0) == 1] { return benchmarking::seconds_now(one); };
  std::vector<double> seconds;
  for ([[maybe_unused]] auto _ : state) {
    const double begun = now();
    model.prepare(threads);
    seconds.push_back(now() - begun);
    state.SetIterationTime(seconds.back());
  }
  state.counters["a_step"] = 1e3 * benchmarking::median_of(seconds);
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

template <class Gradient>
void BM_quantize_kv(benchmark::State& state) {
  using Q = with_policy<W4A8KV8::key_value, Gradient>;
  time_operation(state, small_llama.hidden, 2.0 * small_llama.layers,
                 [](Tape<float>& tape, const Variable<float>& x) {
                   return quantize_kv<Q>(tape, x, small_llama.hidden);
                 });
}

void both_thread_counts(benchmark::internal::Benchmark* b) {
  b->Arg(1)->Arg(2)->ArgName("threads")->UseManualTime()->Iterations(9);
}

void linear_layers(benchmark::internal::Benchmark* b) {
  b->ArgNames({"in", "out", "a_layer", "threads"})->UseManualTime()->Iterations(9);
  for (const int threads : {1, 2}) {
    b->Args({288, 288, 4, threads});
    b->Args({288, 768, 2, threads});
    b->Args({768, 288, 1, threads});
  }
}

void layer_inputs(benchmark::internal::Benchmark* b) {
  b->ArgNames({"in", "a_layer", "threads"})->UseManualTime()->Iterations(9);
  for (const int threads : {1, 2}) {
    b->Args({288, 3, threads});
    b->Args({768, 1, threads});
  }
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
BENCHMARK_TEMPLATE(BM_linear, full_precision)->Apply(linear_layers);
BENCHMARK_TEMPLATE(BM_linear, W4A8KV8)->Apply(linear_layers);
BENCHMARK_TEMPLATE(BM_quantize_input, W4A8KV8)->Apply(layer_inputs);
BENCHMARK(BM_attention)->Apply(both_thread_counts);
BENCHMARK_TEMPLATE(BM_loss, objective::labels)->Apply(both_thread_counts);
BENCHMARK_TEMPLATE(BM_loss, objective::teacher)->Apply(both_thread_counts);
BENCHMARK(BM_rms_norm)->Apply(both_thread_counts);
BENCHMARK(BM_swiglu)->Apply(both_thread_counts);
BENCHMARK(BM_rope)->Apply(both_thread_counts);
BENCHMARK_TEMPLATE(BM_quantize_kv, straight_through)->Apply(both_thread_counts);
BENCHMARK_TEMPLATE(BM_quantize_kv, through_scale)->Apply(both_thread_counts);
BENCHMARK(BM_add)->Apply(both_thread_counts);
BENCHMARK(BM_embedding)->Apply(both_thread_counts);
BENCHMARK(BM_adamw)->Apply(both_thread_counts);
BENCHMARK_TEMPLATE(BM_prepare, full_precision)->Apply(both_thread_counts);
BENCHMARK_TEMPLATE(BM_prepare, W4A8KV8)->Apply(both_thread_counts);
