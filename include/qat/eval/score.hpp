#pragma once

#include <qat/eval/protocol.hpp>
#include <qat/eval/teacher_states.hpp>
#include <qat/kernels/arithmetic.hpp>
#include <qat/llama/model.hpp>
#include <qat/tensor/workspace.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// \file
/// How well a model predicts text, and how far it is from its teacher.

namespace qat::eval {

/// Sums over the predictions of one sequence.
struct sequence_score {
  std::size_t predictions = 0;
  double negative_log_likelihood = 0.0;  ///< nats
  double kl = 0.0;                       ///< of the teacher's distribution from the model's, nats
  std::size_t agreements = 0;            ///< of the most probable tokens
};

/// Means over all predictions.
struct score {
  std::size_t predictions = 0;
  double nll = 0.0;
  double kl = 0.0;
  double top1_agreement = 0.0;

  /// e^nll.
  [[nodiscard]] double perplexity() const { return arithmetic::exp(nll); }
};

/// The means of sequence scores; all zero without a prediction.
[[nodiscard]] inline score mean_of(std::span<const sequence_score> all) {
  score mean;
  for (const sequence_score& s : all) {
    mean.predictions += s.predictions;
    mean.nll += s.negative_log_likelihood;
    mean.kl += s.kl;
    mean.top1_agreement += static_cast<double>(s.agreements);
  }
  const double count = static_cast<double>(std::max(mean.predictions, std::size_t{1}));
  mean.nll /= count;
  mean.kl /= count;
  mean.top1_agreement /= count;
  return mean;
}

namespace detail {

/// About as many tokens as a batch of sequences has: a product of that many rows reads its weights once.
inline constexpr std::size_t batch_tokens = 1024;

}  // namespace detail

/// Scores sequences, and compares with a teacher where there is one.
///
///   nll = -log p(t_{i+1} | t_1 .. t_i),  kl = sum_c p_T(c) log(p_T(c) / p_S(c)),  agreement: argmax p_T = argmax p_S
///
/// done(number of sequences scored) is called after each batch; it may throw to stop.
///
/// Shapes    sequences of at most context + 1 tokens, of which the last is only predicted.
/// Error     a term has the bits of cross_entropy and kl_divergence whatever is scored with it; sums in double, in order.
/// Throws    as Llama::forward.
/// Cost      one forward pass of the model, and of the teacher where it does not remember the sequences.
template <class Scheme, class Done>
std::vector<sequence_score> score_sequences(const llama::Llama<Scheme>& model,
                                            TeacherStates* teacher,
                                            std::span<const std::vector<std::int32_t>> all,
                                            core::executor_reference executor, Done&& done) {
  std::vector<sequence_score> scores(all.size());
  Workspace workspace;
  for (std::size_t begin = 0; begin < all.size();) {
    std::vector<std::int32_t> tokens, targets;
    std::vector<std::uint32_t> positions;
    std::vector<document_rows> documents;
    std::size_t end = begin;
    do {
      const std::vector<std::int32_t>& s = all[end++];
      if (s.size() < 2) {
        documents.push_back({tokens.size(), 0});
        continue;
      }
      documents.push_back({tokens.size(), s.size() - 1});
      for (std::size_t i = 0; i + 1 < s.size(); ++i) {
        tokens.push_back(s[i]);
        targets.push_back(s[i + 1]);
        positions.push_back(static_cast<std::uint32_t>(i));
      }
    } while (end < all.size() && tokens.size() + all[end].size() <= detail::batch_tokens);

    std::vector<float> nll(tokens.size()), kl(tokens.size());
    std::vector<std::uint8_t> agrees(tokens.size());
    workspace.run([&](Arena& arena) {
      Tape<float> tape(arena, tape_mode::infer, executor);
      const llama::token_batch batch{tokens, positions, documents};
      const Variable<float> hidden = model.forward(tape, batch);
      if (teacher == nullptr) {
        static_cast<void>(cross_entropy(tape, hidden, model.head(tape),
                                        std::span<const std::int32_t>(targets),
                                        std::span<float>(nll)));
        return;
      }
      const Variable<float> wanted = teacher->of(tape, batch);
      const std::size_t vocabulary = model.config().vocabulary;
      qat::detail::for_divergences<float, core::default_arch>(
          tape, hidden.value, model.head(tape), wanted.value, teacher->model().head(tape),
          [&](std::size_t r, const float* ours, const float* theirs, auto&& divergence) {
            const auto best = [&](const float* z) {
              return std::max_element(z, z + vocabulary) - z;
            };
            agrees[r] = best(ours) == best(theirs) ? 1 : 0;
            const float logit = ours[targets[r]];
            const auto terms = divergence();
            kl[r] = terms.divergence;
            nll[r] = terms.log_sum_student - logit;
          },
          [](std::size_t, std::size_t, const TensorView<float>&) {});
    });
    for (std::size_t i = begin; i < end; ++i) {
      sequence_score& s = scores[i];
      const document_rows& rows = documents[i - begin];
      s.predictions = rows.count;
      for (std::size_t r = rows.first; r < rows.first + rows.count; ++r) {
        s.negative_log_likelihood += static_cast<double>(nll[r]);
        s.kl += static_cast<double>(kl[r]);
        s.agreements += agrees[r];
      }
    }
    begin = end;
    done(end);
  }
  return scores;
}

template <scheme_like Scheme>
std::vector<sequence_score> score_sequences(const llama::Llama<Scheme>& model,
                                            TeacherStates* teacher,
                                            std::span<const std::vector<std::int32_t>> all,
                                            core::executor_reference executor = {}) {
  return score_sequences(model, teacher, all, executor, [](std::size_t) {});
}

}  // namespace qat::eval
