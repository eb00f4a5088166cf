#pragma once

#include <qat/io/gguf.hpp>
#include <qat/io/hugging_face.hpp>
#include <qat/io/llama2c.hpp>
#include <qat/llama/gguf_config.hpp>
#include <qat/llama/hugging_face_config.hpp>
#include <qat/llama/parameters.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// \file
/// From the files of other people to parameters.

namespace qat::llama {

namespace detail {

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

}  // namespace detail

/// The config of a llama2.c checkpoint, whose epsilon and special tokens its program holds.
///
/// Source  karpathy/llama2.c (MIT).
[[nodiscard]] inline llama_config config_from_llama2c(const io::llama2c_header& h) {
  return {.vocabulary = h.vocab_size,
          .hidden = h.dim,
          .intermediate = h.hidden_dim,
          .layers = h.n_layers,
          .heads = h.n_heads,
          .kv_heads = h.n_kv_heads,
          .head_size = h.dim / h.n_heads,
          .context = h.seq_len,
          .rms_epsilon = 1e-5f,
          .tied_head = h.shared_classifier,
          .bos = 1,
          .eos = 2};
}

/// A LLaMA on disk: a Hugging Face folder, a GGUF file or a llama2.c file. Its tensors lie in the file until parameters()
/// decodes them.
class Checkpoint {
 public:
  /// Opens what lies at a path.
  ///
  /// Throws  io::FileError with what to do; io::FormatError; ContractViolation as check_config.
  explicit Checkpoint(std::string path, io::file_access access = io::file_access::map)
      : path_(std::move(path)) {
    namespace fs = std::filesystem;
    if (!fs::exists(path_))
      throw io::FileError(path_, "does not exist; give a model folder, a .gguf or a .bin file");
    if (fs::is_directory(path_)) {
      open(file_.emplace<io::HuggingFaceFolder>(path_, access));
    } else if (path_.ends_with(".gguf") || begins_with_gguf()) {
      open(file_.emplace<io::GgufFile>(path_, access));
    } else {
      open(file_.emplace<io::Llama2cFile>(path_, access));
    }
    check_config(config_);
  }

  [[nodiscard]] const llama_config& config() const { return config_; }
  /// Under Hugging Face's names, whatever the file calls them, in the order of these names; only what a LLaMA has.
  [[nodiscard]] const std::map<std::string, io::named_tensor>& tensors() const { return tensors_; }
  /// The keys of a GGUF file, its tokenizer among them; null for other files.
  [[nodiscard]] const io::GgufMetadata* gguf_metadata() const {
    const auto* const file = std::get_if<io::GgufFile>(&file_);
    return file == nullptr ? nullptr : &file->metadata();
  }

  /// All numbers in fp32, q and k in the order of a half-split rotation.
  ///
  /// Error   as io::decode: exact for F32, F16 and BF16.
  /// Throws  io::FormatError naming the tensor that is missing, too much, of another shape, or of a type we do not decode;
  ///         nothing is allocated before all are known to be there.
  /// Cost    one read of the file and one write of the parameters.
  [[nodiscard]] llama_parameters<float> parameters() const {
    check_tensors();
    llama_parameters<float> parameters(config_);
    for_each_parameter(parameters, [&](const std::string& name, Tensor<float>& t) {
      io::decode(tensors_.at(name), 0, t.elements());
    });
    if (interleaved_)
      for (layer_parameters<float>& l : parameters.layers) {
        detail::split_halves(l.q, config_.head_size);
        detail::split_halves(l.k, config_.head_size);
      }
    return parameters;
  }

 private:
  bool begins_with_gguf() const {
    const io::MappedFile file(path_);
    constexpr std::string_view magic = "GGUF";
    return file.bytes().size() >= magic.size() &&
           std::equal(magic.begin(), magic.end(),
                      reinterpret_cast<const char*>(file.bytes().data()));
  }

  /// Of a tied pair either name may be stored, or both.
  void open(const io::HuggingFaceFolder& folder) {
    config_ = config_from_hugging_face(folder.config());
    tensors_ = folder.tensors();
    std::erase_if(tensors_, [](const auto& item) {
      return item.first.find("rotary_emb.inv_freq") != std::string::npos;
    });
    if (!config_.tied_head) return;
    auto head = tensors_.extract("lm_head.weight");
    if (head.empty() || tensors_.count("model.embed_tokens.weight") != 0) return;
    head.key() = "model.embed_tokens.weight";
    tensors_.insert(std::move(head));
  }

  void open(const io::Llama2cFile& file) {
    config_ = config_from_llama2c(file.header());
    tensors_ = file.tensors();
    interleaved_ = true;
  }

  void open(const io::GgufFile& file) {
    config_ = config_from_gguf(file);
    interleaved_ = !config_.attention_bias;
    for (const auto& [name, tensor] : file.tensors()) {
      if (name == "rope_freqs.weight") continue;  // read with the config
      const std::string ours = hugging_face_name(name);
      tensors_.emplace(ours.empty() ? name : ours, tensor);
    }
  }

  void check_tensors() const {
    std::size_t used = 0;
    const basic_model<Shape> shapes = parameter_shapes(config_);
    for_each_parameter(shapes, [&](const std::string& name, const Shape& shape) {
      const auto at = tensors_.find(name);
      if (at == tensors_.end()) throw io::FormatError(path_, 0, "a tensor " + name, "none");
      const io::named_tensor& t = at->second;
      if (io::shape_of(t) != to_string(shape))
        throw io::FormatError(path_, 0, name + " of " + to_string(shape), io::shape_of(t));
      if (t.type == io::tensor_type::other)
        throw io::FormatError(path_, 0, name + " in F32, F16, BF16, Q8_0, Q4_0 or Q4_1",
                              t.type_name);
      ++used;
    });
    if (used != tensors_.size())
      throw io::FormatError(path_, 0, std::to_string(used) + " tensors for this config",
                            std::to_string(tensors_.size()));
  }

  std::string path_;
  std::variant<std::monostate, io::HuggingFaceFolder, io::Llama2cFile, io::GgufFile> file_;
  llama_config config_;
  std::map<std::string, io::named_tensor> tensors_;
  bool interleaved_ = false;
};

/// The parameters at a path.
///
/// Throws  as Checkpoint and its parameters().
[[nodiscard]] inline llama_parameters<float> load_parameters(
    const std::string& path, io::file_access access = io::file_access::map) {
  return Checkpoint(path, access).parameters();
}

}  // namespace qat::llama
