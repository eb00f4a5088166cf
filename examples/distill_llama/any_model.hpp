#pragma once

#include <qat/core/executor_reference.hpp>
#include <qat/distill/trainer.hpp>
#include <qat/distill/verify.hpp>
#include <qat/eval/score.hpp>
#include <qat/llama/generate.hpp>
#include <qat/llama/parameters.hpp>
#include <qat/llama/scheme_name.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiled_once.hpp"

/// \file
/// A model whose scheme was chosen at run time.

namespace distill_llama {

using parameters = qat::llama::llama_parameters<float>;
using teacher_model = qat::llama::Llama<qat::full_precision>;

/// What the program asks of a model, whatever its scheme.
class AnyModel {
 public:
  AnyModel() = default;
  AnyModel(const AnyModel&) = delete;
  AnyModel& operator=(const AnyModel&) = delete;
  virtual ~AnyModel() = default;

  /// done(sequences scored) after each batch; it may throw to stop.
  [[nodiscard]] virtual std::vector<qat::eval::sequence_score> score(
      qat::eval::TeacherStates* teacher, const qat::eval::sequences& all,
      qat::core::executor_reference executor,
      const std::function<void(std::size_t)>& done) const = 0;

  /// on_token(sequence, token) for each new token; false ends the sequence.
  virtual void generate(std::span<const std::vector<std::int32_t>> prompts,
                        const qat::llama::generate_options& options,
                        qat::core::executor_reference executor,
                        const std::function<bool(std::size_t, std::int32_t)>& on_token) const = 0;
};

/// Called behind each step; it may throw to stop.
using on_step = std::function<void(const qat::distill::step_report&, const AnyModel& student)>;

/// A scheme that this program was built with, and what depends on its type.
struct scheme_entry {
  std::string_view name;
  qat::scheme_description description;
  /// What a variant stores beyond its description: zero points of a row of weights, wider scales of a group of K or V.
  double more_weight_bits;
  double more_kv_bits;
  /// Borrows the parameters.
  std::unique_ptr<AnyModel> (*make)(parameters&, qat::core::executor_reference,
                                    qat::llama::used_tables);
  /// Takes steps until the schedule ends.
  void (*train)(const qat::distill::trainer_options&, const teacher_model&,
                const qat::distill::sequences&, qat::distill::training_state&,
                qat::core::executor_reference, qat::llama::used_tables, const on_step&);
  /// The relative error of quantizing each linear layer, ||w - levels(w)|| / ||w||, by name.
  std::vector<std::pair<std::string, double>> (*weight_errors)(qat::core::executor_reference,
                                                               const parameters&);
  /// The rest is null where the scheme has no codes that could ship.
  void (*save)(qat::core::executor_reference, const parameters&, const std::string& folder,
               const std::string& scheme, qat::llama::used_tables,
               const std::optional<std::string>& tokenizer_json);
  std::unique_ptr<AnyModel> (*load)(qat::core::executor_reference, const std::string& folder,
                                    qat::llama::used_tables);
  qat::distill::verification (*verify)(qat::core::executor_reference, parameters& trained,
                                       const std::string& folder, qat::llama::used_tables,
                                       const qat::distill::sequences&,
                                       const std::function<void(std::size_t)>& done);
};

/// The schemes this program was built with, full_precision first.
[[nodiscard]] std::span<const scheme_entry> built_schemes();

}  // namespace distill_llama
