#pragma once

#include <qat/io/gguf.hpp>
#include <qat/llama/config.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// \file
/// The hyperparameters of a GGUF file, and ggml's names of tensors.

namespace qat::llama {

/// Hugging Face's name of a ggml tensor; empty where a LLaMA has no such tensor.
[[nodiscard]] inline std::string hugging_face_name(std::string_view ggml) {
  struct pair {
    std::string_view ggml;
    const char* hugging_face;
  };
  constexpr pair outer[] = {{"token_embd.weight", "model.embed_tokens.weight"},
                            {"output_norm.weight", "model.norm.weight"},
                            {"output.weight", "lm_head.weight"}};
  for (const pair& name : outer)
    if (name.ggml == ggml) return name.hugging_face;
  constexpr pair inner[] = {{"attn_norm.weight", "input_layernorm.weight"},
                            {"attn_q.weight", "self_attn.q_proj.weight"},
                            {"attn_k.weight", "self_attn.k_proj.weight"},
                            {"attn_v.weight", "self_attn.v_proj.weight"},
                            {"attn_q.bias", "self_attn.q_proj.bias"},
                            {"attn_k.bias", "self_attn.k_proj.bias"},
                            {"attn_v.bias", "self_attn.v_proj.bias"},
                            {"attn_output.weight", "self_attn.o_proj.weight"},
                            {"ffn_norm.weight", "post_attention_layernorm.weight"},
                            {"ffn_gate.weight", "mlp.gate_proj.weight"},
                            {"ffn_up.weight", "mlp.up_proj.weight"},
                            {"ffn_down.weight", "mlp.down_proj.weight"}};
  constexpr std::string_view block = "blk.";
  const std::size_t dot = ggml.find('.', block.size());
  if (ggml.substr(0, block.size()) != block || dot == ggml.npos) return {};
  for (const pair& name : inner)
    if (name.ggml == ggml.substr(dot + 1))
      return "model.layers." + std::string(ggml.substr(block.size(), dot - block.size())) + "." +
             name.hugging_face;
  return {};
}

namespace detail {

/// Llama 3's scaling from the tensor rope_freqs.weight, which holds frequency / scaled frequency of each pair of a head.
/// Such files keep none of the rule's numbers: the factor is the largest element, the others are Llama 3's own, and
/// every element must agree with them.
inline void read_rope_factors(const io::named_tensor& t, std::size_t head_size,
                              const std::string& path, rope_config& rope) {
  std::vector<float> factors(head_size / 2);
  if (t.size() != factors.size())
    throw io::FormatError(path, 0, std::to_string(factors.size()) + " elements of " + t.name,
                          io::shape_of(t));
  io::decode(t, 0, factors);
  const rope_config plain = rope;
  rope.scaling = rope_scaling::llama3;
  rope.factor = *std::max_element(factors.begin(), factors.end());
  rope.original_context = 8192;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const float expected = rope_frequency(plain, i, head_size) / rope_frequency(rope, i, head_size);
    // s of rope_frequency within 2^-22 in either computation, over a sum of at least 1 / factor >= 1 / 64.
    if (!(std::abs(factors[i] - expected) <= 0x1p-15f * expected))
      throw io::FormatError(path, 0,
                            "the factors of Llama 3's rotation in " + t.name + ": " +
                                std::to_string(expected) + " at " + std::to_string(i),
                            std::to_string(factors[i]));
  }
}

}  // namespace detail

/// The config of a GGUF file of general.architecture llama or qwen2. Rows of q and k of llama are in the order of an
/// interleaved rotation, of qwen2 in that of halves.
///
/// Throws  io::FormatError naming the key.
/// Source  ggml's docs/gguf.md; llama.cpp's convert_hf_to_gguf.py for the order of rows and rope_freqs.
[[nodiscard]] inline llama_config config_from_gguf(const io::GgufFile& file) {
  const io::GgufMetadata& keys = file.metadata();
  const auto refuse = [&](const std::string& expected, const std::string& found) {
    throw io::FormatError(keys.path(), 0, expected, found);
  };
  const std::string family = keys.text("general.architecture", "");
  if (family != "llama" && family != "qwen2")
    refuse("general.architecture llama or qwen2", family.empty() ? "none" : family);
  const auto key = [&](const char* name) { return family + "." + name; };
  const auto size = [&](const char* name) {
    return static_cast<std::size_t>(keys.number(key(name)));
  };
  const auto size_or = [&](const char* name, std::size_t otherwise) {
    return static_cast<std::size_t>(keys.number(key(name), otherwise));
  };
  if (size_or("expert_count", 0) != 0)
    refuse("a model without experts", std::to_string(size("expert_count")));
  llama_config c;
  c.hidden = size("embedding_length");
  c.intermediate = size("feed_forward_length");
  c.layers = size("block_count");
  c.heads = size("attention.head_count");
  c.kv_heads = size_or("attention.head_count_kv", c.heads);
  c.head_size = size_or("attention.key_length", c.heads == 0 ? 0 : c.hidden / c.heads);
  if (size_or("attention.value_length", c.head_size) != c.head_size ||
      size_or("rope.dimension_count", c.head_size) != c.head_size)
    refuse("keys, values and rotation of " + std::to_string(c.head_size) + " channels a head",
           "others");
  c.context = size("context_length");
  c.rms_epsilon = keys.real(key("attention.layer_norm_rms_epsilon"));
  const io::named_tensor* const embedding = file.find("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    refuse("a matrix token_embd.weight", "none");
  c.vocabulary = static_cast<std::size_t>(embedding->shape[0]);
  c.tied_head = file.find("output.weight") == nullptr;
  c.attention_bias = family == "qwen2";
  c.rope.theta = keys.real(key("rope.freq_base"), 10000.0f);
  const std::string scaling = keys.text(key("rope.scaling.type"), "none");
  if (scaling == "linear") {
    c.rope.scaling = rope_scaling::linear;
    c.rope.factor = keys.real(key("rope.scaling.factor"), 1.0f);
  } else if (scaling != "none") {
    refuse(key("rope.scaling.type") + " none or linear", scaling);
  }
  const auto token = [&](const char* name) -> std::optional<std::int32_t> {
    const std::string id = std::string("tokenizer.ggml.") + name + "_token_id";
    if (!keys.has(id)) return std::nullopt;
    return static_cast<std::int32_t>(std::min<std::uint64_t>(keys.number(id), 0x7fffffff));
  };
  c.bos = token("bos");
  c.eos = token("eos");
  check_config(c);
  if (const io::named_tensor* const factors = file.find("rope_freqs.weight"))
    detail::read_rope_factors(*factors, c.head_size, keys.path(), c.rope);
  return c;
}

}  // namespace qat::llama
