#pragma once

#include <qat/io/hugging_face.hpp>
#include <qat/io/llama2c.hpp>
#include <qat/llama/parameters.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

/// \file
/// From the files of other people to parameters.

namespace qat::llama {

namespace detail {

/// The fields of a config.json with their names in every complaint.
class ConfigReader {
 public:
  ConfigReader(const nlohmann::json& json, std::string path) : json_(json), path_(std::move(path)) {
    if (!json.is_object()) throw io::FormatError(path_, 0, "a JSON object", json.type_name());
  }

  [[nodiscard]] bool has(const char* key) const {
    return json_.contains(key) && !json_[key].is_null();
  }
  [[nodiscard]] std::size_t size(const char* key) const {
    if (!has(key) || !json_[key].is_number_unsigned()) fail(key, "a whole number");
    return json_[key].get<std::size_t>();
  }
  [[nodiscard]] std::size_t size(const char* key, std::size_t otherwise) const {
    return has(key) ? size(key) : otherwise;
  }
  [[nodiscard]] float number(const char* key, float otherwise) const {
    if (!has(key)) return otherwise;
    if (!json_[key].is_number()) fail(key, "a number");
    return json_[key].get<float>();
  }
  [[nodiscard]] bool flag(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!json_[key].is_boolean()) fail(key, "true or false");
    return json_[key].get<bool>();
  }
  [[nodiscard]] std::string text(const char* key, const char* otherwise) const {
    if (!has(key)) return otherwise;
    if (!json_[key].is_string()) fail(key, "text");
    return json_[key].get<std::string>();
  }
  /// A token id; the first of several.
  [[nodiscard]] std::optional<std::int32_t> token(const char* key) const {
    if (!has(key)) return {};
    const nlohmann::json& value =
        json_[key].is_array() && !json_[key].empty() ? json_[key][0] : json_[key];
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 0x7fffffff)
      fail(key, "a token id");
    return value.get<std::int32_t>();
  }
  [[nodiscard]] ConfigReader object(const char* key) const {
    return {json_[key], path_ + ", " + key};
  }

  [[noreturn]] void fail(const char* key, const std::string& expected) const {
    throw io::FormatError(path_, 0, expected + " as " + key,
                          json_.contains(key) ? json_[key].dump() : "nothing");
  }

 private:
  const nlohmann::json& json_;
  std::string path_;
};

inline rope_config rope_from(const ConfigReader& reader, std::size_t context) {
  rope_config rope;
  rope.theta = reader.number("rope_theta", 10000.0f);
  const char* const key = reader.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  if (!reader.has(key)) return rope;
  const ConfigReader scaling = reader.object(key);
  rope.theta = scaling.number("rope_theta", rope.theta);
  const std::string kind = scaling.text("rope_type", scaling.text("type", "default").c_str());
  if (kind == "default") return rope;
  rope.factor = scaling.number("factor", 1.0f);
  if (kind == "linear") {
    rope.scaling = rope_scaling::linear;
  } else if (kind == "llama3") {
    rope.scaling = rope_scaling::llama3;
    rope.low_frequency_factor = scaling.number("low_freq_factor", 1.0f);
    rope.high_frequency_factor = scaling.number("high_freq_factor", 4.0f);
    rope.original_context = scaling.size("original_max_position_embeddings", context);
  } else {
    scaling.fail("rope_type", "default, linear or llama3");
  }
  return rope;
}

/// Rows of an interleaved rotation to the order of a half-split one, head by head: row 2 i + b goes to b D / 2 + i.
template <class T>
void split_halves(Tensor<T>& w, std::size_t head_size) {
  const Tensor<T> old = w;
  const std::size_t half = head_size / 2;
  for (std::size_t r = 0; r < w.rows(); ++r) {
    const std::size_t in_head = r % head_size;
    const std::size_t to = r - in_head + in_head % 2 * half + in_head / 2;
    std::copy_n(old.row(r), w.cols(), w.row(to));
  }
}

