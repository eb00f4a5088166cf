#pragma once

#include <qat/core/philox.hpp>
#include <qat/llama/model.hpp>
#include <qat/llama/sampling.hpp>
#include <qat/tensor/workspace.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// \file
/// Continuing sequences of tokens.

namespace qat::llama {

/// How sequences are continued.
struct generate_options {
  sampling choice = {};
  std::size_t tokens = 256;               ///< in a sequence at most, its prompt included
  std::optional<std::int32_t> stop = {};  ///< a sequence ends with this token
  std::uint64_t seed = 0;
};

/// The logits behind the last new token of each sequence; the caches then hold the new tokens.
///
/// Shapes  tokens and rows as Llama::forward; logits (sequences, V), written where the arena does not plan.
/// Error   the bits of the training forward.
/// Throws  as Llama::forward.
template <class Scheme>
void next_token_logits(const Llama<Scheme>& model, std::span<const std::int32_t> tokens,
                       std::span<const cached_rows<Scheme>> rows, Arena& arena,
                       core::executor_reference executor, std::span<float> logits) {
  Tape<float> tape(arena, tape_mode::infer, executor);
  const Variable<float> hidden = model.forward(tape, tokens, rows);
  const TensorView<float> last = arena.take<float>(Shape{rows.size(), model.config().hidden});
  if (!tape.computes()) return;
  std::size_t row = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    row += rows[i].count;
    std::copy_n(hidden.value.row(row - 1), last.cols(), last.row(i));
  }
  float_product(executor, TensorView<const float>(last).matrix(), model.head(tape).panels,
                {logits.data(), rows.size(), model.config().vocabulary});
}

/// Continues prompts side by side, token by token.
///
/// on_token(sequence, token) is called for every new token in order of the sequences; false ends that sequence. The token
/// at position p of sequence i is drawn with core::random_bits(seed, streams[i], p), streams[i] = i unless given: what a
/// sequence says does not depend on its company.
///
/// Shapes    prompts of at least one token.
/// Error     the tokens that each prompt gives alone.
/// Throws    ContractViolation for an empty prompt or a length beyond the context; what on_token throws.
/// Cost      a pass over the prompts, then one a token over the weights for all sequences together.
template <class Scheme, class OnToken>
void generate(const Llama<Scheme>& model, std::span<const std::vector<std::int32_t>> prompts,
              const generate_options& options, core::executor_reference executor,
              OnToken&& on_token, std::span<const std::uint64_t> streams = {}) {
  QAT_EXPECTS(options.tokens <= model.config().context, std::to_string(options.tokens) +
                                                            " tokens in a context of " +
                                                            std::to_string(model.config().context));
  QAT_EXPECTS(streams.empty() || streams.size() == prompts.size(),
              std::to_string(streams.size()) + " streams for " + std::to_string(prompts.size()) +
                  " prompts");
  std::vector<KvCache<Scheme>> caches(prompts.size(), KvCache<Scheme>(model.config()));
  std::vector<std::size_t> active;  // sequences that go on
  std::vector<std::int32_t> next;   // tokens not yet in the caches, sequence by sequence
  std::vector<cached_rows<Scheme>> rows;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    QAT_EXPECTS(!prompts[i].empty(), "prompt " + std::to_string(i) + " without a token");
    if (prompts[i].size() >= options.tokens) continue;
    active.push_back(i);
    next.insert(next.end(), prompts[i].begin(), prompts[i].end());
    rows.push_back({&caches[i], prompts[i].size()});
  }
  Workspace workspace;
  Sampler sampler(options.choice);
  const std::size_t vocabulary = model.config().vocabulary;
  std::vector<float> logits;
  while (!active.empty()) {
    logits.resize(active.size() * vocabulary);
    workspace.run([&](Arena& arena) {
      next_token_logits(model, std::span<const std::int32_t>(next),
                        std::span<const cached_rows<Scheme>>(rows), arena, executor, logits);
    });
    next.clear();
    rows.clear();
    std::vector<std::size_t> still;
    for (std::size_t i = 0; i < active.size(); ++i) {
      const std::size_t sequence = active[i];
      const std::size_t position = caches[sequence].size();
      const std::uint64_t stream = streams.empty() ? sequence : streams[sequence];
      const std::int32_t token =
          sampler(std::span<const float>(logits).subspan(i * vocabulary, vocabulary),
                  core::random_bits(options.seed, stream, position));
      const bool goes_on = on_token(sequence, token);
      if (!goes_on || token == options.stop || position + 1 >= options.tokens) continue;
      still.push_back(sequence);
      next.push_back(token);
      rows.push_back({&caches[sequence], 1});
    }
    active = std::move(still);
  }
}

}  // namespace qat::llama
