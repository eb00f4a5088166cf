#pragma once

#include <qat/core/contracts.hpp>
#include <qat/distill/order.hpp>
#include <qat/llama/generate.hpp>
#include <qat/llama/model.hpp>
#include <qat/llama/sampling.hpp>
#include <qat/tensor/workspace.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Training text without data: the teacher writes it, from a start token to its end.

namespace qat::distill {

/// Which tokens are the most probable ones and which are drawn.
enum class data_strategy {
  top1,     ///< all are the most probable
  sampled,  ///< all are drawn
  hybrid    ///< 3 to 5 most probable ones, then drawn
};

/// What to write.
struct generation_options {
  data_strategy strategy = data_strategy::hybrid;
  std::size_t samples = 0;
  std::size_t tokens = 256;  ///< of a sample at most, BOS and start token included
  llama::sampling choice{.temperature = 1.0f};
  std::optional<std::int32_t> bos = {};  ///< before the start token
  std::optional<std::int32_t> eos = {};  ///< ends a sample, and is part of it
  bool reference_order =
      false;  ///< as the released code: start tokens 0, 1, ..., and 3 to 5 counts the start token
  std::uint64_t seed = 0;
};

/// How a sample begins: its tokens, how many of the most probable ones follow, and its random stream.
struct sample_beginning {
  std::vector<std::int32_t> tokens;
  std::size_t greedy = 0;
  std::uint64_t stream = 0;
};

/// The beginnings of all samples of a vocabulary.
///
///   sample i starts with token start(i mod n) of the n tokens that are neither BOS nor EOS, for the j = i / n-th time;
///   3 + (start + j) mod 3 greedy tokens follow; its stream is (start, j)
///   reference_order: start i mod V, j = i / V mod 3, and 2 + j greedy tokens follow
///
/// Cost    one shuffle of the vocabulary.
/// Source  Liu et al. 2023 (arXiv 2305.17888), section 2.1.
class SampleBeginnings {
 public:
  SampleBeginnings(const generation_options& options, std::size_t vocabulary) : options_(options) {
    std::vector<std::uint32_t> order;
    if (options.reference_order) {
      for (std::size_t i = 0; i < vocabulary; ++i) order.push_back(static_cast<std::uint32_t>(i));
    } else {
      order = shuffled(vocabulary, options.seed, order_stream);
    }
    for (const std::uint32_t token : order) {
      const auto id = static_cast<std::int32_t>(token);
      if (options.reference_order || (id != options.bos && id != options.eos))
        starts_.push_back(id);
    }
    QAT_EXPECTS(!starts_.empty(), "a vocabulary of " + std::to_string(vocabulary));
  }

  [[nodiscard]] sample_beginning operator()(std::size_t sample) const {
    const std::int32_t start = starts_[sample % starts_.size()];
    const std::uint64_t time = sample / starts_.size();
    sample_beginning b;
    if (options_.bos) b.tokens.push_back(*options_.bos);
    b.tokens.push_back(start);
    const auto id = static_cast<std::uint64_t>(start);
    b.greedy = options_.reference_order ? 2 + time % 3 : 3 + (id + time) % 3;
    b.stream = id << 32 | time;
    return b;
  }

 private:
  static constexpr std::uint64_t order_stream = ~std::uint64_t{0};

  generation_options options_;
  std::vector<std::int32_t> starts_;
};

/// Writes samples first, first + 1, ..., options.samples - 1, `batch` of them side by side; as one ends the next begins.
///
/// done(sample, tokens) is called in order of the samples; it may throw to stop.
///
/// Error   the tokens of a sample depend on the model, the options and its number alone: not on first, batch or threads.
/// Throws  ContractViolation for a length beyond the context or too short for a beginning, or a batch of 0.
/// Cost    a pass over the weights for each token of the longest of `batch` samples.
template <class Scheme, class Done>
void generate_data(const llama::Llama<Scheme>& model, const generation_options& options,
                   std::size_t first, std::size_t batch, core::executor_reference executor,
                   Done&& done) {
  const llama::llama_config& config = model.config();
  QAT_EXPECTS(options.tokens <= config.context && options.tokens >= 3 && batch > 0,
              std::to_string(options.tokens) + " tokens in a context of " +
                  std::to_string(config.context) + ", " + std::to_string(batch) + " side by side");
  struct slot {
    llama::KvCache<Scheme> cache;
    std::size_t sample = 0;
    std::size_t greedy_end = 0;  // tokens at positions below are the most probable ones
    std::uint64_t stream = 0;
    std::vector<std::int32_t> tokens;
    std::size_t cached = 0;
  };
  const SampleBeginnings beginnings(options, config.vocabulary);
  llama::Sampler draw(options.choice);
  std::size_t next_sample = first;
  std::size_t next_done = first;
  std::map<std::size_t, std::vector<std::int32_t>> finished;  // those that wait for earlier ones
  std::vector<slot> slots;
  const auto begin_in = [&](slot& s) {
    sample_beginning b = beginnings(next_sample);
    s.cache.truncate(0);
    s.sample = next_sample++;
    s.stream = b.stream;
    s.greedy_end = options.strategy == data_strategy::sampled  ? 0
                   : options.strategy == data_strategy::hybrid ? b.tokens.size() + b.greedy
                                                               : options.tokens;
    s.tokens = std::move(b.tokens);
    s.cached = 0;
  };
  while (slots.size() < batch && next_sample < options.samples) {
    slots.push_back({llama::KvCache<Scheme>(config), 0, 0, 0, {}, 0});
    begin_in(slots.back());
  }
  Workspace workspace;
  std::vector<float> logits;
  while (!slots.empty()) {
    std::vector<std::int32_t> tokens;
    std::vector<llama::cached_rows<Scheme>> rows;
    for (slot& s : slots) {
      rows.push_back({&s.cache, s.tokens.size() - s.cached});
      tokens.insert(tokens.end(), s.tokens.begin() + static_cast<std::ptrdiff_t>(s.cached),
                    s.tokens.end());
      s.cached = s.tokens.size();
    }
    logits.resize(slots.size() * config.vocabulary);
    workspace.run([&](Arena& arena) {
      llama::next_token_logits(model, std::span<const std::int32_t>(tokens),
                               std::span<const llama::cached_rows<Scheme>>(rows), arena, executor,
                               logits);
    });
    std::vector<std::size_t> empty;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      slot& s = slots[i];
      const auto row =
          std::span<const float>(logits).subspan(i * config.vocabulary, config.vocabulary);
      const std::size_t position = s.tokens.size();
      const std::int32_t token =
          position < s.greedy_end ? llama::greedy_token(row)
                                  : draw(row, core::random_bits(options.seed, s.stream, position));
      s.tokens.push_back(token);
      if (token != options.eos && s.tokens.size() < options.tokens) continue;
      finished.emplace(s.sample, std::move(s.tokens));
      if (next_sample < options.samples) {
        begin_in(s);
      } else {
        empty.push_back(i);
      }
    }
    for (auto i = empty.rbegin(); i != empty.rend(); ++i)
      slots.erase(slots.begin() + static_cast<std::ptrdiff_t>(*i));
    for (auto at = finished.find(next_done); at != finished.end(); at = finished.find(next_done)) {
      done(next_done++, std::as_const(at->second));
      finished.erase(at);
    }
  }
}

}  // namespace qat::distill
