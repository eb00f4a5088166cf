#pragma once

#include <qat/io/json_field.hpp>
#include <qat/llama/config.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

/// \file
/// A config.json as `transformers` writes it.

namespace qat::llama {

namespace detail {

/// Every size is far below; check_config says what is too much.
inline constexpr std::uint64_t most_of_a_size = 0xffffffff;

inline rope_config rope_from(const io::JsonField& json, std::size_t context) {
  rope_config rope;
  rope.theta = json.number("rope_theta", 10000.0f);
  const char* const key = json.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  if (!json.has(key)) return rope;
  const io::JsonField scaling = json[key];
  rope.theta = scaling.number("rope_theta", rope.theta);
  const std::string kind = scaling.text("rope_type", scaling.text("type", "default"));
  if (kind == "default") return rope;
  rope.factor = scaling.number("factor", 1.0f);
  if (kind == "linear") {
    rope.scaling = rope_scaling::linear;
  } else if (kind == "llama3") {
    rope.scaling = rope_scaling::llama3;
    rope.low_frequency_factor = scaling.number("low_freq_factor", 1.0f);
    rope.high_frequency_factor = scaling.number("high_freq_factor", 4.0f);
    const char* const original = "original_max_position_embeddings";
    rope.original_context =
        scaling.has(original) ? scaling[original].count(most_of_a_size) : context;
  } else {
    scaling.refuse("a rotation that is default, linear or llama3", kind);
  }
  return rope;
}

/// The double whose shortest decimal is that of x: 1e-05 and not 9.999999747378752e-06.
inline double as_written(float x) {
  char digits[32] = {};
  std::to_chars(digits, digits + sizeof(digits), x);
  return std::strtod(digits, nullptr);
}

/// A token id, the first of several.
inline std::optional<std::int32_t> token_from(const io::JsonField& json, const char* key) {
  if (!json.has(key)) return {};
  const io::JsonField field = json[key];
  const bool several = field.value().is_array() && field.size() != 0;
  return static_cast<std::int32_t>((several ? field[0] : field).count(0x7fffffff));
}

}  // namespace detail

/// The config of a Hugging Face config.json: LlamaForCausalLM, or Qwen2ForCausalLM without sliding windows.
///
/// Throws  io::FormatError naming the key.
[[nodiscard]] inline llama_config config_from_hugging_face(const io::JsonField& json) {
  const auto only = [&](const char* key, bool wanted) {
    if (json.flag(key, wanted) != wanted) json[key].refuse(wanted ? "true" : "false");
  };
  const std::string type = json.text("model_type", "llama");
  if (type != "llama" && type != "qwen2") json["model_type"].refuse("llama or qwen2");
  if (json.text("hidden_act", "silu") != "silu") json["hidden_act"].refuse("silu");
  only("mlp_bias", false);
  only("use_sliding_window", false);
  if (type == "llama") only("attention_bias", false);  // it would give o_proj a bias too
  const auto size = [&](const char* key) {
    return static_cast<std::size_t>(json[key].count(detail::most_of_a_size));
  };
  const auto size_or = [&](const char* key, std::size_t otherwise) {
    return json.has(key) ? size(key) : otherwise;
  };
  llama_config c;
  c.vocabulary = size("vocab_size");
  c.hidden = size("hidden_size");
  c.intermediate = size("intermediate_size");
  c.layers = size("num_hidden_layers");
  c.heads = size("num_attention_heads");
  c.kv_heads = size_or("num_key_value_heads", c.heads);
  c.head_size = size_or("head_dim", c.heads == 0 ? 0 : c.hidden / c.heads);
  c.context = size_or("max_position_embeddings", 2048);
  c.rms_epsilon = json.number("rms_norm_eps", 1e-6f);
  c.tied_head = json.flag("tie_word_embeddings", false);
  c.attention_bias = type == "qwen2";
  c.rope = detail::rope_from(json, c.context);
  c.bos = detail::token_from(json, "bos_token_id");
  c.eos = detail::token_from(json, "eos_token_id");
  return c;
}

/// The config.json of a model: what config_from_hugging_face reads back as `c`.
///
/// Valid   a config that check_config accepts, with the rotation of halves.
/// Throws  ContractViolation for an interleaved rotation, which Hugging Face's LLaMA does not have.
[[nodiscard]] inline nlohmann::ordered_json hugging_face_config(const llama_config& c,
                                                                const std::string& dtype) {
  check_config(c);
  QAT_EXPECTS(c.rope.layout == rope_layout::half_split, "an interleaved rotation");
  const bool qwen = c.attention_bias;
  nlohmann::ordered_json json{{"architectures", {qwen ? "Qwen2ForCausalLM" : "LlamaForCausalLM"}},
                              {"model_type", qwen ? "qwen2" : "llama"},
                              {"vocab_size", c.vocabulary},
                              {"hidden_size", c.hidden},
                              {"intermediate_size", c.intermediate},
                              {"num_hidden_layers", c.layers},
                              {"num_attention_heads", c.heads},
                              {"num_key_value_heads", c.kv_heads},
                              {"head_dim", c.head_size},
                              {"max_position_embeddings", c.context},
                              {"rms_norm_eps", detail::as_written(c.rms_epsilon)},
                              {"rope_theta", detail::as_written(c.rope.theta)},
                              {"hidden_act", "silu"},
                              {"tie_word_embeddings", c.tied_head},
                              {"torch_dtype", dtype}};
  if (!qwen) {
    json["attention_bias"] = false;
    json["mlp_bias"] = false;
  }
  if (c.rope.scaling == rope_scaling::linear)
    json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", detail::as_written(c.rope.factor)}};
  if (c.rope.scaling == rope_scaling::llama3)
    json["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", detail::as_written(c.rope.factor)},
                            {"low_freq_factor", detail::as_written(c.rope.low_frequency_factor)},
                            {"high_freq_factor", detail::as_written(c.rope.high_frequency_factor)},
                            {"original_max_position_embeddings", c.rope.original_context}};
  if (c.bos) json["bos_token_id"] = *c.bos;
  if (c.eos) json["eos_token_id"] = *c.eos;
  return json;
}

}  // namespace qat::llama
