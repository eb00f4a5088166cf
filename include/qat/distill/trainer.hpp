#pragma once

#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/ops/token_loss.hpp>
#include <qat/core/contracts.hpp>
#include <qat/distill/batches.hpp>
#include <qat/distill/communicator.hpp>
#include <qat/distill/schedule.hpp>
#include <qat/distill/training_state.hpp>
#include <qat/llama/model.hpp>
#include <qat/tensor/workspace.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Distillation: the student learns the teacher's distribution of the next token, on the codes that it will ship.

namespace qat::distill {

/// What a step makes small; each is a mean over tokens.
enum class loss_kind {
  divergence,  ///< KL(teacher || student), temperature 1
  labels,      ///< -log p_S(next token)
  both         ///< (1 - label_weight) divergence + label_weight labels
};

/// How a run trains. It follows from these, the sequences, the teacher and the scheme, to the bit.
struct trainer_options {
  loss_kind loss = loss_kind::divergence;
  float label_weight = 0.5f;
  schedule rate = {};
  nn::adamw_options adamw = {};
  double clip = 0.0;  ///< of the global gradient norm; 0: none
  /// The released code clips the gradient of a sum over T tokens at 1: of the mean, at 1 / T.
  bool clip_per_token = false;
  trained_parts trained = {};
  std::size_t batch = 4;         ///< sequences of a part
  std::size_t accumulation = 1;  ///< parts of a step, a power of two
  bool shuffle = true;
  bool recompute =
      false;  ///< keeps only what enters a block, and computes the block again for its gradient: the same bits
  llama::kv_gradient kv_gradient = llama::kv_gradient::as_scheme;  ///< behind the levels of K and V
  std::uint64_t seed = 0;
};

/// What a step was like.
struct step_report {
  std::uint64_t step = 0;  ///< 1 for the first
  double loss = 0.0;       ///< nats a token, over the parts of this worker
  double gradient_norm = 0.0;
  float rate = 0.0f;
  std::size_t tokens = 0;
};

/// A student, its teacher and the state that training changes. Borrows teacher, state and sequences.
template <scheme_like Scheme, communicator Communicator = single_process>
class Trainer {
 public:
  /// Prepares the student from the state's parameters.
  ///
  /// Throws  ContractViolation if teacher and student have different vocabularies, parts are no power of two, or there is no
  ///         sequence.
  Trainer(const trainer_options& options, const llama::Llama<full_precision>& teacher,
          const sequences& data, training_state& state, core::executor_reference executor,
          llama::used_tables tables = {}, Communicator workers = {})
      : options_(options),
        teacher_(teacher),
        data_(data),
        state_(state),
        executor_(executor),
        workers_(std::move(workers)),
        student_(state.parameters, executor, tables),
        order_(data.size(), options.shuffle, options.seed) {
    QAT_EXPECTS(teacher.config().vocabulary == state.parameters.config.vocabulary,
                "a teacher of " + std::to_string(teacher.config().vocabulary) +
                    " tokens for a student of " +
                    std::to_string(state.parameters.config.vocabulary));
    QAT_EXPECTS(options.batch > 0 && std::has_single_bit(options.accumulation) &&
                    options.accumulation % workers_.workers() == 0,
                std::to_string(options.accumulation) + " parts of " +
                    std::to_string(options.batch) + " sequences");
  }

  [[nodiscard]] const llama::Llama<Scheme>& student() const { return student_; }

  /// One step of AdamW.
  ///
  /// Error   the same bits for any number of threads and workers.
  /// Throws  Divergence with the first tensor that is not finite; the state is then as before.
  /// Cost    the teacher's forward, the student's forward and backward, and AdamW's pass over the parameters.
  step_report step() {
    std::vector<training_rows> parts(options_.accumulation);
    std::size_t tokens = 0;
    for (std::size_t p = 0; p < parts.size(); ++p) {
      for (std::size_t b = 0; b < options_.batch; ++b) {
        const std::uint64_t draw = (state_.step * options_.accumulation + p) * options_.batch + b;
        parts[p].add(data_[order_(draw)]);
      }
      tokens += parts[p].tokens.size();
    }
    double loss = 0.0;
    GradientTree tree;
    const std::size_t own = parts.size() / workers_.workers();
    for (std::size_t p = own * workers_.rank(); p < own * (workers_.rank() + 1); ++p) {
      const float weight = static_cast<float>(parts[p].tokens.size()) / static_cast<float>(tokens);
      llama::llama_parameters<float> gradients = spare_gradients();
      const float mean = differentiate(parts[p], gradients);
      if (!std::isfinite(mean)) throw Divergence(state_.step + 1, "the loss");
      loss += static_cast<double>(mean) * static_cast<double>(weight);
      tree.add(std::move(gradients), weight);
    }
    gradients_ = tree.take();
    workers_.all_reduce(gradients_);
    const double norm = gradient_norm(executor_, gradients_, options_.trained, state_.step + 1);
    const float rate = learning_rate(options_.rate, state_.step);
    const double clip =
        options_.clip_per_token ? options_.clip / static_cast<double>(tokens) : options_.clip;
    optimizer_step(executor_, options_.adamw, rate, norm, clip, options_.trained, gradients_,
                   state_);
    student_.prepare(executor_);
    return {state_.step, loss, norm, rate, tokens};
  }

 private:
  /// The gradients of the last step, if it kept them, as zeros; else new ones.
  llama::llama_parameters<float> spare_gradients() {
    if (gradients_.layers.empty()) return llama::llama_parameters<float>(state_.parameters.config);
    llama::llama_parameters<float> spare = std::move(gradients_);
    gradients_ = {};
    clear(spare);
    return spare;
  }

  /// Forward and backward of one part; its mean loss.
  float differentiate(const training_rows& rows, llama::llama_parameters<float>& gradients) {
    float value = 0.0f;
    workspace_.run([&](Arena& arena) {
      Tape<float> watching(arena, tape_mode::infer, executor_);
      Variable<float> wanted;
      if (options_.loss != loss_kind::labels) wanted = teacher_.forward(watching, rows.batch());
      Tape<float> tape(arena, tape_mode::train, executor_);
      const Variable<float> hidden = student_.forward(
          tape, rows.batch(), &gradients,
          options_.recompute ? llama::activation_memory::recompute : llama::activation_memory::keep,
          options_.kv_gradient);
      const auto head = student_.head(tape, &gradients);
      const std::span<const std::int32_t> targets(rows.targets);
      Variable<float> loss;
      if (options_.loss != loss_kind::labels)
        loss = kl_divergence(tape, hidden, head, wanted, teacher_.head(watching));
      if (options_.loss != loss_kind::divergence) {
        const Variable<float> labels = cross_entropy(tape, hidden, head, targets);
        loss = options_.loss == loss_kind::labels
                   ? labels
                   : weighted_sum(tape, 1.0f - options_.label_weight, loss, options_.label_weight,
                                  labels);
      }
      if (tape.computes()) value = *loss.value.data();
      tape.backward(loss);
    });
    return value;
  }

  trainer_options options_;
  const llama::Llama<full_precision>& teacher_;
  const sequences& data_;
  training_state& state_;
  core::executor_reference executor_;
  Communicator workers_;
  llama::Llama<Scheme> student_;
  DataOrder order_;
  llama::llama_parameters<float> gradients_;
  Workspace workspace_;
};

}  // namespace qat::distill
