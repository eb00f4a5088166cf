#pragma once

#include <qat/core/executor_reference.hpp>
#include <qat/eval/score.hpp>
#include <qat/llama/generate.hpp>
#include <qat/llama/parameters.hpp>
#include <qat/llama/scheme_name.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

/// \file
/// A model whose scheme was chosen at run time.

namespace distill_llama {

/// What the program asks of a model, whatever its scheme.
class AnyModel {
 public:
  AnyModel() = default;
  AnyModel(const AnyModel&) = delete;
  AnyModel& operator=(const AnyModel&) = delete;
  virtual ~AnyModel() = default;

  /// done(sequences scored) after each batch; it may throw to stop.
  [[nodiscard]] virtual std::vector<qat::eval::sequence_score> score(
      const qat::llama::Llama<qat::full_precision>* teacher, const qat::eval::sequences& all,
      qat::core::executor_reference executor,
      const std::function<void(std::size_t)>& done) const = 0;

  /// on_token(sequence, token) for each new token; false ends the sequence.
  virtual void generate(std::span<const std::vector<std::int32_t>> prompts,
                        const qat::llama::generate_options& options,
                        qat::core::executor_reference executor,
                        const std::function<bool(std::size_t, std::int32_t)>& on_token) const = 0;
};

/// Prepares a model; borrows the parameters.
using model_factory = std::unique_ptr<AnyModel>(qat::llama::llama_parameters<float>& parameters,
                                                qat::core::executor_reference executor);

struct scheme_entry {
  std::string_view name;
  model_factory* make;
};

/// The schemes this program was built with, full_precision first.
[[nodiscard]] std::span<const scheme_entry> built_schemes();

}  // namespace distill_llama
