#pragma once

#include <qat/core/half.hpp>
#include <qat/io/hugging_face.hpp>
#include <qat/io/safetensors_writer.hpp>
#include <qat/llama/block_weights.hpp>
#include <qat/llama/hugging_face_config.hpp>
#include <qat/llama/model.hpp>
#include <qat/llama/parameters.hpp>
#include <qat/llama/scheme_name.hpp>
#include <qat/quant/pack.hpp>
#include <qat/tensor/quantized_matrix.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

/// \file
/// What ships: codes and scales of the weights, exactly as they were trained, in a Hugging Face folder.
///
/// A quantized matrix X.weight (O, I) is three tensors, named and laid out as compressed-tensors' "pack-quantized" does:
///
///   X.weight_packed  I32 (O, ceil(I b / 32)): code + 2^(b-1), the row stream of quant/pack.hpp in whole words
///   X.weight_scale   F32 (O, 1) per channel, F16 (O, groups) per group
///   X.weight_shape   I64 (2): O, I
///
/// Everything else is F32 under its own name. config.json has a quantization_config: compressed-tensors' own where all its
/// versions read the weights (2, 4 and 8 bits, groups that divide the rows), else quant_method "qat"; "qat" inside it names the
/// scheme, whose per-token scales of K and V compressed-tensors has no words for. Quantized tables are a group of their own,
/// which compressed-tensors reads; transformers takes one width for a whole model.
/// Source  compressed-tensors (Apache-2.0), for the names and the layout.

