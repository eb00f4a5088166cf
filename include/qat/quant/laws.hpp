#pragma once

#include <qat/quant/calibrate.hpp>
#include <qat/quant/detail/law_samples.hpp>
#include <qat/quant/gradient_mask.hpp>
#include <qat/quant/quantize.hpp>

#include <cmath>
#include <string>
#include <vector>

/// \file
/// Laws that a policy must keep beyond its concept, checked on samples: for the tests of those who write policies. Not
/// part of quant.hpp.
///
///   static_assert(qat::rounding_policy<my_rounding>);
///   assert(qat::check_rounding_laws<my_rounding>().violations.empty());

namespace qat {

/// What a check found: a violation names the law and the first counterexample. No violation: lawful on all samples.
struct law_report {
  std::vector<std::string> violations;
  bool is_odd =
      false;  ///< a fact, not a law: R(-x) = -R(x) for every sample of a deterministic rounding
};

namespace detail {

/// Adds the first violation of each law.
class LawCheck {
 public:
  explicit LawCheck(law_report& report) : report_(&report) {}

  /// `got` makes the text of a counterexample; called only when one is needed.
  template <class Text>
  void expect(bool kept, const char* law, Text&& got) {
    if (kept) return;
    for (const char* broken : broken_)
      if (broken == law) return;
    broken_.push_back(law);
    report_->violations.push_back(std::string(law) + ": " + got());
  }

