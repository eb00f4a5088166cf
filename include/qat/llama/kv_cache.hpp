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
#include <type_traits>
#include <vector>

/// \file
/// Keys and values of the tokens that a sequence has seen, as its scheme stores them.

namespace qat::llama {

namespace detail {

/// Keys and values of one layer in fp32, each key head in a memory of its own that attend reads in place.
template <class KV>
class CachedLayer {
 public:
  /// Room for reading: none is needed.
  struct reading {};

  CachedLayer(std::size_t kv_heads, std::size_t head_size, std::size_t)
      : head_size_(head_size), heads_(kv_heads) {}

  void append(const TensorView<const float>& k, const TensorView<const float>& v) {
    const std::size_t first = size_;
    resize(first + k.rows());
    for (std::size_t h = 0; h < heads_.size(); ++h)
      for (std::size_t r = 0; r < k.rows(); ++r) {
        const std::size_t column = h * head_size_;
        set_attention_key(k.row(r) + column, head_size_, first + r, heads_[h].keys.data());
        std::copy_n(v.row(r) + column, head_size_,
                    heads_[h].values.data() + attention_values(first + r, head_size_));
      }
  }
  void truncate(std::size_t rows) { resize(rows); }

  [[nodiscard]] reading take(Arena&, std::size_t) const { return {}; }
  template <bool RotatesKeys>
  void read(std::size_t, const RopeTable<float>&, const reading&) const {}
  [[nodiscard]] attention_memory<float> head(std::size_t h, const reading&) const {
    return {heads_[h].keys.data(), heads_[h].values.data()};
  }
  [[nodiscard]] std::size_t bytes() const {
    return 2 * size_ * heads_.size() * head_size_ * sizeof(float);
  }

 private:
  struct head_rows {
    std::vector<float> keys;
    std::vector<float> values;
  };

  void resize(std::size_t rows) {
    size_ = rows;
    for (head_rows& h : heads_) {
      h.keys.resize(attention_keys(rows, head_size_));
      h.values.resize(attention_values(rows, head_size_));
    }
  }

  std::size_t head_size_;
  std::size_t size_ = 0;
  std::vector<head_rows> heads_;
};

/// K or V of one layer as packed codes with fp16 or fp32 scales: groups of `group` elements have a scale of their own.
template <quantizer_like KV>
class CachedRows {
  static constexpr bool half_scales = KV::scale_format::stored_bits == 16;
  static_assert(half_scales || KV::scale_format::stored_bits == 32);
  using stored_scale = std::conditional_t<half_scales, std::uint16_t, float>;

 public:
  /// Room for the numbers of a packed row on their way to levels.
  struct reading {
    TensorView<typename KV::code_type> codes;
    TensorView<float> scales;
  };

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
    for (const float scale : fresh.scales) {
      if constexpr (half_scales)
        scales_.push_back(core::fp16_from_float(scale));
      else
        scales_.push_back(scale);
    }
    zero_points_.insert(zero_points_.end(), fresh.zero_points.begin(), fresh.zero_points.end());
  }
  void truncate(std::size_t rows) {
    const std::size_t groups = rows * width_ / group_;
    codes_.resize(packed_bytes<KV>(groups, group_));
    scales_.resize(groups);
    if constexpr (KV::has_zero_point) zero_points_.resize(groups);
  }

  [[nodiscard]] reading take(Arena& arena, std::size_t count) const {
    const std::size_t groups = count * width_ / group_;
    return {arena.take<typename KV::code_type>(Shape{groups, group_}),
            arena.take<float>(Shape{groups})};
  }
  /// Rows [0, count) as levels.
  void read(std::size_t count, const reading& room, float* out) const {
    const std::size_t groups = count * width_ / group_;
    unpack<KV>(std::span(codes_).first(packed_bytes<KV>(groups, group_)), room.codes.matrix());
    for (std::size_t g = 0; g < groups; ++g) {
      if constexpr (half_scales)
        room.scales.data()[g] = core::float_from_fp16(scales_[g]);
      else
        room.scales.data()[g] = scales_[g];
    }
    parameters_view<KV> p{{room.scales.data(), groups}};
    if constexpr (KV::has_zero_point) p.zero_points = std::span(zero_points_).first(groups);
    dequantize<KV>(room.codes.matrix(), p, matrix_view<float>(out, groups, group_));
  }

  /// Codes at their width, scales as stored, a zero point at the width of a code.
  [[nodiscard]] std::size_t bytes() const {
    return codes_.size() + sizeof(stored_scale) * scales_.size() +
           (zero_points_.size() * KV::bit_width + 7) / 8;
  }

