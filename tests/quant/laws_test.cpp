#include <qat/quant/laws.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using rounding = qat::policy_of<qat::policy_kind::rounding>;

bool mentions(const qat::law_report& report, const char* law) {
  for (const std::string& violation : report.violations)
    if (violation.find(law) == 0) return true;
  return false;
}

int whole(float x) {
  return static_cast<int>(x);
}

struct round_up : rounding {
  static constexpr float apply(float x) noexcept {
    const float part = static_cast<float>(static_cast<int>(x));
    return part < x ? part + 1.0f : part;
  }
};
struct keeps_halves : rounding {
  static constexpr float apply(float x) noexcept {
    return static_cast<float>(static_cast<int>(x * 2.0f)) * 0.5f;
  }
};
struct moves_integers : rounding {
  static constexpr float apply(float x) noexcept {
    return round_up::apply(x) - (x == 3.0f ? 1.0f : 0.0f);
  }
};
struct not_monotone : rounding {
  static constexpr float apply(float x) noexcept {
    return x > 1.25f && x < 1.5f ? 2.0f : static_cast<float>(static_cast<int>(x));
  }
};
struct claims_half : rounding {
  static constexpr qat::rounding_reach reach = qat::rounding_reach::half;
  static constexpr float apply(float x) noexcept { return round_up::apply(x); }
};
struct claims_toward_zero : rounding {
  static constexpr qat::rounding_reach reach = qat::rounding_reach::toward_zero;
  static constexpr float apply(float x) noexcept { return round_up::apply(x); }
};
struct jumps : rounding {
  static constexpr float apply(float x) noexcept {
    return round_up::apply(x) + (x > 50.5f ? 1.0f : 0.0f);
  }
};
struct remembers : rounding {
  static float apply(float x) noexcept {
    static int calls = 0;
    return round_up::apply(x) -
           (++calls % 1000 == 0 && x != static_cast<float>(whole(x)) ? 1.0f : 0.0f);
  }
};
struct biased : rounding {
  static constexpr float apply(float x, std::uint32_t random) noexcept {
    return qat::round_stochastic::apply(x, random | 0xf0000000u);
  }
};
struct eight_random_bits : rounding {  // legal: its thresholds are the middles of 2^16 cells
  static constexpr float apply(float x, std::uint32_t random) noexcept {
    return qat::round_stochastic::apply(x, (random & 0xffff0000u) | 0x8000u);
  }
};
/// Breaks the rule of products: x^2 - (2 x)(x / 2) is 0 unless one of the products is fused into the difference.
constexpr float difference_of_squares(float x) {
  return x * x - (2.0f * x) * (0.5f * x);
}
struct contracts : rounding {
  static constexpr float apply(float x) noexcept {
    return difference_of_squares(x) > 0.0f ? round_up::apply(x) : qat::round_floor::apply(x);
  }
};

using range = qat::policy_of<qat::policy_kind::range>;

struct nine_tenths : range {  // clips a tenth of the range
  static constexpr qat::range_statistic statistic = qat::range_statistic::min_max;
  static constexpr float symmetric_scale(qat::group_statistics s, int, int qmax) noexcept {
    return 0.9f * (s.max >= -s.min ? s.max : -s.min) / static_cast<float>(qmax);
  }
  static constexpr qat::range_interval affine_interval(qat::group_statistics s) noexcept {
    return {s.min < 0.0f ? 0.9f * s.min : 0.0f, s.max > 0.0f ? 0.9f * s.max : 0.0f};
  }
};
struct offset_scale : range {
  static constexpr qat::range_statistic statistic = qat::range_statistic::absmax;
  static constexpr float symmetric_scale(qat::group_statistics s, int, int) noexcept {
    return s.absmax + 1.0f;
  }
};
struct negative_scale : range {
  static constexpr qat::range_statistic statistic = qat::range_statistic::absmax;
  static constexpr float symmetric_scale(qat::group_statistics s, int, int) noexcept {
    return -s.absmax;
  }
};
struct zero_over_zero : range {
  static constexpr qat::range_statistic statistic = qat::range_statistic::absmax;
  static float symmetric_scale(qat::group_statistics s, int, int) noexcept {
    return s.absmax * s.absmax / s.absmax;
  }
};
struct without_zero : range {
  static constexpr qat::range_statistic statistic = qat::range_statistic::min_max;
  static constexpr qat::range_interval affine_interval(qat::group_statistics s) noexcept {
    return {s.min, s.max};
  }
};
struct forgets : range {
  static constexpr qat::range_statistic statistic = qat::range_statistic::absmax;
  static constexpr float symmetric_scale(qat::group_statistics, int, int) noexcept { return 0.0f; }
};

using gradient = qat::policy_of<qat::policy_kind::gradient>;