 private:
  law_report* report_;
  std::vector<const char*> broken_;
};

[[nodiscard]] inline bool same_bits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
         (is_nan(a) && is_nan(b));
}

/// Neighbours of x are compared with floor and ceiling: near 0 the difference to x would round to 1.
[[nodiscard]] inline bool within_reach(rounding_reach reach, float x, float rounded) {
  if (reach == rounding_reach::half) {
    const double distance = static_cast<double>(rounded) - static_cast<double>(x);
    return distance <= 0.5 && -distance <= 0.5;
  }
  const bool next_to = rounded >= std::floor(x) && rounded <= -std::floor(-x);
  if (reach == rounding_reach::one) return next_to;
  return next_to && (x < 0.0f ? rounded >= x : rounded <= x);
}

[[nodiscard]] constexpr const char* reach_law(rounding_reach reach) {
  return reach == rounding_reach::half ? "|R(x) - x| <= 1/2, as its reach claims"
         : reach == rounding_reach::toward_zero
             ? "|R(x)| <= |x| and |R(x) - x| < 1, as its reach claims"
             : "|R(x) - x| < 1";
}

template <class R>
void check_deterministic_rounding(LawCheck& check, law_report& report) {
  const std::vector<float> samples = sorted_rounding_samples();
  report.is_odd = true;
  float last_x = samples.front();
  float last = R::apply(last_x);
  for (const float x : samples) {
    const float rounded = R::apply(x);
    const auto got = [&] { return "R(" + text_of(x) + ") = " + text_of(rounded); };
    check.expect(rounded == std::trunc(rounded), "R(x) is an integer", got);
    if (x == std::trunc(x)) check.expect(rounded == x, "R(n) = n for integers", got);
    check.expect(within_reach(reach_of<R>, x, rounded), reach_law(reach_of<R>), got);
    check.expect(rounded >= last, "x <= y gives R(x) <= R(y)",
                 [&] { return "R(" + text_of(last_x) + ") = " + text_of(last) + " and " + got(); });
    check.expect(same_bits(rounded, R::apply(x)), "the same x gives the same R(x)", got);
    report.is_odd = report.is_odd && R::apply(-x) == -rounded;
    last_x = x;
    last = rounded;
  }
  if constexpr (has_constant_rounding<R>) {
    const auto& constant = constant_roundings<R>;
    for (std::size_t i = 0; i < constant.size(); ++i) {
      const float x = constant_samples[i];
      const float rounded = R::apply(core::opaque(x));
      check.expect(
          same_bits(rounded + 0.0f, constant[i] + 0.0f),
          "the compiler and the processor agree (no product is an operand of + or -)", [&] {
            return "R(" + text_of(x) + ") = " + text_of(constant[i]) + " and " + text_of(rounded);
          });
    }
  }
}

template <class R>
void check_random_rounding(LawCheck& check) {
  constexpr int draws = 1 << 14;
  for (const float x : {0.0f, 1.0f, -3.0f, 0.5f, 0.25f, -0.125f, 2.9f, -7.3f, 100.01f}) {
    const double exact = static_cast<double>(x);
    const double fraction = exact - std::floor(exact);
    double sum = 0.0;
    for (int i = 0; i < draws; ++i) {
      const std::uint32_t random = core::random_bits(0x1a5, 0, static_cast<std::uint64_t>(i));
      const float rounded = R::apply(x, random);
      const auto got = [&] {
        return "R(" + text_of(x) + ", " + std::to_string(random) + ") = " + text_of(rounded);
      };
      check.expect(rounded == std::trunc(rounded), "R(x) is an integer", got);
      if (x == std::trunc(x)) check.expect(rounded == x, "R(n) = n for integers", got);
      check.expect(within_reach(reach_of<R>, x, rounded), reach_law(reach_of<R>), got);
      check.expect(same_bits(rounded, R::apply(x, random)),
                   "the same x and random give the same R(x)", got);
      sum += static_cast<double>(rounded);
    }
    // Neighbours of x: variance f (1 - f). Six standard deviations of the mean, and 2^-16 for coarse thresholds.
    const double bound = 6.0 * std::sqrt(fraction * (1.0 - fraction) / draws) + 0x1p-16;
    const double error = sum / draws - exact;
    check.expect(error <= bound && -error <= bound, "the mean of R(x) over random is x", [&] {
      return "x = " + text_of(x) + ", mean of " + std::to_string(draws) + " draws " +
             std::to_string(sum / draws) + ", bound " + std::to_string(bound);
    });
  }
}

/// The codes of every backend against the scalar ones; a wrong value of a policy shows there.
template <quantizer_like Q, class Arch = core::default_arch>
void check_codes(LawCheck& check) {
  const std::vector<float> x = backend_samples();
  std::vector<typename Q::code_type> expected(x.size()), codes(x.size());
  for (const float scale : {0.3f, 1.0f}) {
    const parameters<Q> p{{scale}, {}};
    quantize<Q>(scalar{}, x, p, expected);
    quantize<Q>(simd<Arch>{}, x, p, codes);
    for (std::size_t i = 0; i < x.size(); ++i)
      check.expect(expected[i] == codes[i], "every backend gives the same codes", [&] {
        return "x = " + text_of(x[i]) + ", scale " + text_of(scale) + ": scalar " +
               std::to_string(expected[i]) + ", simd " + std::to_string(codes[i]);
      });
  }
}

/// The parameters of every backend and of a permuted row against the scalar ones.
template <quantizer_like Q>
void check_calibration(LawCheck& check) {
  std::vector<float> x = backend_samples();
  const parameters<Q> p = calibrate<Q>(scalar{}, x);
  const parameters<Q> q = calibrate<Q>(x);
  const auto got = [&] {
    return "scalar " + text_of(p.scales[0]) + ", simd " + text_of(q.scales[0]);
  };
  check.expect(same_bits(p.scales[0], q.scales[0]) && p.zero_points == q.zero_points,
               "every backend calibrates to the same bits", got);
  for (std::size_t i = 0; i < x.size(); ++i) std::swap(x[i], x[i * 7919 % x.size()]);
  const parameters<Q> permuted = calibrate<Q>(x);
  check.expect(same_bits(p.scales[0], permuted.scales[0]) && p.zero_points == permuted.zero_points,
               "the order of a group does not matter", [&] {
                 return "scales " + text_of(p.scales[0]) + " and " + text_of(permuted.scales[0]);
               });
}

template <class Range>
void check_symmetric_range(LawCheck& check) {
  for (const group_statistics& s : statistics_samples())
    for (const auto& [qmin, qmax] : {std::pair{-7, 7}, std::pair{-8, 7}, std::pair{-127, 127}}) {
      const float scale = Range::symmetric_scale(s, qmin, qmax);
      const auto got = [&, qmin = qmin, qmax = qmax] {
        return text_of(s) + ", codes " + std::to_string(qmin) + ".." + std::to_string(qmax) +
               ": scale " + text_of(scale);
      };
      check.expect(is_finite(scale), "a finite group has a finite scale", got);
      if (!has_signed_scale<Range>)
        check.expect(scale >= 0.0f, "a scale is not negative unless has_signed_scale says so", got);
      if (s.absmax > 0.0f) check.expect(scale != 0.0f, "a group with a number has a scale", got);
      check.expect(same_bits(scale, Range::symmetric_scale(s, qmin, qmax)),
                   "the same statistics give the same scale", got);
      if constexpr (Range::statistic != range_statistic::none)
        for (const float factor : {0x1p-20f, 0x1p30f}) {
          const float scaled = Range::symmetric_scale(times(s, factor), qmin, qmax);
          check.expect(
              same_bits(scaled, scale * factor), "2^k times the group gives 2^k times the scale",
              [&] { return got() + ", times " + text_of(factor) + " " + text_of(scaled); });
        }
    }
}

template <class Range>
void check_affine_range(LawCheck& check) {
  for (const group_statistics& s : statistics_samples()) {
    const range_interval interval = Range::affine_interval(s);
    const auto got = [&] { return text_of(s) + ": " + text_of(interval); };
    check.expect(is_finite(interval.lo) && is_finite(interval.hi),
                 "a finite group has a finite interval", got);
    check.expect(interval.lo <= 0.0f && interval.hi >= 0.0f, "the interval contains 0", got);
    if constexpr (Range::statistic != range_statistic::none)
      for (const float factor : {0x1p-20f, 0x1p30f}) {
        const range_interval scaled = Range::affine_interval(times(s, factor));
        check.expect(scaled.lo == interval.lo * factor && scaled.hi == interval.hi * factor,
                     "2^k times the group gives 2^k times the interval",
                     [&] { return got() + ", times " + text_of(factor) + " " + text_of(scaled); });
      }
  }
}

template <quantizer_like Q, class Arch = core::default_arch>
void check_masks(LawCheck& check) {
  std::vector<float> x = backend_samples();
  x.insert(x.end(), {not_a_number, std::numeric_limits<float>::infinity(),
                     -std::numeric_limits<float>::infinity()});
  parameters<Q> p{{0.25f}, {}};
  if constexpr (Q::has_zero_point)
    p.zero_points = {static_cast<typename Q::code_type>((Q::qmin + Q::qmax) / 2)};
  std::vector<std::uint64_t> expected(mask_words(1, x.size())), mask(expected.size());
  gradient_mask<Q>(scalar{}, x, p, expected);
  gradient_mask<Q>(simd<Arch>{}, x, p, mask);
  for (std::size_t i = 0; i < x.size(); ++i)
    check.expect(((expected[i / 64] ^ mask[i / 64]) >> (i % 64) & 1u) == 0,
                 "every backend gives the same mask",
                 [&] { return "x = " + text_of(x[i]) + ", scale 0.25"; });
  gradient_mask<Q>(scalar{}, x, p, mask);
  check.expect(mask == expected, "the same element gives the same mask",
               [] { return std::string("a second pass over the same row"); });
}

}  // namespace detail