/// Decodes every tensor that the config asks for; extra ones are refused unless `ignored` says otherwise.
template <class File, class Ignored>
llama_parameters<float> parameters_from(const File& file, const llama_config& config,
                                        const std::string& path, Ignored&& ignored) {
  // Before anything is allocated: all shapes are in the file.
  std::size_t used = 0;
  const auto check = [&](const std::string& name, std::vector<std::uint64_t> shape) {
    const io::named_tensor* const t = file.find(name);
    if (t == nullptr) throw io::FormatError(path, 0, "a tensor " + name, "none");
    const io::named_tensor expected{name, t->type, std::move(shape), {}, t->type_name};
    if (t->shape != expected.shape)
      throw io::FormatError(path, 0, name + " of " + io::shape_of(expected), io::shape_of(*t));
    if (t->type == io::tensor_type::other)
      throw io::FormatError(path, 0, name + " in a supported type", t->type_name);
    ++used;
  };
  const llama_config& c = config;
  check_config(c);
  check("model.embed_tokens.weight", {c.vocabulary, c.hidden});
  for (std::size_t l = 0; l < c.layers; ++l) {
    const std::string layer = "model.layers." + std::to_string(l) + ".";
    check(layer + "input_layernorm.weight", {c.hidden});
    check(layer + "self_attn.q_proj.weight", {c.query_width(), c.hidden});
    check(layer + "self_attn.k_proj.weight", {c.kv_width(), c.hidden});
    check(layer + "self_attn.v_proj.weight", {c.kv_width(), c.hidden});
    if (c.attention_bias) {
      check(layer + "self_attn.q_proj.bias", {c.query_width()});
      check(layer + "self_attn.k_proj.bias", {c.kv_width()});
      check(layer + "self_attn.v_proj.bias", {c.kv_width()});
    }
    check(layer + "self_attn.o_proj.weight", {c.hidden, c.query_width()});
    check(layer + "post_attention_layernorm.weight", {c.hidden});
    check(layer + "mlp.gate_proj.weight", {c.intermediate, c.hidden});
    check(layer + "mlp.up_proj.weight", {c.intermediate, c.hidden});
    check(layer + "mlp.down_proj.weight", {c.hidden, c.intermediate});
  }
  check("model.norm.weight", {c.hidden});
  if (!c.tied_head) check("lm_head.weight", {c.vocabulary, c.hidden});
  for (const auto& [name, tensor] : file.tensors())
    if (ignored(name)) ++used;
  if (used != file.tensors().size())
    throw io::FormatError(path, 0, std::to_string(used) + " tensors for this config",
                          std::to_string(file.tensors().size()));

  llama_parameters<float> parameters(config);
  for_each_parameter(parameters, [&](const std::string& name, Tensor<float>& t) {
    io::decode(*file.find(name), 0, t.elements());
  });
  return parameters;
}

}  // namespace detail

/// The config of a Hugging Face config.json: LlamaForCausalLM, or Qwen2ForCausalLM without sliding windows.
///
/// Throws  io::FormatError naming the key.
[[nodiscard]] inline llama_config config_from_hugging_face(const nlohmann::json& json,
                                                           const std::string& path) {
  const detail::ConfigReader reader(json, path);
  const std::string type = reader.text("model_type", "llama");
  if (type != "llama" && type != "qwen2") reader.fail("model_type", "llama or qwen2");
  const std::string activation = reader.text("hidden_act", "silu");
  if (activation != "silu") reader.fail("hidden_act", "silu");
  if (reader.flag("mlp_bias", false)) reader.fail("mlp_bias", "false");
  if (reader.flag("use_sliding_window", false)) reader.fail("use_sliding_window", "false");
  if (type == "llama" && reader.flag("attention_bias", false))
    reader.fail("attention_bias", "false (a bias of o_proj is not supported)");
  llama_config c;
  c.vocabulary = reader.size("vocab_size");
  c.hidden = reader.size("hidden_size");
  c.intermediate = reader.size("intermediate_size");
  c.layers = reader.size("num_hidden_layers");
  c.heads = reader.size("num_attention_heads");
  c.kv_heads = reader.size("num_key_value_heads", c.heads);
  c.head_size = reader.size("head_dim", c.heads == 0 ? 0 : c.hidden / c.heads);
  c.context = reader.size("max_position_embeddings", 2048);
  c.rms_epsilon = reader.number("rms_norm_eps", 1e-6f);
  c.tied_head = reader.flag("tie_word_embeddings", false);
  c.attention_bias = type == "qwen2";
  c.rope = detail::rope_from(reader, c.context);
  c.bos = reader.token("bos_token_id");
  c.eos = reader.token("eos_token_id");
  return c;
}

