#pragma once

#include <qat/core/contracts.hpp>
#include <qat/core/executor_reference.hpp>
#include <qat/core/parallel_for.hpp>
#include <qat/llama/parameters.hpp>
#include <qat/nn/adamw.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// \file
/// What a run changes from step to step: everything else follows from its options.

namespace qat::distill {

/// The numbers that a step reads and writes.
struct training_state {
  llama::llama_parameters<float> parameters;
  llama::basic_model<nn::adamw_state<float>> moments;
  std::uint64_t step = 0;  ///< steps taken

  training_state() = default;
  /// Nothing taken yet.
  explicit training_state(llama::llama_parameters<float> initial) : parameters(std::move(initial)) {
    moments.layers.resize(parameters.layers.size());
    llama::for_each_parameter(
        parameters,
        [](const std::string&, const Tensor<float>& w, nn::adamw_state<float>& m) {
          m = nn::adamw_state<float>(w.shape());
        },
        moments);
  }
};

/// A step that must not be taken: its loss or gradient is not finite.
class Divergence : public std::runtime_error {
 public:
  Divergence(std::uint64_t step, const std::string& what)
      : std::runtime_error("step " + std::to_string(step) + ": " + what + " is not finite") {}
};

/// Sets all gradients to zero.
inline void clear(llama::llama_parameters<float>& gradients) {
  llama::for_each_parameter(gradients, [](const std::string&, Tensor<float>& g) {
    std::fill_n(g.data(), g.size(), 0.0f);
  });
}

/// Which parameters a run trains.
struct trained_parts {
  bool embedding = true;
  bool head = true;  ///< of a head of its own; a tied one is the embedding

  [[nodiscard]] bool operator()(const std::string& name) const {
    return (embedding || name != "model.embed_tokens.weight") && (head || name != "lm_head.weight");
  }
  friend constexpr bool operator==(const trained_parts&, const trained_parts&) = default;
};

/// The sum of squares of some numbers.
///
/// Error  the squares are exact in double; each of 8 lanes is summed in ascending order in blocks of 16,384, then lanes and
///        blocks in order: the same bits for every number of threads.
[[nodiscard]] inline double sum_of_squares(core::executor_reference executor,
                                           std::span<const float> x) {
  constexpr std::size_t block = std::size_t{1} << 14;
  std::vector<double> sums((x.size() + block - 1) / block);
  core::parallel_for(executor, x.size(), block, [&](std::size_t begin, std::size_t end) {
    double lanes[8] = {};
    for (std::size_t i = begin; i < end; ++i) {
      const double v = static_cast<double>(x[i]);
      lanes[(i - begin) % 8] += v * v;
    }
    double sum = 0.0;
    for (const double lane : lanes) sum += lane;
    sums[begin / block] = sum;
  });
  double total = 0.0;
  for (const double sum : sums) total += sum;
  return total;
}

/// The Euclidean norm of all gradients of trained parameters together.
///
/// Throws  Divergence with the first tensor that has a gradient which is not finite.
[[nodiscard]] inline double gradient_norm(core::executor_reference executor,
                                          const llama::llama_parameters<float>& gradients,
                                          const trained_parts& trained, std::uint64_t step) {
  double total = 0.0;
  llama::for_each_parameter(gradients, [&](const std::string& name, const Tensor<float>& g) {
    if (!trained(name)) return;
    const double sum = sum_of_squares(executor, g.elements());
    if (!std::isfinite(sum)) throw Divergence(step, "the gradient of " + name);
    total += sum;
  });
  return std::sqrt(total);
}

/// One step of AdamW on the trained parameters; gradients are first scaled so that their norm is at most `clip` (0: not).
///
/// Throws  as nn::adamw_update.
/// Cost    four reads and three writes a parameter.
inline void optimizer_step(core::executor_reference executor, const nn::adamw_options& options,
                           float rate, double norm, double clip, const trained_parts& trained,
                           llama::llama_parameters<float>& gradients, training_state& state) {
  if (clip > 0.0 && norm > clip) {
    const auto factor = static_cast<float>(clip / norm);
    llama::for_each_parameter(gradients, [&](const std::string&, Tensor<float>& g) {
      for (float& x : g.elements()) x *= factor;
    });
  }
  const nn::adamw_step factors = nn::make_adamw_step(options, rate, ++state.step);
  llama::for_each_parameter(
      state.parameters,
      [&](const std::string& name, Tensor<float>& w, Tensor<float>& g,
          nn::adamw_state<float>& moments) {
        if (trained(name))
          nn::adamw_update<float>(executor, options, factors, w.view(), g.view(), moments);
      },
      gradients, state.moments);
}

}  // namespace qat::distill