 private:
  std::size_t width_;
  std::size_t group_;
  std::vector<std::uint8_t> codes_;
  std::vector<stored_scale> scales_;
  std::vector<typename KV::code_type> zero_points_;
};

/// Keys and values of one layer as packed codes: levels again on every reading.
template <quantizer_like KV>
class CachedLayer<KV> {
 public:
  /// Room for the levels of all rows, then for the memory of each key head.
  struct reading {
    typename CachedRows<KV>::reading packed;
    TensorView<float> rows;
    TensorView<float> keys;
    TensorView<float> values;
  };

  CachedLayer(std::size_t kv_heads, std::size_t head_size, std::size_t group)
      : kv_heads_(kv_heads),
        head_size_(head_size),
        keys_(kv_heads * head_size, group),
        values_(kv_heads * head_size, group) {}

  void append(const TensorView<const float>& k, const TensorView<const float>& v) {
    keys_.append(k);
    values_.append(v);
  }
  void truncate(std::size_t rows) {
    keys_.truncate(rows);
    values_.truncate(rows);
  }

  [[nodiscard]] reading take(Arena& arena, std::size_t count) const {
    return {keys_.take(arena, count), arena.take<float>(Shape{count, kv_heads_ * head_size_}),
            arena.take<float>(Shape{kv_heads_, attention_keys(count, head_size_)}),
            arena.take<float>(Shape{kv_heads_, attention_values(count, head_size_)})};
  }
  template <bool RotatesKeys>
  void read(std::size_t count, const RopeTable<float>& table, const reading& room) const {
    const auto columns = [&](std::size_t h) {
      return room.rows.cols_from(h * head_size_, head_size_).matrix();
    };
    keys_.read(count, room.packed, room.rows.data());
    if constexpr (RotatesKeys)
      for (std::size_t p = 0; p < count; ++p)
        rotate_row(table, p, kv_heads_, room.rows.row(p), room.rows.row(p));
    for (std::size_t h = 0; h < kv_heads_; ++h)
      fill_attention_keys<float>(columns(h), room.keys.row(h));
    values_.read(count, room.packed, room.rows.data());
    for (std::size_t h = 0; h < kv_heads_; ++h)
      fill_attention_values<float>(columns(h), room.values.row(h));
  }
  [[nodiscard]] attention_memory<float> head(std::size_t h, const reading& room) const {
    return {room.keys.row(h), room.values.row(h)};
  }
  [[nodiscard]] std::size_t bytes() const { return keys_.bytes() + values_.bytes(); }

 private:
  std::size_t kv_heads_;
  std::size_t head_size_;
  CachedRows<KV> keys_;
  CachedRows<KV> values_;
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
  explicit KvCache(const llama_config& config) {
    check_config(config);
    const std::size_t group = Scheme::kv_per_head ? config.head_size : config.kv_width();
    layers_.assign(config.layers,
                   detail::CachedLayer<quantizer>(config.kv_heads, config.head_size, group));
  }

  /// Tokens whose keys and values every layer has.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Adds tokens size(), size() + 1, ... to one layer; advance() makes them count once all layers have them.
  ///
  /// Shapes  k, v (R, kv width) without gaps; k rotated unless rotates_on_reading.
  void append(std::size_t layer, const TensorView<const float>& k,
              const TensorView<const float>& v) {
    layers_[layer].append(k, v);
  }
  void advance(std::size_t count) { size_ += count; }

  /// Forgets all tokens but the first `count`, those of an unfinished append included.
  void truncate(std::size_t count) {
    QAT_EXPECTS(count <= size_, std::to_string(count) + " of " + std::to_string(size_));
    for (auto& layer : layers_) layer.truncate(count);
    size_ = count;
  }

  /// What reading needs beside the cache. Taken before, so that caches can be read side by side.
  using reading = typename detail::CachedLayer<quantizer>::reading;
  [[nodiscard]] reading take(Arena& arena, std::size_t count) const {
    return layers_.front().take(arena, count);
  }

  /// Brings the first `count` tokens of a layer, appended ones included, into the form in which attend reads them.
  ///
  /// Error   the bits that rope and quantize_kv give for the same tokens.
  /// Cost    nothing for fp32; else a pass over the codes.
  void read(std::size_t layer, std::size_t count, const RopeTable<float>& table,
            const reading& room) const {
    layers_[layer].template read<rotates_on_reading>(count, table, room);
  }

  /// The memory of a key head of the layer that was read last into `room`; valid until the cache changes.
  [[nodiscard]] attention_memory<float> head(std::size_t layer, std::size_t h,
                                             const reading& room) const {
    return layers_[layer].head(h, room);
  }

  /// Bytes that the stored keys and values take, scales and zero points included.
  [[nodiscard]] std::size_t bytes() const {
    std::size_t sum = 0;
    for (const auto& layer : layers_) sum += layer.bytes();
    return sum;
  }

 private:
  std::vector<detail::CachedLayer<quantizer>> layers_;
  std::size_t size_ = 0;
};

}  // namespace qat::llama
