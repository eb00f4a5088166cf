// Prints one 64-bit hash for each of some schemes, over the bits of a small LLaMA: hidden states, loss and gradients of a
// training step, the same states by decoding through the cache, and all of it on 2, 3 and 8 threads. As identity.cpp:
// one table, tests/golden/model.txt, for every build.

#include <qat/core/philox.hpp>
#include <qat/core/thread_executor.hpp>
#include <qat/llama/model.hpp>
#include <qat/llama/scheme_name.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tests/identity/hash.hpp>

namespace {

using qat::testing::Hash;
using namespace qat::llama;  // the model under test

constexpr llama_config config{.vocabulary = 53,
                              .hidden = 36,
                              .intermediate = 50,
                              .layers = 2,
                              .heads = 6,
                              .kv_heads = 2,
                              .head_size = 6,
                              .context = 40,
                              .attention_bias = true};
constexpr std::size_t tokens = 30;

/// Integers times powers of two: the same floats everywhere.
llama_parameters<float> make_parameters() {
  llama_parameters<float> parameters(config);
  std::uint64_t stream = 0;
  for_each_parameter(parameters, [&](const std::string& name, qat::Tensor<float>& t) {
    ++stream;
    const bool norm = name.find("norm") != std::string::npos;
    for (std::size_t i = 0; i < t.size(); ++i) {
      const auto n = static_cast<int>(qat::core::random_bits(1, stream, i) >> 20) - 2048;
      t.data()[i] = static_cast<float>(norm ? 4096 + n : n) * (norm ? 0x1p-12f : 0x1p-13f);
    }
  });
  return parameters;
}

std::vector<std::int32_t> make_tokens(std::uint64_t stream) {
  std::vector<std::int32_t> all;
  for (std::size_t i = 0; i < tokens; ++i)
    all.push_back(static_cast<std::int32_t>(qat::core::random_bits(2, stream, i) % 53));
  return all;
}

/// Two documents of 19 and 11 tokens.
constexpr qat::document_rows documents[] = {{0, 19}, {19, 11}};

template <class Scheme>
std::uint64_t training_step(llama_parameters<float>& parameters, unsigned thread_count,
                            std::vector<float>& states) {
  qat::core::ThreadExecutor threads(thread_count);
  const Llama<Scheme> model(parameters, threads);
  const auto ids = make_tokens(1), targets = make_tokens(2);
  std::vector<std::uint32_t> positions;
  for (const qat::document_rows& d : documents)
    for (std::size_t i = 0; i < d.count; ++i) positions.push_back(static_cast<std::uint32_t>(i));
  llama_parameters<float> gradients(config);
  Hash hash;
  const auto step = [&](qat::Arena& arena) {
    qat::Tape<float> tape(arena, qat::tape_mode::train, threads);
    const auto hidden =
        model.forward(tape, {ids, positions, documents}, &gradients,
                      qat::llama::activation_memory::keep, qat::llama::kv_gradient::through_scale);
    const auto loss = qat::cross_entropy(tape, hidden, model.head(tape, &gradients),
                                         std::span<const std::int32_t>(targets));
    if (tape.computes()) {
      states.assign(hidden.value.data(), hidden.value.data() + hidden.value.size());
      hash.add(*loss.value.data());
    }
    tape.backward(loss);
  };
  qat::Arena plan;
  step(plan);
  qat::Arena arena(plan.high_water());
  step(arena);
  hash.add_all(states);
  for_each_parameter(gradients, [&](const std::string&, const qat::Tensor<float>& g) {
    for (const float x : g.elements()) hash.add(x);
  });
  return hash.value();
}

/// The states of the first document by prefill of 7 tokens and decoding of the others.
template <class Scheme>
std::vector<float> decoded_states(llama_parameters<float>& parameters) {
  const Llama<Scheme> model(parameters, {});
  KvCache<Scheme> cache(config);
  const auto ids = make_tokens(1);
  std::vector<float> states;
  for (std::size_t at = 0; at < documents[0].count;) {
    const std::size_t count = at == 0 ? 7 : 1;
    const cached_rows<Scheme> rows{&cache, count};
    const auto step = [&](qat::Arena& arena) {
      qat::Tape<float> tape(arena, qat::tape_mode::infer);
      const auto hidden = model.forward(tape, std::span<const std::int32_t>(ids).subspan(at, count),
                                        std::span(&rows, 1));
      if (tape.computes())
        states.insert(states.end(), hidden.value.data(), hidden.value.data() + hidden.value.size());
    };
    qat::Arena plan;
    step(plan);
    qat::Arena arena(plan.high_water());
    step(arena);
    at += count;
  }
  return states;
}

template <class Scheme>
std::uint64_t model_of() {
  llama_parameters<float> parameters = make_parameters();
  std::vector<float> states, others;
  Hash hash;
  hash.add(training_step<Scheme>(parameters, 1, states));
  for (const unsigned count : {2u, 3u, 8u})
    hash.add(training_step<Scheme>(parameters, count, others));
  states.resize(documents[0].count * config.hidden);
  // It adds to the hash only where it is wrong.
  if (decoded_states<Scheme>(parameters) != states) hash.add(std::uint64_t{1});
  return hash.value();
}

}  // namespace

int main() {
  const std::pair<const char*, std::uint64_t> parts[] = {
      {"full_precision", model_of<qat::full_precision>()},
      {"w4a8kv4", model_of<qat::named_scheme<4, 0, 8, 4, false, false>>()},
      {"w4g16a16kv4hz", model_of<qat::named_scheme<4, 16, 16, 4, true, true>>()},
  };
  qat::testing::print_hashes(parts);
  return 0;
}
