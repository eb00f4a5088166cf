#pragma once

#include <qat/core/half.hpp>
#include <qat/kernels/attention.hpp>
#include <qat/kernels/quantize_pack.hpp>
#include <qat/kernels/rope.hpp>
#include <qat/llama/config.hpp>
#include <qat/llama/scheme.hpp>
#include <qat/quant/pack.hpp>
#include <qat/quant/quantize.hpp>
#include <qat/tensor/arena.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// \file
/// Keys and values of the tokens that a sequence has seen, as its scheme stores them.

namespace qat::llama {

namespace detail {

/// K or V of one layer in fp32.
template <class KV>
class CachedRows {
 public:
  explicit CachedRows(std::size_t width, std::size_t) : width_(width) {}

  void append(const TensorView<const float>& rows) {
    for (std::size_t r = 0; r < rows.rows(); ++r)
      values_.insert(values_.end(), rows.row(r), rows.row(r) + width_);
  }
  void truncate(std::size_t rows) { values_.resize(rows * width_); }

  /// Rows [0, count) in fp32: the numbers that were appended.
  void read(std::size_t count, Arena& arena, float* out) const {
    if (!arena.plans()) std::copy_n(values_.data(), count * width_, out);
  }
  [[nodiscard]] std::size_t bytes() const { return values_.size() * sizeof(float); }

 private:
  std::size_t width_;
  std::vector<float> values_;
};

/// K or V of one layer as packed codes with fp16 scales: groups of `group` elements have a scale of their own.
template <quantizer_like KV>
class CachedRows<KV> {
  static_assert(KV::scale_format::stored_bits == 16);

 public:
  CachedRows(std::size_t width, std::size_t group) : width_(width), group_(group) {}

  /// Quantizes rows (R, width) as quantize_kv does, and keeps the codes.
  void append(const TensorView<const float>& rows) {
    const std::size_t groups = rows.size() / group_;
    const std::size_t bytes = packed_bytes<KV>(groups, group_);
    const std::size_t at = codes_.size();
    codes_.resize(at + bytes);
    parameters<KV> fresh = qat::detail::make_parameters<KV>(groups, group_);
    calibrate_pack<KV>(matrix_view<const float>(rows.data(), groups, group_),
                       qat::detail::span_of<KV>(fresh), std::span(codes_).subspan(at));
    for (const float scale : fresh.scales) scales_.push_back(core::fp16_from_float(scale));
    zero_points_.insert(zero_points_.end(), fresh.zero_points.begin(), fresh.zero_points.end());
  }
  void truncate(std::size_t rows) {
    const std::size_t groups = rows * width_ / group_;
    codes_.resize(packed_bytes<KV>(groups, group_));
    scales_.resize(groups);
    if constexpr (KV::has_zero_point) zero_points_.resize(groups);
  }

  /// Rows [0, count) as levels.
  void read(std::size_t count, Arena& arena, float* out) const {
    const std::size_t groups = count * width_ / group_;
    const ArenaScope scope(arena);
    const auto codes = arena.take<typename KV::code_type>(Shape{groups, group_});
    const auto scales = arena.take<float>(Shape{groups});
    if (arena.plans()) return;
    unpack<KV>(std::span(codes_).first(packed_bytes<KV>(groups, group_)), codes.matrix());
    for (std::size_t g = 0; g < groups; ++g) scales.data()[g] = core::float_from_fp16(scales_[g]);
    parameters_view<KV> p{{scales.data(), groups}};
    if constexpr (KV::has_zero_point) p.zero_points = std::span(zero_points_).first(groups);
    dequantize<KV>(codes.matrix(), p, matrix_view<float>(out, groups, group_));
  }

  /// Codes at their width, two bytes a scale, a zero point at the width of a code.
  [[nodiscard]] std::size_t bytes() const {
    return codes_.size() + 2 * scales_.size() + (zero_points_.size() * KV::bit_width + 7) / 8;
  }

 private:
  std::size_t width_;
  std::size_t group_;
  std::vector<std::uint8_t> codes_;
  std::vector<std::uint16_t> scales_;
  std::vector<typename KV::code_type> zero_points_;
};

}  // namespace detail

/// The cache of one sequence. K is kept where the scheme quantizes it: before the rotation, which is then applied on
/// reading, or behind it. fp32 keys are kept rotated.
template <scheme_like Scheme>
class KvCache {
 public:
  using quantizer = typename Scheme::key_value;
  static constexpr bool rotates_on_reading =
      is_quantized<quantizer> && Scheme::keys == key_position::before_rope;

  /// Throws  ContractViolation as check_config.
  explicit KvCache(const llama_config& config) : config_(config) {
    check_config(config);
    const std::size_t group = Scheme::kv_per_head ? config.head_size : config.kv_width();
    for (std::size_t l = 0; l < config.layers; ++l) {
      keys_.emplace_back(config.kv_width(), group);
      values_.emplace_back(config.kv_width(), group);
    }
  }

  /// Tokens whose keys and values every layer has.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Adds tokens size(), size() + 1, ... to one layer; advance() makes them count once all layers have them.
  ///
  /// Shapes  k, v (R, kv width) without gaps; k rotated unless rotates_on_reading.
  void append(std::size_t layer, const TensorView<const float>& k,
              const TensorView<const float>& v) {
    keys_[layer].append(k);
    values_[layer].append(v);
  }
  void advance(std::size_t count) { size_ += count; }

  /// Forgets all tokens but the first `count`, those of an unfinished append included.
  void truncate(std::size_t count) {
    QAT_EXPECTS(count <= size_, std::to_string(count) + " of " + std::to_string(size_));
    for (auto& rows : keys_) rows.truncate(count);
    for (auto& rows : values_) rows.truncate(count);
    size_ = count;
  }

  /// Writes the first `count` tokens of a layer as attend reads them, one memory a key head.
  ///
  /// Shapes  keys (kv_heads, attention_keys(count, D)), values (kv_heads, attention_values(count, D)).
  /// Error   the bits that rope and quantize_kv give for the same tokens.
  void read(std::size_t layer, std::size_t count, const RopeTable<float>& table, Arena& arena,
            const TensorView<float>& keys, const TensorView<float>& values) const {
    const ArenaScope scope(arena);
    const std::size_t width = config_.kv_width();
    const std::size_t head = config_.head_size;
    const auto rows = arena.take<float>(Shape{count, width});
    keys_[layer].read(count, arena, rows.data());
    if (!arena.plans()) {
      if constexpr (rotates_on_reading)
        for (std::size_t p = 0; p < count; ++p)
          rotate_row(table, p, config_.kv_heads, rows.row(p), rows.row(p));
      for (std::size_t h = 0; h < config_.kv_heads; ++h)
        fill_attention_keys<float>(rows.cols_from(h * head, head).matrix(), keys.row(h));
    }
    values_[layer].read(count, arena, rows.data());
    if (arena.plans()) return;
    for (std::size_t h = 0; h < config_.kv_heads; ++h)
      fill_attention_values<float>(rows.cols_from(h * head, head).matrix(), values.row(h));
  }

  /// Bytes that the stored keys and values take, scales and zero points included.
  [[nodiscard]] std::size_t bytes() const {
    std::size_t sum = 0;
    for (const auto& rows : keys_) sum += rows.bytes();
    for (const auto& rows : values_) sum += rows.bytes();
    return sum;
  }

 private:
  llama_config config_;
  std::vector<detail::CachedRows<quantizer>> keys_;
  std::vector<detail::CachedRows<quantizer>> values_;
  std::size_t size_ = 0;
};

}  // namespace qat::llama
