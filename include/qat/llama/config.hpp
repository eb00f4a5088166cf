#pragma once

#include <qat/core/contracts.hpp>
#include <qat/kernels/rope.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

/// \file
/// The numbers that make a LLaMA: one aggregate for LLaMA 1 to 3, TinyLlama, SmolLM2 and Qwen2-style biases.

namespace qat::llama {

/// A LLaMA. New members are added at the end only.
struct llama_config {
  std::size_t vocabulary = 0;
  std::size_t hidden = 0;        ///< C
  std::size_t intermediate = 0;  ///< of the gated layer
  std::size_t layers = 0;
  std::size_t heads = 0;      ///< H, of queries
  std::size_t kv_heads = 0;   ///< divides heads
  std::size_t head_size = 0;  ///< D; even; heads * D need not be the hidden size
  std::size_t context = 0;    ///< the longest sequence it was trained on
  float rms_epsilon = 1e-5f;
  rope_config rope = {};
  bool tied_head = false;       ///< the head is the embedding
  bool attention_bias = false;  ///< q, k and v have a bias (Qwen2)
  std::optional<std::int32_t> bos = {};
  std::optional<std::int32_t> eos = {};

  /// Width of all query heads, of all key heads.
  [[nodiscard]] constexpr std::size_t query_width() const { return heads * head_size; }
  [[nodiscard]] constexpr std::size_t kv_width() const { return kv_heads * head_size; }

  friend constexpr bool operator==(const llama_config&, const llama_config&) = default;
};

/// Parameters of the model, a tied head counted once.
///
/// Valid   a config that check_config accepts.  Error  exact.
[[nodiscard]] constexpr std::uint64_t parameter_count(const llama_config& c) {
  const std::uint64_t attention =
      std::uint64_t{c.hidden} * (2 * c.query_width() + 2 * c.kv_width());
  const std::uint64_t biases = c.attention_bias ? c.query_width() + 2 * c.kv_width() : 0;
  const std::uint64_t feed_forward = 3 * std::uint64_t{c.hidden} * c.intermediate;
  const std::uint64_t embedding = std::uint64_t{c.vocabulary} * c.hidden;
  return c.layers * (attention + biases + feed_forward + 2 * c.hidden) + c.hidden +
         (c.tied_head ? 1 : 2) * embedding;
}

/// Refuses numbers that no LLaMA has, before anything is allocated from them.
///
/// Valid   each size from 1 to 2^24, layers to 2^16, an even head size, kv_heads dividing heads, a positive epsilon and
///         theta, a positive scaling factor, token ids below the vocabulary.
/// Throws  ContractViolation with the number.
inline void check_config(const llama_config& c) {
  constexpr std::size_t limit = std::size_t{1} << 24;
  const auto is_size = [](std::size_t n) { return n >= 1 && n <= limit; };
  const auto number = [](std::size_t n) { return std::to_string(n); };
  QAT_EXPECTS(is_size(c.vocabulary), "a vocabulary of " + number(c.vocabulary));
  QAT_EXPECTS(is_size(c.hidden), "a hidden size of " + number(c.hidden));
  QAT_EXPECTS(is_size(c.intermediate), "an intermediate size of " + number(c.intermediate));
  QAT_EXPECTS(c.layers >= 1 && c.layers <= 65536, number(c.layers) + " layers");
  QAT_EXPECTS(is_size(c.heads) && is_size(c.kv_heads) && c.heads % c.kv_heads == 0,
              number(c.heads) + " heads and " + number(c.kv_heads) + " of K and V");
  QAT_EXPECTS(is_size(c.head_size) && c.head_size % 2 == 0,
              "a head size of " + number(c.head_size));
  QAT_EXPECTS(is_size(c.query_width()), number(c.query_width()) + " query channels");
  QAT_EXPECTS(is_size(c.context), "a context of " + number(c.context));
  QAT_EXPECTS(c.rms_epsilon > 0.0f && c.rms_epsilon < 1.0f,
              "an epsilon of " + std::to_string(c.rms_epsilon));
  QAT_EXPECTS(c.rope.theta > 1.0f, "a theta of " + std::to_string(c.rope.theta));
  QAT_EXPECTS(c.rope.factor > 0.0f, "a scaling factor of " + std::to_string(c.rope.factor));
  const auto is_token = [&](const std::optional<std::int32_t>& id) {
    return !id || (*id >= 0 && static_cast<std::size_t>(*id) < c.vocabulary);
  };
  QAT_EXPECTS(is_token(c.bos) && is_token(c.eos), "a special token outside the vocabulary");
}

}  // namespace qat::llama
