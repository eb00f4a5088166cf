#include "models.hpp"

#include <qat/eval/protocol.hpp>
#include <qat/io/sha256.hpp>
#include <qat/io/tokenizer_json_writer.hpp>

#include <algorithm>
#include <filesystem>

#include "model_of.hpp"
#include "program.hpp"

namespace distill_llama {
namespace {

namespace fs = std::filesystem;

void check_tokenizer(const qat::io::Tokenizer& tokenizer, const qat::llama::llama_config& config) {
  if (tokenizer.vocabulary_size() > config.vocabulary)
    throw UsageError("the tokenizer has " + std::to_string(tokenizer.vocabulary_size()) +
                     " tokens, the model " + std::to_string(config.vocabulary) +
                     ": they do not belong together");
}

/// With the special tokens of the config where that names them.
qat::io::Tokenizer for_config(const qat::io::Tokenizer& tokenizer,
                              const qat::llama::llama_config& c) {
  check_tokenizer(tokenizer, c);
  return tokenizer.with_bos_eos(c.bos ? c.bos : tokenizer.bos(), c.eos ? c.eos : tokenizer.eos());
}

std::string resolved(const std::string& path) {
  const fs::path run = fs::path(path) / "run.json";
  return fs::exists(run) ? (fs::path(path) / "model").string() : path;
}

}  // namespace

const scheme_entry& entry_for(const std::string& scheme) {
  std::string known;
  for (const scheme_entry& entry : built_schemes()) {
    if (entry.name == scheme) return entry;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  try {
    static_cast<void>(qat::parse_scheme(scheme.substr(0, scheme.find('-'))));
  } catch (const qat::ContractViolation&) {
    throw UsageError("--scheme " + scheme +
                     ": write w<bits>[g<group>]a<bits>kv<bits>[h][z] with 2 to 8 bits, or 16 for "
                     "not quantized; this program has " +
                     known);
  }
  throw UsageError("scheme " + scheme + " is not built into this program; choose one of " + known);
}

bool is_built(std::string_view scheme) {
  const auto all = built_schemes();
  return std::any_of(all.begin(), all.end(),
                     [&](const scheme_entry& entry) { return entry.name == scheme; });
}

std::string embedded_teacher() {
  return QAT_TEACHER_FOLDER;
}

OpenModel::OpenModel(const std::string& path, const std::string& scheme,
                     const std::string& tokenizer, qat::io::file_access access,
                     qat::core::executor_reference executor)
    : scheme_(scheme) {
  const std::string at = resolved(path);
  if (fs::is_directory(at)) {
    if (const auto kind = qat::llama::quantized_kind(at)) {
      if (scheme != "full_precision" && scheme != kind->scheme)
        throw UsageError(at + ": was exported as " + kind->scheme + ", not " + scheme);
      scheme_ = kind->scheme;
      const qat::io::HuggingFaceFolder folder(at, access);
      config_ = qat::llama::config_from_hugging_face(folder.config());
      tokenizer_ = for_config(find_tokenizer(at, config_.vocabulary, tokenizer), config_);
      const scheme_entry& entry = entry_for(kind->scheme);
      if (entry.load == nullptr) throw UsageError(at + ": " + kind->scheme + " cannot be loaded");
      model_ = entry.load(executor, at, kind->tables);
      return;
    }
  }
  const qat::llama::Checkpoint checkpoint(at, access);
  config_ = checkpoint.config();
  tokenizer_ = for_config(find_tokenizer(checkpoint, at, tokenizer), config_);
  const scheme_entry& entry = entry_for(scheme);
  parameters_ = std::make_unique<parameters>(checkpoint.parameters());
  model_ = entry.make(*parameters_, executor, {false, false});
}

Teacher::Teacher(const std::string& given, const std::string& tokenizer_path,
                 qat::core::executor_reference executor)
    : path(given.empty() ? embedded_teacher() : given) {
  const qat::llama::Checkpoint checkpoint(path);
  tokenizer = for_config(find_tokenizer(checkpoint, path, tokenizer_path), checkpoint.config());
  const std::string json_path =
      tokenizer_path.empty() ? (fs::path(path) / "tokenizer.json").string() : tokenizer_path;
  if (json_path.ends_with(".json") && fs::exists(json_path))
    tokenizer_json = qat::io::read_text(json_path);
  else if (const auto* gguf = checkpoint.gguf_metadata(); gguf != nullptr && tokenizer_path.empty())
    tokenizer_json = qat::io::tokenizer_json_of(qat::io::vocabulary_of(*gguf)).value_or("");
  for (const auto& [name, t] : checkpoint.tensors()) bytes += t.bytes.size() + t.scales.size();
  numbers = checkpoint.parameters();
  qat::io::Sha256 all;
  all.update(qat::llama::hugging_face_config(numbers.config, "float32").dump());
  qat::llama::for_each_parameter(numbers,
                                 [&](const std::string& name, const qat::Tensor<float>& t) {
                                   all.update(name);
                                   all.update(std::as_bytes(t.elements()));
                                 });
  hash = qat::io::hexadecimal(all.digest());
  model = std::make_unique<teacher_model>(numbers, executor);
  states = std::make_unique<qat::eval::TeacherStates>(*model);
}

std::unique_ptr<AnyModel> Teacher::any() const {
  return std::make_unique<ModelOf<qat::full_precision>>(*model);
}

storage storage_of(const qat::llama::llama_config& config, const scheme_entry& scheme,
                   qat::llama::used_tables tables) {
  storage total;
  double linear_bits = 0.0, linear_elements = 0.0;
  const auto shapes = qat::llama::parameter_shapes(config);
  qat::llama::for_each_parameter(shapes, [&](const std::string& name, const qat::Shape& shape) {
    const double elements = static_cast<double>(shape.size());
    const bool linear = name.ends_with("_proj.weight");
    const bool table = (name == "lm_head.weight" && tables.head) ||
                       (name == "model.embed_tokens.weight" && tables.embedding);
    const double bits = linear ? qat::stored_weight_bits(scheme.description, shape.cols()) +
                                     scheme.more_weight_bits / static_cast<double>(shape.cols())
                        : table ? 8.0 + 32.0 / static_cast<double>(shape.cols())
                                : 32.0;
    total.bytes += elements * bits / 8.0;
    if (!linear) return;
    linear_bits += elements * bits;
    linear_elements += elements;
  });
  total.weight_bits = linear_bits / linear_elements;
  const std::size_t group = scheme.description.kv_per_head ? config.head_size : config.kv_width();
  total.kv_bits = qat::stored_kv_bits(scheme.description, config.kv_heads, config.head_size) +
                  scheme.more_kv_bits / static_cast<double>(group);
  return total;
}

qat::eval::sequences sequences_of(const std::string& text, const std::string& protocol,
                                  const qat::io::Tokenizer& tokenizer, std::size_t context,
                                  std::size_t limit) {
  std::vector<std::string> rows = read_rows(text);
  if (protocol == "documents") {
    if (limit != 0 && rows.size() > limit) rows.resize(limit);
    std::vector<std::vector<std::int32_t>> tokens;
    for (const std::string& row : rows)
      tokens.push_back(tokenizer.encode(row, tokenizer.bos().has_value()));
    return qat::eval::documents(tokens, context);
  }
  const bool with_bos = protocol == "blocks_with_bos";
  if (with_bos && !tokenizer.bos())
    throw UsageError("--protocol blocks_with_bos needs a tokenizer with a BOS token");
  std::string joined;
  for (std::size_t i = 0; i < rows.size(); ++i) joined += (i == 0 ? "" : "\n\n") + rows[i];
  const std::vector<std::int32_t> tokens = tokenizer.encode(joined, false);
  const std::size_t block = context - (with_bos ? 1 : 0);
  if (tokens.size() < block)
    throw UsageError(text + ": has " + std::to_string(tokens.size()) +
                     " tokens, less than a block of " + std::to_string(block) +
                     "; give a longer text or a shorter --context");
  qat::eval::sequences all = qat::eval::blocks(tokens, block, limit);
  if (with_bos)
    for (auto& sequence : all) sequence.insert(sequence.begin(), *tokenizer.bos());
  return all;
}

}  // namespace distill_llama
