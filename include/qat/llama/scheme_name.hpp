#pragma once

#include <qat/core/contracts.hpp>
#include <qat/llama/scheme.hpp>
#include <qat/quant/quantizer.hpp>

#include <cstddef>
#include <string>
#include <string_view>

/// \file
/// Schemes by name: the grammar, the types behind the names, and the bits they store.

namespace qat {

/// A scheme as data: w<bits>[g<group>]a<bits>kv<bits>[h][z]; 16 bits mean not quantized.
struct scheme_description {
  int weight_bits = 16;
  int weight_group = 0;  ///< 0: one scale a channel
  int activation_bits = 16;
  int kv_bits = 16;
  bool kv_per_head = false;
  bool kv_affine = false;

  friend constexpr bool operator==(const scheme_description&, const scheme_description&) = default;
};

/// "w4g128a8kv4h".
[[nodiscard]] inline std::string to_string(const scheme_description& d) {
  std::string name = "w" + std::to_string(d.weight_bits);
  if (d.weight_group != 0) name += "g" + std::to_string(d.weight_group);
  name += "a" + std::to_string(d.activation_bits) + "kv" + std::to_string(d.kv_bits);
  if (d.kv_per_head) name += "h";
  if (d.kv_affine) name += "z";
  return name;
}

namespace detail {

/// Reads the scheme grammar from the front of a name.
class SchemeParser {
 public:
  explicit constexpr SchemeParser(std::string_view name) : rest_(name) {}

