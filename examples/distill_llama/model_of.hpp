#pragma once

#include <qat/llama/quantized_checkpoint.hpp>

#include <cmath>
#include <memory>
#include <type_traits>
#include <utility>

#include "any_model.hpp"

/// \file
/// What the program does with a model, for one scheme.

namespace distill_llama {

/// A model of one scheme behind the interface of all.
template <class Scheme>
class ModelOf final : public AnyModel {
 public:
  /// Shares a model, or borrows one.
  explicit ModelOf(std::shared_ptr<const qat::llama::Llama<Scheme>> model)
      : model_(std::move(model)) {}
  explicit ModelOf(const qat::llama::Llama<Scheme>& model)
      : model_(std::shared_ptr<const void>(), &model) {}

  [[nodiscard]] std::vector<qat::eval::sequence_score> score(
      qat::eval::TeacherStates* teacher, const qat::eval::sequences& all,
      qat::core::executor_reference executor,
      const std::function<void(std::size_t)>& done) const override {
    return qat::eval::score_sequences(*model_, teacher, std::span(all), executor, done);
  }

  void generate(std::span<const std::vector<std::int32_t>> prompts,
                const qat::llama::generate_options& options, qat::core::executor_reference executor,
                const std::function<bool(std::size_t, std::int32_t)>& on_token) const override {
    qat::llama::generate(*model_, prompts, options, executor, on_token);
  }

 private:
  std::shared_ptr<const qat::llama::Llama<Scheme>> model_;
};

/// A shipped model and what it borrows.
template <class Scheme>
struct Shipped {
  Shipped(qat::core::executor_reference executor, const std::string& folder,
          qat::llama::used_tables tables)
      : shipped(qat::llama::load_quantized<Scheme>(executor, folder, tables)),
        model(shipped.parameters, std::move(shipped.blocks), executor) {}

  qat::llama::shipped_model<Scheme> shipped;
  qat::llama::Llama<Scheme> model;
};

template <class Q>
inline constexpr int scale_bits = 16;
template <qat::quantizer_like Q>
inline constexpr int scale_bits<Q> = Q::scale_format::stored_bits;
template <class Q>
inline constexpr bool has_zero_point = false;
template <qat::quantizer_like Q>
inline constexpr bool has_zero_point<Q> = Q::has_zero_point;
template <class Q>
inline constexpr bool is_reference = false;
template <qat::quantizer_like Q>
inline constexpr bool is_reference<Q> =
    std::is_same_v<typename Q::scale_application, qat::llmqat_reference>;

template <class Scheme>
scheme_entry entry_of(std::string_view name) {
  namespace distill = qat::distill;
  scheme_entry entry{};
  entry.name = name;
  entry.description = qat::describe<Scheme>();
  if (has_zero_point<typename Scheme::weight>)
    entry.more_weight_bits = entry.description.weight_bits;
  entry.more_kv_bits = scale_bits<typename Scheme::key_value> - 16;
  entry.make = [](parameters& p, qat::core::executor_reference executor,
                  qat::llama::used_tables tables) -> std::unique_ptr<AnyModel> {
    return std::make_unique<ModelOf<Scheme>>(
        std::make_shared<const qat::llama::Llama<Scheme>>(p, executor, tables));
  };
  if constexpr (qat::is_quantized<typename Scheme::weight>) {
    entry.train = [](const distill::trainer_options& options, const teacher_model& teacher,
                     const distill::sequences& data, distill::training_state& state,
                     qat::core::executor_reference executor, qat::llama::used_tables tables,
                     const on_step& behind) {
      distill::Trainer<Scheme> trainer(options, teacher, data, state, executor, tables);
      const ModelOf<Scheme> student(trainer.student());
      while (state.step < options.rate.steps) behind(trainer.step(), student);
    };
    entry.weight_errors = [](qat::core::executor_reference executor, const parameters& p) {
      using W = typename Scheme::weight;
      std::vector<std::pair<std::string, double>> errors;
      qat::llama::for_each_parameter(p, [&](const std::string& layer, const qat::Tensor<float>& w) {
        if (!layer.ends_with("_proj.weight")) return;
        qat::Tensor<float> levels(w.shape());
        qat::fake_quantize<W>(qat::parallel(executor), w.view().matrix(),
                              qat::calibrate<W>(qat::parallel(executor), w.view().matrix()),
                              levels.view().matrix());
        for (std::size_t i = 0; i < w.size(); ++i) levels.data()[i] -= w.data()[i];
        errors.emplace_back(layer, std::sqrt(distill::sum_of_squares(executor, levels.elements()) /
                                             distill::sum_of_squares(executor, w.elements())));
      });
      return errors;
    };
    if constexpr (!has_zero_point<typename Scheme::weight> &&
                  !is_reference<typename Scheme::weight>) {
      entry.save = [](qat::core::executor_reference executor, const parameters& p,
                      const std::string& folder, const std::string& scheme,
                      qat::llama::used_tables tables,
                      const std::optional<std::string>& tokenizer_json) {
        qat::llama::save_quantized<Scheme>(executor, p, folder, scheme, tables, tokenizer_json);
      };
      entry.load = [](qat::core::executor_reference executor, const std::string& folder,
                      qat::llama::used_tables tables) -> std::unique_ptr<AnyModel> {
        const auto shipped = std::make_shared<const Shipped<Scheme>>(executor, folder, tables);
        return std::make_unique<ModelOf<Scheme>>(
            std::shared_ptr<const qat::llama::Llama<Scheme>>(shipped, &shipped->model));
      };
      entry.verify = [](qat::core::executor_reference executor, parameters& trained,
                        const std::string& folder, qat::llama::used_tables tables,
                        const distill::sequences& texts,
                        const std::function<void(std::size_t)>& done) {
        auto shipped = qat::llama::load_quantized<Scheme>(executor, folder, tables);
        return distill::verify<Scheme>(executor, trained, shipped, tables, texts, done);
      };
    }
  }
  return entry;
}

}  // namespace distill_llama
