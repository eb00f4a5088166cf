#pragma once

#include <qat/core/contracts.hpp>
#include <qat/core/elementary.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

/// \file
/// The learning rate of each step.

namespace qat::distill {

/// How the rate goes down after the warm-up.
enum class decay_kind {
  cosine,  ///< peak (1 + cos(pi t)) / 2
  linear   ///< the peak, then a straight line to 0 over the last `decay_part` of the steps
};

/// The learning rate over a run.
struct schedule {
  float peak = 1e-3f;
  std::uint64_t steps = 1;    ///< of the whole run
  std::uint64_t warm_up = 0;  ///< steps that rise in a straight line from peak / warm_up
  decay_kind decay = decay_kind::cosine;
  float decay_part = 0.25f;

  friend constexpr bool operator==(const schedule&, const schedule&) = default;
};

/// The rate of step k, k = 0 for the first.
///
///   k < warm_up: peak (k + 1) / warm_up;  else t = (k - warm_up) / (steps - warm_up) and
///   cosine: peak (1 + cos(pi t)) / 2;  linear: peak min(1, (1 - t) / decay_part)
///
/// Valid   k < steps, warm_up <= steps, 0 < decay_part <= 1, a finite peak >= 0.
/// Error   a few roundings of fp32, the same bits everywhere.
/// Throws  ContractViolation outside.
/// Source  LLM-QAT's cosine without warm-up: Liu et al. 2023 (arXiv 2305.17888).
[[nodiscard]] inline float learning_rate(const schedule& s, std::uint64_t k) {
  QAT_EXPECTS(k < s.steps && s.warm_up <= s.steps, "step " + std::to_string(k) + " of " +
                                                       std::to_string(s.steps) + " with " +
                                                       std::to_string(s.warm_up) + " of warm-up");
  QAT_EXPECTS(s.peak >= 0.0f && s.peak < 1e6f, "a rate of " + std::to_string(s.peak));
  QAT_EXPECTS(s.decay_part > 0.0f && s.decay_part <= 1.0f,
              "a decay over " + std::to_string(s.decay_part) + " of the run");
  if (k < s.warm_up) return s.peak * (static_cast<float>(k + 1) / static_cast<float>(s.warm_up));
  const float t = static_cast<float>(k - s.warm_up) / static_cast<float>(s.steps - s.warm_up);
  if (s.decay == decay_kind::linear) return s.peak * std::min(1.0f, (1.0f - t) / s.decay_part);
  constexpr float pi = 3.14159265f;
  return s.peak * (0.5f * (1.0f + core::cos(pi * t)));
}

/// A peak to begin with, where none is given.
///
///   1e-3 min(1, divergence / 0.17) (10^6 / parameters)^(1/4) for parameters > 10^6, times (2 10^5 / tokens)^(1/2) for
///   tokens > 2 10^5
///
/// within [2e-5, 1e-3], the lower end being LLM-QAT's rate for 7B models; `divergence` is KL(teacher || student) before training, for a
/// student that has little to recover is only disturbed by large steps. A rule of thumb through measured points: 1e-3 (0.66 M
/// parameters, 0.19 M tokens, 0.17 nats), 3e-4 (the same, 1.9 M tokens), 3e-4 (135 M, 27 k tokens, 1.4 nats), 1e-4 to 2e-4
/// (3.3 M, 0.25 M tokens, 0.04 nats).
///
/// Valid   divergence >= 0.
/// Error   to about 1e-6 of it; the same bits everywhere.
[[nodiscard]] inline float suggested_rate(std::uint64_t parameters, std::uint64_t tokens,
                                          double divergence) {
  const double size = std::max(1.0, static_cast<double>(parameters) / 1e6);
  const double budget = std::max(1.0, static_cast<double>(tokens) / 2e5);
  const double gap = std::min(1.0, divergence / 0.17);
  const double rate = 1e-3 * gap / std::sqrt(std::sqrt(size) * budget);
  return static_cast<float>(std::clamp(rate, 2e-5, 1e-3));
}

}  // namespace qat::distill