struct pass_inside : gradient {  // excludes the boundary
  static constexpr bool passes(float, float units, float lo, float hi) noexcept {
    return units > lo && units < hi;
  }
};
struct every_third : gradient {
  static bool passes(float, float, float, float) noexcept {
    static int calls = 0;
    return ++calls % 3 == 0;
  }
};

}  // namespace

TEST_CASE("laws: the roundings of the library are lawful") {
  CHECK(qat::check_rounding_laws<qat::round_nearest_even>().violations ==
        std::vector<std::string>{});
  CHECK(qat::check_rounding_laws<qat::round_half_away>().violations == std::vector<std::string>{});
  CHECK(qat::check_rounding_laws<qat::round_toward_zero>().violations ==
        std::vector<std::string>{});
  CHECK(qat::check_rounding_laws<qat::round_floor>().violations == std::vector<std::string>{});
  CHECK(qat::check_rounding_laws<qat::round_stochastic>().violations == std::vector<std::string>{});
  CHECK(qat::check_rounding_laws<qat::round_nearest_even>().is_odd);
  CHECK_FALSE(qat::check_rounding_laws<qat::round_floor>().is_odd);
}

TEST_CASE("laws: the ranges and gradients of the library are lawful") {
  CHECK(qat::check_range_laws<qat::absmax>().violations == std::vector<std::string>{});
  CHECK(qat::check_range_laws<qat::absmax_half_span>().violations == std::vector<std::string>{});
  CHECK(qat::check_range_laws<qat::signed_absmax>().violations == std::vector<std::string>{});
  CHECK(qat::check_range_laws<qat::min_max>().violations == std::vector<std::string>{});
  CHECK(qat::check_range_laws<qat::fixed_range<-1, 2>>().violations == std::vector<std::string>{});
  CHECK(qat::check_gradient_laws<qat::straight_through>().violations == std::vector<std::string>{});
  CHECK(qat::check_gradient_laws<qat::clipped_straight_through>().violations ==
        std::vector<std::string>{});
  CHECK(qat::check_gradient_laws<qat::fixed_mask<-2, 2>>().violations ==
        std::vector<std::string>{});
}

TEST_CASE("laws: a lawful policy of a user passes on every backend") {
  CHECK(qat::check_rounding_laws<round_up>().violations == std::vector<std::string>{});
  CHECK(qat::check_rounding_laws<eight_random_bits>().violations == std::vector<std::string>{});
  CHECK(qat::check_range_laws<nine_tenths>().violations == std::vector<std::string>{});
  CHECK(qat::check_gradient_laws<pass_inside>().violations == std::vector<std::string>{});
}

TEST_CASE("laws: each broken law of a rounding is named with a counterexample") {
  CHECK(mentions(qat::check_rounding_laws<keeps_halves>(), "R(x) is an integer: R("));
  CHECK(mentions(qat::check_rounding_laws<moves_integers>(), "R(n) = n for integers: R(3) = 2"));
  CHECK(mentions(qat::check_rounding_laws<not_monotone>(), "x <= y gives R(x) <= R(y): R("));
  CHECK(mentions(qat::check_rounding_laws<claims_half>(), "|R(x) - x| <= 1/2"));
  CHECK(mentions(qat::check_rounding_laws<claims_toward_zero>(), "|R(x)| <= |x|"));
  CHECK(mentions(qat::check_rounding_laws<jumps>(), "|R(x) - x| < 1: R("));
  CHECK(mentions(qat::check_rounding_laws<remembers>(), "the same x gives the same R(x): R("));
  CHECK(mentions(qat::check_rounding_laws<biased>(), "the mean of R(x) over random is x: x = "));
}

TEST_CASE("laws: each broken law of a range or gradient is named with a counterexample") {
  CHECK(mentions(qat::check_range_laws<offset_scale>(),
                 "2^k times the group gives 2^k times the scale: absmax"));
  CHECK(mentions(qat::check_range_laws<negative_scale>(), "a scale is not negative"));
  CHECK(mentions(qat::check_range_laws<zero_over_zero>(),
                 "a finite group has a finite scale: absmax 0"));
  CHECK(mentions(qat::check_range_laws<without_zero>(), "the interval contains 0: absmax 2"));
  CHECK(mentions(qat::check_range_laws<forgets>(), "a group with a number has a scale: absmax 1"));
  CHECK(mentions(qat::check_gradient_laws<every_third>(), "the same element gives the same mask"));
}

TEST_CASE("laws: a sum of products is caught where the compiler contracts it") {
  // Depends on the compiler and its flags: g++ fuses by default where the target has fma.
  bool fuses = false;
  for (const float x : qat::detail::constant_samples)
    fuses = fuses || difference_of_squares(qat::core::opaque(x)) > 0.0f;
  const qat::law_report report = qat::check_rounding_laws<contracts>();
  CHECK(mentions(report, "the compiler and the processor agree") == fuses);
  MESSAGE("contraction here: " << fuses);
}
