#pragma once

#include <qat/core/contracts.hpp>
#include <qat/core/float_arithmetic.hpp>
#include <qat/core/half.hpp>
#include <qat/io/byte_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

/// \file
/// A tensor as a file holds it, and its numbers in fp32.

namespace qat::io {

/// How a file stores the elements of a tensor.
enum class tensor_type {
  f32,
  f16,
  bf16,
  q8_0,  ///< ggml: blocks of 32, fp16 d, 32 int8 q: d q
  q4_0,  ///< ggml: blocks of 32, fp16 d, 16 bytes, element i < 16 in the low half of byte i, i + 16 in the high: d (q - 8)
  q4_1,  ///< ggml: as q4_0 with fp16 d and m: d q + m
  q80,   ///< llama2.c: int8 codes, fp32 scales of groups in a span of their own: s q
  other  ///< known by name only
};

/// Elements of a block and its bytes; {1, 0} for what has no blocks of its own.
struct tensor_block {
  std::size_t elements;
  std::size_t bytes;
};

/// "F32", "Q8_0", ...
[[nodiscard]] constexpr const char* to_string(tensor_type type) {
  constexpr const char* names[] = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q80", "other"};
  return names[static_cast<std::size_t>(type)];
}

[[nodiscard]] constexpr tensor_block block_of(tensor_type type) {
  constexpr tensor_block blocks[] = {{1, 4},   {1, 2},   {1, 2}, {32, 34},
                                     {32, 18}, {32, 20}, {1, 1}, {1, 0}};
  return blocks[static_cast<std::size_t>(type)];
}

/// A tensor of a file. Borrows the file's bytes.
struct named_tensor {
  std::string name;
  tensor_type type = tensor_type::other;
  std::vector<std::uint64_t> shape;  ///< outermost first
  std::span<const std::byte> bytes;
  std::string type_name;                   ///< as the file calls it
  std::span<const std::byte> scales = {};  ///< q80: fp32
  std::size_t group = 0;                   ///< q80: elements a scale

  /// The product of the shape, saturating.
  [[nodiscard]] std::uint64_t size() const {
    std::uint64_t product = 1;
    for (const std::uint64_t extent : shape) product = saturating_product(product, extent);
    return product;
  }
};

/// "32000x4096".
[[nodiscard]] inline std::string shape_of(const named_tensor& t) {
  std::string text;
  for (const std::uint64_t extent : t.shape) {
    if (!text.empty()) text += 'x';
    text += std::to_string(extent);
  }
  return text.empty() ? "scalar" : text;
}

/// Bytes that `elements` of a type take, saturating; 0 where they do not fill whole blocks.
[[nodiscard]] constexpr std::uint64_t stored_bytes(tensor_type type, std::uint64_t elements) {
  const tensor_block block = block_of(type);
  return elements % block.elements == 0 ? saturating_product(elements / block.elements, block.bytes)
                                        : 0;
}

namespace detail {

template <class T>
[[nodiscard]] T load_from(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

/// The 32 nibbles of 16 bytes in ggml's order.
inline void read_nibbles(const std::byte* p, int (&q)[32]) {
  for (std::size_t i = 0; i < 16; ++i) {
    const int byte = std::to_integer<int>(p[i]);
    q[i] = byte & 15;
    q[i + 16] = byte >> 4;
  }
}

/// One block to fp32.
inline void decode_block(tensor_type type, const std::byte* p, float* out) {
  if (type == tensor_type::f32) {
    *out = load_from<float>(p);
  } else if (type == tensor_type::f16) {
    *out = core::float_from_fp16(load_from<std::uint16_t>(p));
  } else if (type == tensor_type::bf16) {
    *out = core::float_from_bf16(load_from<std::uint16_t>(p));
  } else {
    const float d = core::float_from_fp16(load_from<std::uint16_t>(p));
    if (type == tensor_type::q8_0) {
      for (std::size_t i = 0; i < 32; ++i)
        out[i] = d * static_cast<float>(static_cast<std::int8_t>(p[2 + i]));
    } else {
      int q[32];
      const bool has_minimum = type == tensor_type::q4_1;
      read_nibbles(p + (has_minimum ? 4 : 2), q);
      const float m = has_minimum ? core::float_from_fp16(load_from<std::uint16_t>(p + 2)) : 0.0f;
      for (std::size_t i = 0; i < 32; ++i)
        out[i] = has_minimum ? core::product(d, static_cast<float>(q[i])) + m
                             : d * static_cast<float>(q[i] - 8);
    }
  }
}

}  // namespace detail

/// Elements [first, first + out.size()) in fp32.
///
///   as the type's comment says: the product rounded, then the sum of q4_1
///
/// Shapes  the range in whole blocks, inside the tensor.
/// Error   exact but for those roundings: the numbers of gguf's and llama2.c's own readers.
/// Throws  ContractViolation beyond the tensor, within a block, or for a type that is known by name only.
/// Cost    one read of the bytes.
inline void decode(const named_tensor& t, std::uint64_t first, std::span<float> out) {
  const tensor_block block = block_of(t.type);
  QAT_EXPECTS(t.type != tensor_type::other,
              "tensor " + t.name + " of type " + t.type_name + ", which is not supported");
  QAT_EXPECTS(first <= t.size() && out.size() <= t.size() - first,
              std::to_string(first) + " + " + std::to_string(out.size()) + " of " + t.name + " (" +
                  shape_of(t) + ")");
  QAT_EXPECTS(first % block.elements == 0 && out.size() % block.elements == 0,
              std::to_string(first) + " + " + std::to_string(out.size()) + " in blocks of " +
                  std::to_string(block.elements));
  if (t.type == tensor_type::q80) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t at = static_cast<std::size_t>(first) + i;
      out[i] = detail::load_from<float>(t.scales.data() + at / t.group * sizeof(float)) *
               static_cast<float>(static_cast<std::int8_t>(t.bytes[at]));
    }
    return;
  }
  const std::byte* p = t.bytes.data() + first / block.elements * block.bytes;
  for (std::size_t i = 0; i < out.size(); i += block.elements, p += block.bytes)
    detail::decode_block(t.type, p, out.data() + i);
}

}  // namespace qat::io