/// The parameters of a Hugging Face folder in fp32. Of a tied pair either name may be stored.
///
/// Throws  io::FileError, io::FormatError naming the tensor; ContractViolation as check_config.
/// Cost    one read of the tensors.
[[nodiscard]] inline llama_parameters<float> load_hugging_face(
    const io::HuggingFaceFolder& folder) {
  const llama_config config =
      config_from_hugging_face(folder.config(), folder.path_of("config.json"));
  /// A folder in which the embedding of a tied pair is found under both names.
  struct tied_names {
    const io::HuggingFaceFolder& folder;
    bool tied;
    [[nodiscard]] const io::named_tensor* find(const std::string& name) const {
      const io::named_tensor* const t = folder.find(name);
      return t == nullptr && tied && name == "model.embed_tokens.weight"
                 ? folder.find("lm_head.weight")
                 : t;
    }
    [[nodiscard]] const auto& tensors() const { return folder.tensors(); }
  };
  const bool both = folder.find("model.embed_tokens.weight") != nullptr;
  return detail::parameters_from(tied_names{folder, config.tied_head}, config, folder.folder(),
                                 [&](const std::string& name) {
                                   return name.find("rotary_emb.inv_freq") != std::string::npos ||
                                          (config.tied_head && both && name == "lm_head.weight");
                                 });
}

/// The parameters of a llama2.c checkpoint in fp32, q and k in the order of a half-split rotation.
///
/// Error   fp32 files exact, Q80 files scale * code.
/// Throws  io::FormatError; ContractViolation as check_config.
[[nodiscard]] inline llama_parameters<float> load_llama2c(const io::Llama2cFile& file,
                                                          const std::string& path) {
  const io::llama2c_header& h = file.header();
  llama_config c;
  c.vocabulary = h.vocab_size;
  c.hidden = h.dim;
  c.intermediate = h.hidden_dim;
  c.layers = h.n_layers;
  c.heads = h.n_heads;
  c.kv_heads = h.n_kv_heads;
  c.head_size = h.dim / h.n_heads;
  c.context = h.seq_len;
  c.rms_epsilon = 1e-5f;
  c.tied_head = h.shared_classifier;
  c.bos = 1;
  c.eos = 2;
  llama_parameters<float> parameters =
      detail::parameters_from(file, c, path, [](const std::string&) { return false; });
  for (layer_parameters<float>& l : parameters.layers) {
    detail::split_halves(l.q, c.head_size);
    detail::split_halves(l.k, c.head_size);
  }
  return parameters;
}

/// The parameters at a path: a Hugging Face folder, or a llama2.c file.
///
/// Throws  io::FileError with what to do, io::FormatError.
[[nodiscard]] inline llama_parameters<float> load_parameters(
    const std::string& path, io::file_access access = io::file_access::map) {
  namespace fs = std::filesystem;
  if (!fs::exists(path))
    throw io::FileError(path, "does not exist; give a model folder or a .bin file");
  if (fs::is_directory(path)) return load_hugging_face(io::HuggingFaceFolder(path, access));
  return load_llama2c(io::Llama2cFile(path, access), path);
}

}  // namespace qat::llama
