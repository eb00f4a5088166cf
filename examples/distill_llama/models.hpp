#pragma once

#include <qat/io/tokenizer.hpp>
#include <qat/llama/checkpoint.hpp>
#include <qat/llama/quantized_checkpoint.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "any_model.hpp"

/// \file
/// Models and texts by path, whatever lies there.

namespace distill_llama {

/// The entry of a scheme.
///
/// Throws  UsageError with the schemes that there are.
[[nodiscard]] const scheme_entry& entry_for(const std::string& scheme);

[[nodiscard]] bool is_built(std::string_view scheme);

/// The folder of the teacher that ships with the program.
[[nodiscard]] std::string embedded_teacher();

/// A model at a path and its tokenizer: a checkpoint under a scheme, an export, or the export of a run's folder.
class OpenModel {
 public:
  /// Throws  as Checkpoint, load_quantized; UsageError for an export under a scheme that it does not have.
  OpenModel(const std::string& path, const std::string& scheme, const std::string& tokenizer,
            qat::io::file_access access, qat::core::executor_reference executor);

  [[nodiscard]] const AnyModel& model() const { return *model_; }
  [[nodiscard]] const qat::llama::llama_config& config() const { return config_; }
  [[nodiscard]] const qat::io::Tokenizer& tokenizer() const { return *tokenizer_; }
  [[nodiscard]] const std::string& scheme() const { return scheme_; }

 private:
  std::string scheme_;
  qat::llama::llama_config config_;
  std::optional<qat::io::Tokenizer> tokenizer_;
  std::unique_ptr<parameters> parameters_;
  std::unique_ptr<AnyModel> model_;
};

/// A teacher: its path resolved, its parameters, model, tokenizer, and the hash of its numbers and config.
struct Teacher {
  Teacher(const std::string& path, const std::string& tokenizer_path,
          qat::core::executor_reference executor);

  /// The same model, borrowed.
  [[nodiscard]] std::unique_ptr<AnyModel> any() const;

  std::string path;
  std::string tokenizer_json;  ///< empty where the tokenizer cannot be written as one
  parameters numbers;
  std::unique_ptr<teacher_model> model;
  std::unique_ptr<qat::eval::TeacherStates> states;  ///< of the model, for comparisons
  std::optional<qat::io::Tokenizer> tokenizer;
  std::string hash;
  std::uint64_t bytes = 0;  ///< of its tensors as stored
};

/// Bits that an element takes, scales included, and bytes of what ships.
struct storage {
  double weight_bits = 0.0;  ///< of the linear layers
  double kv_bits = 0.0;
  double bytes = 0.0;  ///< of all tensors of the export
};
[[nodiscard]] storage storage_of(const qat::llama::llama_config& config, const scheme_entry& scheme,
                                 qat::llama::used_tables tables);

/// The texts of a file as sequences to score.
///
///   documents        each row alone, BOS first where the tokenizer has one, cut at the context
///   blocks           rows joined by an empty line, without BOS, cut into blocks
///   blocks_with_bos  the same blocks one token shorter, each behind a BOS
[[nodiscard]] qat::eval::sequences sequences_of(const std::string& text,
                                                const std::string& protocol,
                                                const qat::io::Tokenizer& tokenizer,
                                                std::size_t context, std::size_t limit);

}  // namespace distill_llama
