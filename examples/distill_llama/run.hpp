#pragma once

#include <qat/core/thread_executor.hpp>
#include <qat/distill/batches.hpp>
#include <qat/distill/training_state.hpp>

#include <functional>
#include <string>
#include <vector>

#include "any_model.hpp"
#include "models.hpp"
#include "run_options.hpp"

#include <nlohmann/json.hpp>

/// \file
/// One run in its folder: what each stage reads and writes.
///
///   run.json        options that decide bits, by value
///   config.toml     options as they were given, for --config
///   tokens.qts      the training sequences (distill/token_store.hpp)
///   train/          step-00000120.safetensors ..., best.safetensors
///   metrics.jsonl   loss, rate and gradient norm a step, validation now and then
///   model/          the export
///   export.json     of which snapshot the export is
///   result.json     teacher, round-to-nearest and student compared
///   certificate.json, report.html, report.md
///   timing.jsonl    seconds, tokens a second, memory: the one file that differs between machines

namespace distill_llama {

/// A run.
class Run {
 public:
  /// Loads the teacher; makes the folder and its run.json.
  ///
  /// Throws  UsageError for options that mean nothing, or if the folder holds a run with others.
  Run(const run_options& options, qat::core::executor_reference executor);

  [[nodiscard]] const run_options& options() const { return options_; }
  [[nodiscard]] Teacher& teacher() { return teacher_; }
  [[nodiscard]] const scheme_entry& scheme() const { return *scheme_; }
  [[nodiscard]] qat::llama::used_tables tables() const { return tables_; }
  [[nodiscard]] qat::core::executor_reference executor() const { return executor_; }
  [[nodiscard]] const qat::llama::llama_config& config() const { return teacher_.numbers.config; }
  [[nodiscard]] std::string path(const std::string& name) const;

  /// Writes tokens.qts, going on where it was stopped; nothing to do where it is complete.
  void generate();

  /// The sequences of tokens.qts, as rows of batches.
  [[nodiscard]] qat::distill::sequences training_data() const;

  /// Trains to the last step, from the newest snapshot if there is one.
  void train();

  /// The trained student.
  ///
  /// Throws  UsageError where training is not done.
  [[nodiscard]] qat::distill::training_state trained() const;
  [[nodiscard]] std::string last_snapshot() const;  ///< empty without one
  [[nodiscard]] std::uint64_t last_step() const;

  /// Writes model/ and export.json.
  void export_student();

  /// Sequences on which models are compared; at most `limit` (0: all). Empty without a text.
  [[nodiscard]] qat::eval::sequences validation(std::size_t limit) const;

  /// A line on stderr, unless --quiet.
  void say(const std::string& line) const;
  /// A line of timing.jsonl.
  void time(nlohmann::ordered_json line) const;

 private:
  /// The suggested peak for this student: the same whenever it is asked.
  [[nodiscard]] float measured_rate(const qat::distill::sequences& data,
                                    const qat::distill::trainer_options& t);
  [[nodiscard]] nlohmann::ordered_json facts_of_training() const;

  run_options options_;
  qat::core::executor_reference executor_;
  Teacher teacher_;
  const scheme_entry* scheme_;
  qat::llama::used_tables tables_;
};

/// Bytes of memory that the process took at most.
[[nodiscard]] double peak_memory();

}  // namespace distill_llama