  /// Drops `word` if the rest begins with it.
  constexpr bool take(std::string_view word) {
    if (rest_.substr(0, word.size()) != word) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  /// A number of at most four digits without leading zero; -1 if there is none.
  constexpr int take_number() {
    int value = 0;
    std::size_t digits = 0;
    while (digits < rest_.size() && digits < 4 && rest_[digits] >= '0' && rest_[digits] <= '9')
      value = 10 * value + (rest_[digits++] - '0');
    if (digits == 0 || rest_[0] == '0') return -1;
    rest_.remove_prefix(digits);
    return value;
  }

  [[nodiscard]] constexpr bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

/// 1..8 or 16; one bit only where codes have a zero point.
[[nodiscard]] constexpr bool is_width(int bits, bool one_bit) {
  return bits == 16 || (bits >= (one_bit ? 1 : 2) && bits <= 8);
}

}  // namespace detail

/// The scheme of a name, `full_precision` being w16a16kv16. As a constant it gives named_scheme its arguments.
///
/// Valid   w, a: 2..8 or 16; kv: 2..8 or 16, with z from 1 on; a group >= 1 only of quantized weights, h and z only of a
///         quantized cache.
/// Error   exact: to_string(parse_scheme(name)) == name, except that "full_precision" gives "w16a16kv16".
/// Throws  ContractViolation with the name and the grammar.
[[nodiscard]] constexpr scheme_description parse_scheme(std::string_view name) {
  if (name == "full_precision") return {};
  detail::SchemeParser parser(name);
  scheme_description d;
  bool names_a_scheme = parser.take("w");
  d.weight_bits = parser.take_number();
  if (parser.take("g")) {
    d.weight_group = parser.take_number();
    names_a_scheme = names_a_scheme && d.weight_group >= 1 && d.weight_bits != 16;
  }
  names_a_scheme = names_a_scheme && parser.take("a");
  d.activation_bits = parser.take_number();
  names_a_scheme = names_a_scheme && parser.take("kv");
  d.kv_bits = parser.take_number();
  d.kv_per_head = parser.take("h");
  d.kv_affine = parser.take("z");
  names_a_scheme = names_a_scheme && parser.at_end() && detail::is_width(d.weight_bits, false) &&
                   detail::is_width(d.activation_bits, false) &&
                   detail::is_width(d.kv_bits, d.kv_affine) &&
                   (d.kv_bits != 16 || (!d.kv_per_head && !d.kv_affine));
  QAT_EXPECTS(names_a_scheme, "\"" + std::string(name) +
                                  "\" where w<bits>[g<group>]a<bits>kv<bits>[h][z] is needed, like "
                                  "w4a8kv4 (16 bits: not quantized)");
  return d;
}

namespace detail {

template <int Bits, int Group>
struct weight_quantizer {
  using type = Quantizer<bits<Bits>, per_group<Group>, fp16_scale>;
};
template <int Bits>
struct weight_quantizer<Bits, 0> {
  using type = Quantizer<bits<Bits>, per_channel>;
};
template <>
struct weight_quantizer<16, 0> {
  using type = not_quantized;
};

template <int Bits>
struct activation_quantizer {
  using type = Quantizer<bits<Bits>, per_token>;
};
template <>
struct activation_quantizer<16> {
  using type = not_quantized;
};

template <int Bits, bool Affine>
struct kv_quantizer {
  using type = Quantizer<bits<Bits>, per_token, fp16_scale>;
};
template <int Bits>
struct kv_quantizer<Bits, true> {
  using type = Quantizer<bits<Bits>, per_token, fp16_scale, affine, min_max>;
};
template <>
struct kv_quantizer<16, false> {
  using type = not_quantized;
};

}  // namespace detail

/// The scheme type of a description: weights per channel with fp32 scales or per group with fp16 scales, activations per
/// token with fp32 scales, K and V per token or head with fp16 scales, affine ones over [min, max].
template <int WeightBits, int WeightGroup, int ActivationBits, int KvBits, bool KvPerHead,
          bool KvAffine>
using named_scheme = scheme<typename detail::weight_quantizer<WeightBits, WeightGroup>::type,
                            typename detail::activation_quantizer<ActivationBits>::type,
                            typename detail::kv_quantizer<KvBits, KvAffine>::type, KvPerHead>;

namespace detail {

template <class Q>
struct described_quantizer {
  static constexpr int bits = Q::bit_width;
  static constexpr int group = static_cast<int>(Q::granularity::group_size(0));
  static constexpr bool affine = Q::has_zero_point;
};
template <>
struct described_quantizer<not_quantized> {
  static constexpr int bits = 16;
  static constexpr int group = 0;
  static constexpr bool affine = false;
};

}  // namespace detail

/// The description of a scheme type, as far as the grammar of names tells schemes apart.
template <class Scheme>
[[nodiscard]] constexpr scheme_description describe() {
  return {.weight_bits = detail::described_quantizer<typename Scheme::weight>::bits,
          .weight_group = detail::described_quantizer<typename Scheme::weight>::group,
          .activation_bits = detail::described_quantizer<typename Scheme::activation>::bits,
          .kv_bits = detail::described_quantizer<typename Scheme::key_value>::bits,
          .kv_per_head = Scheme::kv_per_head,
          .kv_affine = detail::described_quantizer<typename Scheme::key_value>::affine};
}

/// Bits of a weight (rows, cols) when it ships, scales included.
///
///   bits + 32 / cols per channel,  bits + 16 ceil(cols / group) / cols per group,  32 for fp32
///
/// Error  the rounding of double.
[[nodiscard]] constexpr double stored_weight_bits(const scheme_description& d, std::size_t cols) {
  if (d.weight_bits == 16 || cols == 0) return 32.0;
  const double width = static_cast<double>(cols);
  if (d.weight_group == 0) return d.weight_bits + 32.0 / width;
  const std::size_t group = static_cast<std::size_t>(d.weight_group);
  return d.weight_bits + 16.0 * static_cast<double>((cols + group - 1) / group) / width;
}

/// Bits of an element of K or V in the cache, scales and zero points included.
///
///   bits + (16 [+ bits]) / n,  n = the head size, or all heads of it;  32 for fp32
///
/// Error  the rounding of double.
[[nodiscard]] constexpr double stored_kv_bits(const scheme_description& d, std::size_t kv_heads,
                                              std::size_t head_size) {
  if (d.kv_bits == 16 || head_size == 0 || kv_heads == 0) return 32.0;
  const double width = static_cast<double>(d.kv_per_head ? head_size : kv_heads * head_size);
  return d.kv_bits + (16.0 + (d.kv_affine ? d.kv_bits : 0)) / width;
}

}  // namespace qat