namespace qat::llama {

/// How the tables of the vocabulary are quantized where they are: a scale a token.
using table_quantizer = Quantizer<bits<8>, per_channel>;

/// A scheme that can quantize the tables of the vocabulary; used_tables says whether it does.
template <class S>
using with_tables = with_embedding<with_head<S, table_quantizer>, table_quantizer>;

namespace detail {

inline std::string stem(const std::string& name) {
  constexpr std::string_view weight = ".weight";
  return name.substr(0, name.size() - weight.size());
}

/// Whether a parameter of the blocks is the weight of a linear layer.
inline bool is_linear(const std::string& name) {
  return name.ends_with("_proj.weight");
}

inline bool is_table(const std::string& name, const used_tables& tables, bool tied) {
  if (name == "model.embed_tokens.weight") return tables.embedding && (!tied || tables.head);
  return name == "lm_head.weight" && tables.head;
}

template <class Q>
constexpr bool half_scales = Q::scale_format::stored_bits == 16;

template <class Q>
std::size_t row_words(std::size_t cols) {
  return (packed_row_bytes<Q>(cols) + 3) / 4;
}

template <class Q>
void add_entries(std::vector<io::safetensors_entry>& entries, const std::string& name,
                 std::size_t rows, std::size_t cols) {
  entries.push_back({stem(name) + ".weight_packed", "I32", {rows, row_words<Q>(cols)}});
  entries.push_back({stem(name) + ".weight_scale",
                     half_scales<Q> ? "F16" : "F32",
                     {rows, groups_per_row<Q>(cols)}});
  entries.push_back({stem(name) + ".weight_shape", "I64", {2}});
}

template <class Q>
void append_quantized(io::SafetensorsWriter& writer, const quantized_matrix<Q>& m) {
  const std::size_t rows = m.codes.rows(), cols = m.codes.cols();
  const std::size_t bytes = packed_row_bytes<Q>(cols);
  std::vector<std::uint8_t> packed(rows * bytes);
  pack<Q>(m.codes.view().matrix(), std::span(packed));
  std::vector<std::uint8_t> words(row_words<Q>(cols) * 4);
  for (std::size_t r = 0; r < rows; ++r) {
    std::memcpy(words.data(), packed.data() + r * bytes, bytes);
    writer.append(std::span<const std::uint8_t>(words));
  }
  if constexpr (half_scales<Q>) {
    std::vector<std::uint16_t> halves;
    for (const float scale : m.parameters.scales) halves.push_back(core::fp16_from_float(scale));
    writer.append(std::span<const std::uint16_t>(halves));
  } else {
    writer.append(std::span<const float>(m.parameters.scales));
  }
  const std::array<std::int64_t, 2> shape{static_cast<std::int64_t>(rows),
                                          static_cast<std::int64_t>(cols)};
  writer.append(std::span<const std::int64_t>(shape));
}

template <class Q>
quantized_matrix<Q> read_quantized(const std::map<std::string, io::named_tensor>& tensors,
                                   const std::string& path, const std::string& name,
                                   const Shape& shape) {
  static_assert(!Q::has_zero_point);
  const std::size_t rows = shape.rows(), cols = shape.cols();
  const std::size_t words = row_words<Q>(cols), groups = groups_per_row<Q>(cols);
  const auto extents = io::tensor_bytes(tensors, path, {stem(name) + ".weight_shape", "I64", {2}});
  std::array<std::int64_t, 2> stored;
  std::memcpy(stored.data(), extents.data(), sizeof(stored));
  if (stored[0] != static_cast<std::int64_t>(rows) || stored[1] != static_cast<std::int64_t>(cols))
    throw io::FormatError(path, 0, stem(name) + ".weight_shape of " + to_string(shape),
                          std::to_string(stored[0]) + "x" + std::to_string(stored[1]));
  const auto packed =
      io::tensor_bytes(tensors, path, {stem(name) + ".weight_packed", "I32", {rows, words}});
  const auto scales = io::tensor_bytes(
      tensors, path,
      {stem(name) + ".weight_scale", half_scales<Q> ? "F16" : "F32", {rows, groups}});
  quantized_matrix<Q> m{Tensor<typename Q::code_type>(shape),
                        qat::detail::make_parameters<Q>(rows, cols)};
  const std::size_t row_bytes = packed_row_bytes<Q>(cols);
  std::vector<std::uint8_t> bytes(rows * row_bytes);
  for (std::size_t r = 0; r < rows; ++r)
    std::memcpy(bytes.data() + r * row_bytes, packed.data() + r * words * 4, row_bytes);
  unpack<Q>(std::span<const std::uint8_t>(bytes), m.codes.view().matrix());
  for (const auto code : m.codes.elements())
    if (code < Q::qmin || code > Q::qmax)
      throw io::FormatError(path, 0,
                            stem(name) + ".weight_packed with codes " + std::to_string(Q::qmin) +
                                " to " + std::to_string(Q::qmax),
                            std::to_string(code));
  for (std::size_t i = 0; i < rows * groups; ++i) {
    if constexpr (half_scales<Q>) {
      std::uint16_t half;
      std::memcpy(&half, scales.data() + 2 * i, 2);
      m.parameters.scales[i] = core::float_from_fp16(half);
    } else {
      std::memcpy(&m.parameters.scales[i], scales.data() + 4 * i, 4);
    }
  }
  return m;
}

/// The words of compressed-tensors for symmetric weights of that many bits, with a scale a row or a group of it.
inline nlohmann::ordered_json weight_words(int bits, int group) {
  nlohmann::ordered_json weights{{"num_bits", bits},
                                 {"type", "int"},
                                 {"symmetric", true},
                                 {"dynamic", false},
                                 {"strategy", group == 0 ? "channel" : "group"}};
  if (group != 0) weights["group_size"] = group;
  return weights;
}

/// Whether compressed-tensors reads these weights: widths that all its versions pack without gaps, groups without a remainder.
inline bool is_compressed_tensors(const scheme_description& d, const llama_config& c) {
  const bool width = d.weight_bits == 2 || d.weight_bits == 4 || d.weight_bits == 8;
  const auto group = static_cast<std::size_t>(d.weight_group);
  return width && (group == 0 || (c.hidden % group == 0 && c.query_width() % group == 0 &&
                                  c.intermediate % group == 0));
}

/// What other programs read of a scheme. A group has its format too: without one, compressed-tensors chooses by the widths, and
/// for activations of 8 bits something else than what is there.
inline nlohmann::ordered_json quantization_config(const scheme_description& d,
                                                  const std::string& scheme,
                                                  const used_tables& tables,
                                                  const llama_config& config) {
  const bool theirs = is_compressed_tensors(d, config);
  const char* const format = theirs ? "pack-quantized" : "row-stream";
  nlohmann::ordered_json json{{"quant_method", theirs ? "compressed-tensors" : "qat"},
                              {"format", format},
                              {"quantization_status", "compressed"}};
  nlohmann::ordered_json groups = nlohmann::ordered_json::object();
  const auto add_group = [&](nlohmann::ordered_json group) {
    if (theirs) group["format"] = format;
    groups["group_" + std::to_string(groups.size())] = std::move(group);
  };
  if (d.weight_bits != 16) {
    nlohmann::ordered_json group{{"targets", {"Linear"}},
                                 {"weights", weight_words(d.weight_bits, d.weight_group)}};
    if (d.activation_bits != 16)
      group["input_activations"] = {{"num_bits", d.activation_bits},
                                    {"type", "int"},
                                    {"symmetric", true},
                                    {"dynamic", true},
                                    {"strategy", "token"}};
    add_group(std::move(group));
  }
  nlohmann::ordered_json quantized_tables = nlohmann::ordered_json::array();
  if (tables.embedding) quantized_tables.push_back("re:.*embed_tokens$");
  const bool own_head = tables.head && !config.tied_head;
  if (own_head) quantized_tables.push_back("lm_head");
  if (!quantized_tables.empty())
    add_group({{"targets", quantized_tables}, {"weights", weight_words(8, 0)}});
  json["config_groups"] = std::move(groups);
  json["ignore"] = nlohmann::ordered_json::array();
  if (!own_head) json["ignore"].push_back("lm_head");
  json["qat"] = {{"version", 1},
                 {"scheme", scheme},
                 {"embedding_bits", tables.embedding ? 8 : 32},
                 {"head_bits", tables.head ? 8 : 32}};
  return json;
}

}  // namespace detail

/// Which tables an export has quantized, and its scheme: what is needed to choose a type to load it with.
struct quantized_checkpoint_kind {
  std::string scheme;
  used_tables tables;
};

/// What kind of export a folder holds; nothing if it is none.
///
/// Throws  io::FileError, io::FormatError.
[[nodiscard]] inline std::optional<quantized_checkpoint_kind> quantized_kind(
    const std::string& folder) {
  const std::string path = (std::filesystem::path(folder) / "config.json").string();
  if (!std::filesystem::exists(path)) return {};
  const nlohmann::json json = io::parse_json(io::read_text(path), path);
  const io::JsonField config(json, path);
  if (!config.has("quantization_config") || !config["quantization_config"].has("qat")) return {};
  const io::JsonField kind = config["quantization_config"]["qat"];
  return quantized_checkpoint_kind{
      kind["scheme"].text(),
      {kind["embedding_bits"].count(32) == 8, kind["head_bits"].count(32) == 8}};
}

/// Writes a student as it ships: config.json, the tokenizer where one is given, model.safetensors last; each whole or not at
/// all.
///
/// Error   codes and scales are those that the training forward uses.
/// Throws  io::FileError; ContractViolation for a tied head of which one side only is quantized.
/// Cost    one quantization of the weights and one write of what is left.
template <scheme_like Scheme>
void save_quantized(core::executor_reference executor, const llama_parameters<float>& parameters,
                    const std::string& folder, const std::string& scheme, const used_tables& tables,
                    const std::optional<std::string>& tokenizer_json) {
  namespace fs = std::filesystem;
  static_assert(std::is_same_v<typename Scheme::exempt, exempt_none>);
  using W = typename Scheme::weight;
  const bool tied = parameters.config.tied_head;
  QAT_EXPECTS(!tied || tables.embedding == tables.head, "one table with two widths");
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw io::FileError(folder, error.message());
  const auto path_of = [&](const char* name) { return (fs::path(folder) / name).string(); };
  nlohmann::ordered_json config = hugging_face_config(parameters.config, "float32");
  config["quantization_config"] =
      detail::quantization_config(describe<Scheme>(), scheme, tables, parameters.config);
  io::write_text(path_of("config.json"), config.dump(2) + "\n");
  if (tokenizer_json) io::write_text(path_of("tokenizer.json"), *tokenizer_json);

  std::vector<io::safetensors_entry> entries;
  for_each_parameter(parameters, [&](const std::string& name, const Tensor<float>& t) {
    if constexpr (is_quantized<W>)
      if (detail::is_linear(name)) return detail::add_entries<W>(entries, name, t.rows(), t.cols());
    if (detail::is_table(name, tables, tied))
      return detail::add_entries<table_quantizer>(entries, name, t.rows(), t.cols());
    entries.push_back({name, "F32", t.shape().extents()});
  });
  io::SafetensorsWriter writer(path_of("model.safetensors"), entries, {{"format", "pt"}});
  for_each_parameter(parameters, [&](const std::string& name, const Tensor<float>& t) {
    if constexpr (is_quantized<W>)
      if (detail::is_linear(name))
        return detail::append_quantized<W>(writer, quantized<W>(executor, t.view()));
    if (detail::is_table(name, tables, tied))
      return detail::append_quantized<table_quantizer>(
          writer, quantized<table_quantizer>(executor, t.view()));
    writer.append(t.elements());
  });
  writer.commit();
}

/// A model that was shipped: nothing in it was computed from trained values.
template <scheme_like Scheme>
struct shipped_model {
  using weight = typename Scheme::weight;

