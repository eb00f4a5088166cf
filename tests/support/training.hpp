#pragma once

#include <qat/llama/model.hpp>
#include <qat/nn/adamw.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tests/support/llamas.hpp>

/// \file
/// Training a small model from nothing, as tests need it.

namespace qat::testing {

/// Documents one behind the other with the token that follows each of theirs.
struct training_batch {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> targets;
  std::vector<std::uint32_t> positions;
  std::vector<document_rows> documents;

  /// Adds all but the last token of a document, and all but its first as targets.
  void add(std::span<const std::int32_t> document) {
    documents.push_back({tokens.size(), document.size() - 1});
    for (std::size_t i = 0; i + 1 < document.size(); ++i) {
      tokens.push_back(document[i]);
      targets.push_back(document[i + 1]);
      positions.push_back(static_cast<std::uint32_t>(i));
    }
  }
};

/// A model, its gradients and its optimizer.
template <scheme_like Scheme>
class Trainee {
 public:
  Trainee(const llama::llama_config& config, core::executor_reference executor)
      : executor_(executor),
        parameters_(initial(config)),
        gradients_(config),
        model_(parameters_, executor) {
    llama::for_each_parameter(parameters_, [&](const std::string&, const Tensor<float>& t) {
      moments_.emplace_back(t.shape());
    });
  }

  /// Forward, backward; the loss, 0 on a planning arena.
  float differentiate(Arena& arena, const training_batch& batch) {
    Tape<float> tape(arena, tape_mode::train, executor_);
    const auto hidden =
        model_.forward(tape, {batch.tokens, batch.positions, batch.documents}, &gradients_);
    const auto loss = cross_entropy(tape, hidden, model_.head(tape, &gradients_),
                                    std::span<const std::int32_t>(batch.targets));
    const float value = tape.computes() ? *loss.value.data() : 0.0f;
    tape.backward(loss);
    return value;
  }

  /// One step of AdamW on an arena of the planned size; the loss before it.
  float step(Arena& arena, const training_batch& batch, float rate) {
    arena.release(0);
    llama::for_each_parameter(gradients_, [](const std::string&, Tensor<float>& g) {
      std::fill_n(g.data(), g.size(), 0.0f);
    });
    const float loss = differentiate(arena, batch);
    const nn::adamw_options options;
    const nn::adamw_step factors = nn::make_adamw_step(options, rate, ++steps_);
    std::size_t i = 0;
    llama::for_each_parameter(
        parameters_,
        [&](const std::string&, Tensor<float>& w, Tensor<float>& g) {
          nn::adamw_update<float>(executor_, options, factors, w.view(), g.view(), moments_[i++]);
        },
        gradients_);
    model_.prepare(executor_);
    return loss;
  }

 private:
  static llama::llama_parameters<float> initial(const llama::llama_config& config) {
    llama::llama_parameters<float> p = random_parameters(config);
    llama::for_each_parameter(p, [](const std::string& name, Tensor<float>& t) {
      if (name.find("norm") != std::string::npos) std::fill_n(t.data(), t.size(), 1.0f);
      if (name.find("embed") != std::string::npos)
        for (float& x : t.elements()) x *= 0.05f;
    });
    return p;
  }

  core::executor_reference executor_;
  llama::llama_parameters<float> parameters_;
  llama::llama_parameters<float> gradients_;
  llama::Llama<Scheme> model_;
  std::vector<nn::adamw_state<float>> moments_;
  std::uint64_t steps_ = 0;
};

}  // namespace qat::testing
