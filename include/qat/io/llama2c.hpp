#pragma once

#include <qat/io/byte_reader.hpp>
#include <qat/io/mapped_file.hpp>
#include <qat/io/named_tensor.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Checkpoints of llama2.c.

namespace qat::io {

/// The numbers of the file's header.
struct llama2c_header {
  std::uint64_t dim = 0;
  std::uint64_t hidden_dim = 0;
  std::uint64_t n_layers = 0;
  std::uint64_t n_heads = 0;
  std::uint64_t n_kv_heads = 0;
  std::uint64_t vocab_size = 0;
  std::uint64_t seq_len = 0;
  bool shared_classifier = false;  ///< the head is the embedding
  std::uint64_t group_size = 0;    ///< version 2: elements a scale; 0: fp32 weights
};

/// A llama2.c checkpoint: fp32 with the legacy header, or version 2 with int8 weights (Q80).
///
/// Tensors have Hugging Face's names and shapes, but the rows of q and k are in the order of an interleaved rotation.
///
/// Layout  legacy: seven int32 (a negative vocabulary: untied head), then for each kind of tensor in the order below all
///         layers, in fp32; two tables of the rotation; the head where untied.
///         version 2: "ak42", int32 2, seven int32, u8 tied, int32 group, zeros up to byte 256; the norms in fp32; then
///         each other tensor as int8 codes followed by its fp32 scales.
/// Source  the format notes and readers of karpathy/llama2.c (MIT).
class Llama2cFile {
 public:
  /// Throws  FileError, FormatError.
  explicit Llama2cFile(const std::string& path, file_access access = file_access::map)
      : file_(std::in_place, path, access) {
    parse(file_->bytes(), path);
  }

  /// From borrowed bytes.
  ///
  /// Throws  FormatError.
  Llama2cFile(std::span<const std::byte> bytes, const std::string& path) { parse(bytes, path); }

  [[nodiscard]] const llama2c_header& header() const { return header_; }
  /// In order of their names.
  [[nodiscard]] const std::map<std::string, named_tensor>& tensors() const { return tensors_; }
  /// Null where there is none.
  [[nodiscard]] const named_tensor* find(const std::string& name) const {
    const auto at = tensors_.find(name);
    return at == tensors_.end() ? nullptr : &at->second;
  }

 private:
  static constexpr std::uint32_t magic = 0x616b3432;  // "ak42"
  static constexpr std::size_t version2_header = 256;

  void parse(std::span<const std::byte> bytes, const std::string& path) {
    ByteReader reader(bytes, path);
    const auto first = reader.read<std::int32_t>("the header");
    const bool quantized = static_cast<std::uint32_t>(first) == magic;
    if (quantized) {
      const auto version = reader.read<std::int32_t>("the version");
      if (version != 2) reader.fail_at(4, "version 2 (int8)", std::to_string(version));
      read_numbers(reader, reader.read<std::int32_t>("dim"));
      header_.shared_classifier = reader.read<std::uint8_t>("shared_classifier") != 0;
      const auto group = reader.read<std::int32_t>("group_size");
      if (group <= 0)
        reader.fail_at(reader.position() - 4, "a positive group_size", std::to_string(group));
      header_.group_size = static_cast<std::uint64_t>(group);
      static_cast<void>(reader.take(version2_header - reader.position(), "the header"));
    } else {
      read_numbers(reader, first);
    }
    check_numbers(reader);
    read_tensors(reader);
    if (reader.left() != 0)
      reader.fail("the end of the file", std::to_string(reader.left()) + " bytes more");
  }

  void read_numbers(ByteReader& reader, std::int32_t dim) {
    const std::size_t begin = reader.position() - 4;
    std::array<std::int64_t, 7> n{dim};
    for (std::size_t i = 1; i < n.size(); ++i) n[i] = reader.read<std::int32_t>("the header");
    header_.shared_classifier = n[5] > 0;
    n[5] = std::abs(n[5]);
    for (std::size_t i = 0; i < n.size(); ++i)
      if (n[i] <= 0 || n[i] > (1 << 24))
        reader.fail_at(begin + 4 * i, "a size from 1 to 2^24", std::to_string(n[i]));
    std::uint64_t* const fields[] = {&header_.dim,     &header_.hidden_dim, &header_.n_layers,
                                     &header_.n_heads, &header_.n_kv_heads, &header_.vocab_size,
                                     &header_.seq_len};
    for (std::size_t i = 0; i < n.size(); ++i) *fields[i] = static_cast<std::uint64_t>(n[i]);
  }

