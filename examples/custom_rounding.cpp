// A rounding of one's own: a struct that models a concept, and the laws that it must keep.

#include <qat/quant.hpp>
#include <qat/quant/laws.hpp>

#include <cstdio>
#include <vector>

/// Up from 0.75 on: a quantizer that prefers small magnitudes.
struct round_shy : qat::policy_of<qat::policy_kind::rounding> {
  static constexpr qat::rounding_reach reach = qat::rounding_reach::one;  // |R(x) - x| < 1

  static constexpr float apply(float x) noexcept {
    const float whole = static_cast<float>(static_cast<int>(x));  // toward zero; |x| <= 2^22
    const float rest = x - whole;
    if (rest >= 0.75f) return whole + 1.0f;
    if (rest <= -0.75f) return whole - 1.0f;
    return whole;
  }
};

// The concept says what is missing.
static_assert(qat::rounding_policy<round_shy>);

using Shy4 = qat::Quantizer<qat::bits<4>, qat::per_channel, round_shy>;

int main() {
  // The law checker says what is wrong: every violation is a law and a counterexample.
  const qat::law_report laws = qat::check_rounding_laws<round_shy>();
  for (const auto& violation : laws.violations) std::printf("violated: %s\n", violation.c_str());
  std::printf("round_shy is %s and %s\n", laws.violations.empty() ? "lawful" : "unlawful",
              laws.is_odd ? "odd: R(-x) = -R(x)" : "not odd");

  const std::vector<float> x{7.0f, 2.7f, -2.7f, 2.8f, -2.8f, 0.5f};
  const auto params = qat::calibrate<Shy4>(x);  // scale 1
  std::vector<float> y(x.size());
  qat::fake_quantize<Shy4>(x, params, y);
  for (std::size_t i = 0; i < x.size(); ++i)
    std::printf("%5.2f -> %4.1f\n", static_cast<double>(x[i]), static_cast<double>(y[i]));

  return laws.violations.empty() && y == std::vector<float>{7, 2, -2, 3, -3, 0} ? 0 : 1;
}