  llama_parameters<float> parameters;  ///< levels where quantized
  std::vector<BlockWeights<Scheme>> blocks;
  /// Codes and scales under the parameters' names, for who wants to compare them.
  std::map<std::string,
           quantized_matrix<std::conditional_t<is_quantized<weight>, weight, table_quantizer>>>
      matrices;
  std::map<std::string, quantized_matrix<table_quantizer>> tables;
};

/// Reads an export of this scheme.
///
/// Throws  io::FileError; io::FormatError with the tensor that is missing, too much, of another shape or out of range.
/// Cost    one read of the file; the levels in fp32 beside the packed codes.
template <scheme_like Scheme>
[[nodiscard]] shipped_model<Scheme> load_quantized(core::executor_reference executor,
                                                   const std::string& folder,
                                                   const used_tables& tables) {
  using W = typename Scheme::weight;
  using layers_weights = typename BlockWeights<Scheme>::quantized_weights;
  const io::HuggingFaceFolder file(folder);
  shipped_model<Scheme> model;
  model.parameters = llama_parameters<float>(config_from_hugging_face(file.config()));
  const bool tied = model.parameters.config.tied_head;
  std::size_t used = 0;
  const auto levels_of = [&](const auto& m, Tensor<float>& t, auto quantizer) {
    using Q = decltype(quantizer);
    dequantize<Q>(parallel(executor), m.codes.view().matrix(), m.parameters, t.view().matrix());
    used += 3;
  };
  for_each_parameter(model.parameters, [&](const std::string& name, Tensor<float>& t) {
    if constexpr (is_quantized<W>)
      if (detail::is_linear(name)) {
        const auto at = model.matrices.emplace(
            name, detail::read_quantized<W>(file.tensors(), folder, name, t.shape()));
        return levels_of(at.first->second, t, W{});
      }
    if (detail::is_table(name, tables, tied)) {
      const auto at = model.tables.emplace(
          name, detail::read_quantized<table_quantizer>(file.tensors(), folder, name, t.shape()));
      return levels_of(at.first->second, t, table_quantizer{});
    }
    const auto bytes = io::tensor_bytes(file.tensors(), folder, {name, "F32", t.shape().extents()});
    std::memcpy(t.data(), bytes.data(), bytes.size());
    ++used;
  });
  if (used != file.tensors().size())
    throw io::FormatError(folder, 0, std::to_string(used) + " tensors for this config",
                          std::to_string(file.tensors().size()));
  for (std::size_t layer = 0; layer < model.parameters.layers.size(); ++layer) {
    std::array<layers_weights, BlockWeights<Scheme>::roles> prepared;
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    constexpr std::array<const char*, BlockWeights<Scheme>::roles> names{
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
        "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
    for (std::size_t role = 0; role < names.size(); ++role) {
      if constexpr (is_quantized<W>) {
        prepared[role] =
            layers_weights(executor, model.matrices.at(prefix + names[role] + ".weight"));
      } else {
        Tensor<float>& w = model.parameters.layers[layer].*
                           BlockWeights<Scheme>::member_of(static_cast<linear_role>(role));
        prepared[role] = layers_weights(executor, std::as_const(w).view());
      }
    }
    model.blocks.emplace_back(std::move(prepared));
  }
  return model;
}

}  // namespace qat::llama