/// Checks a rounding: R(x) is an integer and R(n) = n; monotone; as near to x as `reach` claims; the mean over random is
/// x; the same bits at compile time, on every backend and at every call.
///
/// Shapes  about 6000 samples with |x| <= 2^22: quarter steps and their neighbours, random ones; 2^14 draws each for
///         random roundings, whose mean may err by 6 sqrt(f (1 - f) / 2^14) + 2^-16 where f is the fraction of x.
/// Error   a sample, not a proof.
/// Throws  nothing of its own.
/// Cost    milliseconds; allocates.
template <rounding_policy R>
[[nodiscard]] law_report check_rounding_laws() {
  law_report report;
  detail::LawCheck check(report);
  if constexpr (deterministic_rounding<R>)
    detail::check_deterministic_rounding<R>(check, report);
  else
    detail::check_random_rounding<R>(check);
  // What is no integer is no code: the backends are compared once the other laws hold.
  if (report.violations.empty()) detail::check_codes<Quantizer<bits<8>, R>>(check);
  return report;
}

/// Checks a range: a finite group has a finite scale, positive (or not zero where has_signed_scale), 0 only for a group of
/// zeros; an interval contains 0; multiplying a group by 2^k multiplies both (unless the range needs no statistic); the
/// order of a group does not matter; the same bits on every backend and at every call.
///
/// Shapes  groups of magnitude 2^-60 to 2^60 and a group of zeros.
/// Error   a sample, not a proof.
/// Throws  nothing of its own.
/// Cost    milliseconds; allocates.
template <range_policy Range>
[[nodiscard]] law_report check_range_laws() {
  law_report report;
  detail::LawCheck check(report);
  if constexpr (offers_symmetric_scale<Range>) {
    detail::check_symmetric_range<Range>(check);
    detail::check_calibration<Quantizer<bits<4>, Range>>(check);
  }
  if constexpr (offers_affine_interval<Range>) {
    detail::check_affine_range<Range>(check);
    detail::check_calibration<Quantizer<bits<8>, affine, Range>>(check);
  }
  return report;
}

/// Checks a gradient: the same mask on every backend and at every call, NaN and infinities included.
///
/// Shapes  about 700 samples under a symmetric and an affine quantizer of scale 1/4.
/// Error   a sample, not a proof.
/// Throws  nothing of its own.
/// Cost    milliseconds; allocates.
template <gradient_policy G>
[[nodiscard]] law_report check_gradient_laws() {
  law_report report;
  detail::LawCheck check(report);
  detail::check_masks<Quantizer<bits<4>, G>>(check);
  detail::check_masks<Quantizer<bits<4>, affine, min_max, G>>(check);
  return report;
}

}  // namespace qat
