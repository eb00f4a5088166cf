#pragma once

#include <qat/autograd/ops/quantized_linear.hpp>
#include <qat/quant/quantizer.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>

/// \file
/// What a model uses where: the quantizers of weights, activations, KV cache, head and embedding as one type.

namespace qat {

/// Where K is quantized.
enum class key_position {
  before_rope,  ///< as k_proj gives it; the cache rotates on reading (LLM-QAT)
  after_rope,   ///< rotated; the cache is read as it is
};

/// A linear layer of a block.
enum class linear_role { q, k, v, o, gate, up, down };

/// Every linear layer is quantized.
struct exempt_none {
  static constexpr bool exempts(std::size_t, std::size_t, linear_role) { return false; }
};

/// The first and the last block stay in fp32.
struct exempt_first_and_last {
  static constexpr bool exempts(std::size_t layer, std::size_t layers, linear_role) {
    return layer == 0 || layer + 1 == layers;
  }
};

/// One layer of each block stays in fp32.
template <linear_role Role>
struct exempt_role {
  static constexpr bool exempts(std::size_t, std::size_t, linear_role role) { return role == Role; }
};

/// A user's own says for each layer of a model of `layers` blocks whether it stays in fp32.
template <class E>
concept exemption = requires(std::size_t layer, std::size_t layers, linear_role role) {
  { E::exempts(layer, layers, role) } -> std::same_as<bool>;
};

/// What a model uses where. Each of W, A, KV is a quantizer or not_quantized.
///
/// Weight          every linear layer of the blocks: rows are output channels.
/// Activation      the input of those layers: a row is a token.
/// KV              K and V: a row is a token, or with PerHead a head of a token.
///
/// Head and embedding stay in fp32 and no layer is exempted, unless with_head, with_embedding, with_exempt say otherwise:
///
///   using student = qat::with_head<qat::scheme<W4, A8, KV4>, qat::Quantizer<qat::bits<8>, qat::per_channel>>;
template <class W, class A, class KV, bool PerHead = false>
struct scheme {
  using weight = W;
  using activation = A;
  using key_value = KV;
  static constexpr bool kv_per_head = PerHead;
  static constexpr key_position keys = key_position::before_rope;
  using head = not_quantized;
  using embedding = not_quantized;
  using exempt = exempt_none;
};

/// S with K quantized elsewhere.
template <class S, key_position Position>
struct with_keys : S {
  static constexpr key_position keys = Position;
};
/// S with the output layer on levels of Q: rows are tokens of the vocabulary; its input stays in fp32.
template <class S, class Q>
struct with_head : S {
  using head = Q;
};
/// S with the embedding on levels of Q: rows are tokens of the vocabulary.
template <class S, class Q>
struct with_embedding : S {
  using embedding = Q;
};
/// S without the linear layers that E exempts: their weights and inputs stay in fp32.
template <class S, exemption E>
struct with_exempt : S {
  using exempt = E;
};

/// Nothing is quantized: the teacher.
using full_precision = scheme<not_quantized, not_quantized, not_quantized>;

/// What a linear layer, a cache, a table of the vocabulary may use.
template <class Q>
concept quantizer_or_none = quantizer_like<Q> || std::same_as<Q, not_quantized>;
template <class Q>
concept straight_through_or_none = std::same_as<Q, not_quantized> ||
    (quantizer_like<Q>&& std::same_as<typename Q::gradient, straight_through>);

/// A scheme, this header's or a user's own.
template <class S>
concept scheme_like =
    quantizer_or_none<typename S::weight> && quantizer_or_none<typename S::activation> &&
    quantizer_or_none<typename S::key_value> && straight_through_or_none<typename S::head> &&
    straight_through_or_none<typename S::embedding> && exemption<typename S::exempt> && requires {
  { S::kv_per_head } -> std::convertible_to<bool>;
  { S::keys } -> std::convertible_to<key_position>;
};

}  // namespace qat
