#pragma once

#include "any_model.hpp"

/// \file
/// A model of one scheme behind the interface of all.

namespace distill_llama {

template <class Scheme>
class ModelOf final : public AnyModel {
 public:
  ModelOf(qat::llama::llama_parameters<float>& parameters, qat::core::executor_reference executor)
      : model_(parameters, executor) {}

  [[nodiscard]] std::vector<qat::eval::sequence_score> score(
      const qat::llama::Llama<qat::full_precision>* teacher, const qat::eval::sequences& all,
      qat::core::executor_reference executor,
      const std::function<void(std::size_t)>& done) const override {
    return qat::eval::score_sequences(model_, teacher, std::span(all), executor, done);
  }

  void generate(std::span<const std::vector<std::int32_t>> prompts,
                const qat::llama::generate_options& options, qat::core::executor_reference executor,
                const std::function<bool(std::size_t, std::int32_t)>& on_token) const override {
    qat::llama::generate(model_, prompts, options, executor, on_token);
  }

 private:
  qat::llama::Llama<Scheme> model_;
};

}  // namespace distill_llama