  void check_numbers(const ByteReader& reader) const {
    const llama2c_header& h = header_;
    if (h.dim % h.n_heads != 0 || h.n_heads % h.n_kv_heads != 0 || h.dim / h.n_heads % 2 != 0)
      reader.fail_at(0, "heads that divide the width, of even size",
                     std::to_string(h.dim) + " with " + std::to_string(h.n_heads) + " and " +
                         std::to_string(h.n_kv_heads) + " heads");
    if (h.n_layers > 65536) reader.fail_at(0, "at most 65536 layers", std::to_string(h.n_layers));
  }

  void read_tensors(ByteReader& reader) {
    const llama2c_header& h = header_;
    const std::uint64_t kv = h.dim / h.n_heads * h.n_kv_heads;
    const bool quantized = h.group_size != 0;
    const auto norms = [&](const char* name) {
      for (std::uint64_t l = 0; l < h.n_layers; ++l) add_floats(reader, layer(l, name), {h.dim});
    };
    const auto weights = [&](const char* name, std::uint64_t rows, std::uint64_t cols) {
      for (std::uint64_t l = 0; l < h.n_layers; ++l) add(reader, layer(l, name), {rows, cols});
    };
    const char* const input_norm = "input_layernorm.weight";
    const char* const output_norm = "post_attention_layernorm.weight";
    if (quantized) {
      norms(input_norm);
      norms(output_norm);
      add_floats(reader, "model.norm.weight", {h.dim});
    }
    add(reader, "model.embed_tokens.weight", {h.vocab_size, h.dim});
    if (!quantized) norms(input_norm);
    weights("self_attn.q_proj.weight", h.dim, h.dim);
    weights("self_attn.k_proj.weight", kv, h.dim);
    weights("self_attn.v_proj.weight", kv, h.dim);
    weights("self_attn.o_proj.weight", h.dim, h.dim);
    if (!quantized) norms(output_norm);
    weights("mlp.gate_proj.weight", h.hidden_dim, h.dim);
    weights("mlp.down_proj.weight", h.dim, h.hidden_dim);
    weights("mlp.up_proj.weight", h.hidden_dim, h.dim);
    if (!quantized) {
      add_floats(reader, "model.norm.weight", {h.dim});
      const std::uint64_t table = h.seq_len * (h.dim / h.n_heads / 2) * sizeof(float);
      static_cast<void>(reader.take(table, "the cosines of the rotation"));
      static_cast<void>(reader.take(table, "the sines of the rotation"));
    }
    if (!h.shared_classifier) add(reader, "lm_head.weight", {h.vocab_size, h.dim});
  }

  static std::string layer(std::uint64_t l, const char* name) {
    return "model.layers." + std::to_string(l) + "." + name;
  }

  void add_floats(ByteReader& reader, std::string name, std::vector<std::uint64_t> shape) {
    named_tensor t{std::move(name), tensor_type::f32, std::move(shape), {}, "F32"};
    t.bytes = reader.take(stored_bytes(t.type, t.size()), t.name.c_str());
    tensors_.emplace(t.name, t);
  }

  void add(ByteReader& reader, std::string name, std::vector<std::uint64_t> shape) {
    if (header_.group_size == 0) return add_floats(reader, std::move(name), std::move(shape));
    named_tensor t{std::move(name), tensor_type::q80, std::move(shape), {}, "Q80"};
    t.group = static_cast<std::size_t>(header_.group_size);
    if (t.size() % t.group != 0)
      reader.fail("groups of " + std::to_string(t.group) + " in " + t.name, shape_of(t));
    t.bytes = reader.take(t.size(), t.name.c_str());
    t.scales = reader.take(t.size() / t.group * sizeof(float), t.name.c_str());
    tensors_.emplace(t.name, t);
  }

  std::optional<MappedFile> file_;
  llama2c_header header_;
  std::map<std::string, named_tensor> tensors_;
};

}  // namespace qat::io
