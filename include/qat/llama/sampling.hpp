#pragma once

#include <qat/core/contracts.hpp>
#include <qat/core/elementary.hpp>
#include <qat/core/philox.hpp>
#include <qat/core/rows.hpp>
#include <qat/kernels/arithmetic.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

/// \file
/// From a row of logits to the next token.

namespace qat::llama {

/// How a token is chosen. Temperature 0 is greedy; the other members are then without effect.
struct sampling {
  float temperature = 0.0f;
  std::size_t top_k = 0;  ///< keep the k most probable, 0: all
  float top_p = 1.0f;     ///< keep the smallest head of the distribution whose mass reaches p

  friend constexpr bool operator==(const sampling&, const sampling&) = default;
};

/// Throws ContractViolation unless temperature >= 0 is finite and 0 < top_p <= 1.
inline void check_sampling(const sampling& s) {
  QAT_EXPECTS(s.temperature >= 0.0f && s.temperature <= 1e6f,
              "a temperature of " + std::to_string(s.temperature));
  QAT_EXPECTS(s.top_p > 0.0f && s.top_p <= 1.0f, "a top-p of " + std::to_string(s.top_p));
}

/// The token with the largest logit, the first of equal ones.
///
/// Shapes  logits (V), V >= 1.
/// Throws  ContractViolation if a logit is not finite or there is none.
[[nodiscard]] inline std::int32_t greedy_token(std::span<const float> logits) {
  QAT_EXPECTS(!logits.empty(), "no logits");
  const bool all_finite = core::bits_of(core::absmax(logits.data(), logits.size())) < 0x7f800000;
  QAT_EXPECTS(all_finite, "a logit that is not finite");
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

/// Chooses tokens; keeps its work space between calls.
class Sampler {
 public:
  explicit Sampler(const sampling& choice) : choice_(choice) { check_sampling(choice); }

  /// The next token for a row of logits.
  ///
  ///   temperature 0: greedy_token;  else weights w_c = exp((z_c - max z) / temperature), in descending order (the smaller
  ///   token first where equal) cut after top_k tokens, then after the first prefix whose mass reaches top_p of what is
  ///   left; of the tokens kept, in ascending order, the first whose running sum exceeds u * total,
  ///   u = (random + 1/2) 2^-32
  ///
  /// Shapes  logits (V), V >= 1; random: 32 bits, such as core::random_bits(seed, stream, position).
  /// Error   the sums run in double, one after the other: the same token on every machine.
  /// Throws  ContractViolation if a logit is not finite or there is none.
  /// Cost    V exponentials, and a sort where top_k or top_p cut; no allocation after the first call.
  [[nodiscard]] std::int32_t operator()(std::span<const float> logits, std::uint32_t random) {
    const std::int32_t best = greedy_token(logits);
    if (choice_.temperature == 0.0f) return best;
    weigh(logits, logits[static_cast<std::size_t>(best)]);
    const candidate last = last_kept();
    const auto keeps = [&](std::size_t i) {
      return !last.before({weights_[i], static_cast<std::int32_t>(i)});
    };
    double total = 0.0;
    for (std::size_t i = 0; i < weights_.size(); ++i)
      if (keeps(i)) total += static_cast<double>(weights_[i]);
    const double threshold = (static_cast<double>(random) + 0.5) * 0x1p-32 * total;
    double running = 0.0;
    std::int32_t token = best;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (!keeps(i)) continue;
      token = static_cast<std::int32_t>(i);
      running += static_cast<double>(weights_[i]);
      if (running > threshold) break;
    }
    return token;
  }

 private:
  struct candidate {
    float weight = 0.0f;
    std::int32_t token = 0;

    /// Whether it ranks higher: the greater weight, then the smaller token.
    [[nodiscard]] bool before(const candidate& o) const {
      return weight > o.weight || (weight == o.weight && token < o.token);
    }
  };

  /// weights_ = exp((logits - maximum) / temperature).
  void weigh(std::span<const float> logits, float maximum) {
    using rows = arithmetic::rows<float, core::default_arch>;
    using V = typename rows::lanes;
    weights_.resize(logits.size());
    rows::map(
        logits.size(), weights_.data(),
        [&](V z) {
          return arithmetic::exp(arithmetic::divide(V(z - V(maximum)), V(choice_.temperature)));
        },
        logits.data());
  }

  /// The token of the lowest rank that top_k and top_p leave.
  [[nodiscard]] candidate last_kept() {
    if (choice_.top_k == 0 && choice_.top_p >= 1.0f)
      return {0.0f, std::numeric_limits<std::int32_t>::max()};
    ranked_.resize(weights_.size());
    for (std::size_t i = 0; i < weights_.size(); ++i)
      ranked_[i] = {weights_[i], static_cast<std::int32_t>(i)};
    std::size_t kept = ranked_.size();
    if (choice_.top_k != 0) kept = std::min(kept, choice_.top_k);
    std::partial_sort(ranked_.begin(), ranked_.begin() + static_cast<std::ptrdiff_t>(kept),
                      ranked_.end(),
                      [](const candidate& a, const candidate& b) { return a.before(b); });
    if (choice_.top_p >= 1.0f) return ranked_[kept - 1];
    double total = 0.0;
    for (std::size_t i = 0; i < kept; ++i) total += static_cast<double>(ranked_[i].weight);
    const double enough = total * static_cast<double>(choice_.top_p);
    double mass = 0.0;
    std::size_t cut = 0;
    while (cut < kept && mass < enough) mass += static_cast<double>(ranked_[cut++].weight);
    return ranked_[cut - 1];
  }

  sampling choice_;
  std::vector<float> weights_;
  std::vector<candidate> ranked_;
};

}  // namespace qat::llama
