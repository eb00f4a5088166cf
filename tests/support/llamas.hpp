#pragma once

#include <qat/llama/model.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <tests/support/tapes.hpp>

/// \file
/// Small random LLaMAs and what tests do with them.

namespace qat::testing {

/// Odd sizes, grouped heads, biases.
inline const llama::llama_config tiny_llama{.vocabulary = 53,
                                            .hidden = 36,
                                            .intermediate = 50,
                                            .layers = 2,
                                            .heads = 6,
                                            .kv_heads = 2,
                                            .head_size = 6,
                                            .context = 80,
                                            .tied_head = false,
                                            .attention_bias = true};

/// As small as a model with several heads and blocks can be that is trained in a test.
inline const llama::llama_config trained_llama{.vocabulary = 29,
                                               .hidden = 16,
                                               .intermediate = 24,
                                               .layers = 2,
                                               .heads = 2,
                                               .kv_heads = 1,
                                               .head_size = 8,
                                               .context = 32,
                                               .tied_head = true};

/// Weights whose products keep about the size of their inputs.
[[nodiscard]] inline llama::llama_parameters<float> random_parameters(
    const llama::llama_config& config, std::uint64_t seed = 100) {
  llama::llama_parameters<float> parameters(config);
  llama::for_each_parameter(parameters, [&](const std::string& name, Tensor<float>& t) {
    const bool norm = name.find("norm") != std::string::npos;
    const float size = norm ? 0.3f : 1.7f / std::sqrt(static_cast<float>(t.cols()));
    ++seed;
    for (std::size_t i = 0; i < t.size(); ++i)
      t.data()[i] = core::fma(uniform(seed, i), size, norm ? 1.0f : 0.0f);
  });
  return parameters;
}

[[nodiscard]] inline std::vector<std::int32_t> random_tokens(std::uint64_t seed, std::size_t count,
                                                             std::size_t vocabulary) {
  std::vector<std::int32_t> tokens(count);
  for (std::size_t i = 0; i < count; ++i)
    tokens[i] = static_cast<std::int32_t>(core::random_bits(seed, 5, i) % vocabulary);
  return tokens;
}

/// 0, 1, ... count - 1 for each document.
[[nodiscard]] inline std::vector<std::uint32_t> positions_of(
    std::span<const document_rows> documents, std::size_t rows) {
  std::vector<std::uint32_t> positions(rows);
  for (const document_rows& d : documents)
    for (std::size_t i = 0; i < d.count; ++i)
      positions[d.first + i] = static_cast<std::uint32_t>(i);
  return positions;
}

/// The hidden states of whole documents in one pass.
template <scheme_like Scheme>
[[nodiscard]] std::vector<float> hidden_states(const llama::Llama<Scheme>& model,
                                               std::span<const std::int32_t> tokens,
                                               std::span<const document_rows> documents,
                                               core::executor_reference executor = {},
                                               tape_mode mode = tape_mode::infer) {
  const auto positions = positions_of(documents, tokens.size());
  std::vector<float> hidden;
  run_planned<float>(
      mode,
      [&](Tape<float>& tape) {
        const auto x = model.forward(tape, {tokens, positions, documents});
        if (tape.computes()) hidden.assign(x.value.data(), x.value.data() + x.value.size());
      },
      executor);
  return hidden;
}

/// The hidden states of one sequence through a cache, in steps of the given sizes.
template <scheme_like Scheme>
[[nodiscard]] std::vector<float> cached_states(const llama::Llama<Scheme>& model,
                                               llama::KvCache<Scheme>& cache,
                                               std::span<const std::int32_t> tokens,
                                               std::span<const std::size_t> steps) {
  std::vector<float> hidden;
  std::size_t at = 0;
  for (const std::size_t count : steps) {
    const llama::cached_rows<Scheme> rows{&cache, count};
    run_planned<float>(tape_mode::infer, [&](Tape<float>& tape) {
      const auto x = model.forward(tape, tokens.subspan(at, count), std::span(&rows, 1));
      if (tape.computes())
        hidden.insert(hidden.end(), x.value.data(), x.value.data() + x.value.size());
    });
    at += count;
  }
  return hidden;
}

}  // namespace qat::testing
