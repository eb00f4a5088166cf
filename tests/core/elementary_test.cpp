#include <qat/core/elementary.hpp>
#include <qat/core/philox.hpp>
#include <qat/core/rows.hpp>
#include <qat/core/thread_executor.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <tests/support/architectures.hpp>
#include <tests/support/floats.hpp>

using qat::testing::denorm;
using qat::testing::for_each_arch;
using qat::testing::infinity;
using qat::testing::largest;
using qat::testing::not_a_number;
using qat::testing::pattern;
using qat::testing::same;

namespace {

namespace core = qat::core;

/// |got - exact| in units of the distance of the floats around `exact`; infinite where a NaN, an infinity or a zero result
/// is missing or unexpected.
double ulp_error(float got, double exact) {
  const double wrong = std::numeric_limits<double>::infinity();
  if (std::isnan(exact)) return std::isnan(got) ? 0.0 : wrong;
  if (std::isnan(got)) return wrong;
  const double overflow = 0x1.ffffffp127;  // from here on the nearest float is infinity
  if (std::fabs(exact) >= overflow)
    return std::isinf(got) && std::signbit(got) == std::signbit(exact) ? 0.0 : wrong;
  if (std::isinf(got)) return wrong;
  int exponent = -200;
  if (exact != 0.0) std::frexp(exact, &exponent);
  const double ulp = std::ldexp(1.0, std::max(exponent - 24, -149));
  return std::fabs(static_cast<double>(got) - exact) / ulp;
}

// One-argument functions: the body over a float or a batch, the reference in double, and the documented error.
// The limits are the maxima over all 2^32 floats, rounded up in the third digit.
struct exp_case {
  static constexpr const char* name = "exp";
  static constexpr double limit = 0.777;
  template <class V>
  static V of(V x) {
    return core::exp(x);
  }
  static double exact(double x) { return std::exp(x); }
};
struct log_case {
  static constexpr const char* name = "log";
  static constexpr double limit = 0.836;
  template <class V>
  static V of(V x) {
    return core::log(x);
  }
  static double exact(double x) { return std::log(x); }
};
struct sin_case {
  static constexpr const char* name = "sin";
  static constexpr double limit = 0.729;
  template <class V>
  static V of(V x) {
    return core::sin(x);
  }
  static double exact(double x) { return std::sin(x); }
};
struct cos_case {
  static constexpr const char* name = "cos";
  static constexpr double limit = 0.731;
  template <class V>
  static V of(V x) {
    return core::cos(x);
  }
  static double exact(double x) { return std::cos(x); }
};
struct rsqrt_case {
  static constexpr const char* name = "rsqrt";
  static constexpr double limit = 1.491;
  template <class V>
  static V of(V x) {
    return core::rsqrt(x);
  }
  static double exact(double x) { return 1.0 / std::sqrt(x); }
};

struct worst_case {
  double error = 0.0;
  float at = 0.0f;
  std::uint64_t mismatches = 0;  // batch against scalar
};

/// The largest error over the patterns first, first + stride, ... below `end`; also compares each batch with the scalar.
template <class Case>
worst_case measure(std::uint64_t first, std::uint64_t end, std::uint64_t stride) {
  constexpr std::size_t lanes = core::lane_count<>;
  worst_case worst;
  for (std::uint64_t i = first; i < end; i += stride * lanes) {
    float in[lanes], out[lanes];
    for (std::size_t j = 0; j < lanes; ++j)
      in[j] = std::bit_cast<float>(static_cast<std::uint32_t>(std::min(i + j * stride, end - 1)));
    core::store(out, Case::of(core::load(in)));
    for (std::size_t j = 0; j < lanes; ++j) {
      const double error = ulp_error(out[j], Case::exact(static_cast<double>(in[j])));
      if (!(error <= worst.error)) worst.error = error, worst.at = in[j];
      if (!same(out[j], Case::of(in[j]))) ++worst.mismatches;
    }
  }
  return worst;
}

constexpr std::uint64_t all_floats = std::uint64_t{1} << 32;

/// Patterns that reach every branch, and a coprime stride over all others.
std::vector<float> corpus() {
  std::vector<float> values = {
      0.0f,       -0.0f,      denorm,       -denorm,    0x1p-126f,      -0x1p-126f,
      1.0f,       -1.0f,      0.5f,         2.0f,       largest,        -largest,
      infinity,   -infinity,  not_a_number, 88.72283f,  88.72284f,      -87.33655f,
      -103.972f,  -103.973f,  0x1p20f,      -0x1p20f,   0x1.000002p20f, 0x1.fffffep19f,
      1.5707964f, 3.1415927f, 0.70710677f,  0.70710678f};
  for (std::uint64_t i = 0; i < 4096; ++i) {  // where exp, sin and cos are busy
    const std::int32_t r = static_cast<std::int32_t>(core::random_bits(8, 0, i));
    values.push_back(static_cast<float>(r) * (i % 2 == 0 ? 0x1p-25f : 0x1p-30f));
  }
  for (std::uint64_t i = 0; i < all_floats; i += 1048573)
    values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(i)));
  while (values.size() % 16 != 0) values.push_back(1.25f);
  return values;
}

}  // namespace

TYPE_TO_STRING_AS("exp", exp_case);
TYPE_TO_STRING_AS("log", log_case);
TYPE_TO_STRING_AS("sin", sin_case);
TYPE_TO_STRING_AS("cos", cos_case);
TYPE_TO_STRING_AS("rsqrt", rsqrt_case);

TEST_CASE_TEMPLATE("elementary: errors of a stride over all floats stay within the documented ulp",
                   Case, exp_case, log_case, sin_case, cos_case, rsqrt_case) {
  const worst_case worst = measure<Case>(0, all_floats, 16381);
  const std::string name = Case::name;
  CAPTURE(name);
  CAPTURE(worst.at);
  CHECK(worst.error <= Case::limit);
  CHECK(worst.mismatches == 0);
}

TEST_CASE_TEMPLATE("elementary: errors of all floats stay within the documented ulp", Case,
                   exp_case, log_case, sin_case, cos_case, rsqrt_case) {
  if (std::getenv("QAT_TEST_ALL") == nullptr) {
    MESSAGE("skipped: set QAT_TEST_ALL to run over all 2^32 floats");
    return;
  }
  // Emulated fma is 25 times slower; the bits are the same, so that a stride is enough there.
  const std::uint64_t stride = core::detail::fuses<core::default_arch> ? 1 : 61;
  constexpr std::size_t parts = 64;
  std::vector<worst_case> worst(parts);
  core::ThreadExecutor threads(std::max(1u, std::thread::hardware_concurrency()));
  threads.run(parts, [&](std::size_t part) {
    worst[part] = measure<Case>(all_floats / parts * part, all_floats / parts * (part + 1), stride);
  });
  const std::string name = Case::name;
  for (const worst_case& w : worst) {
    CAPTURE(name);
    CAPTURE(w.at);
    CHECK(w.error <= Case::limit);
    CHECK(w.mismatches == 0);
  }
  const auto most = std::max_element(
      worst.begin(), worst.end(), [](const auto& a, const auto& b) { return a.error < b.error; });
  MESSAGE(name << ": " << most->error << " ulp at " << most->at << " with stride " << stride);
}

TEST_CASE("elementary: every architecture gives the bits of the scalar") {
  const std::vector<float> x = corpus();
  for_each_arch([&](auto arch) {
    using Arch = decltype(arch);
    const std::string name = Arch::name();
    CAPTURE(name);
    std::size_t wrong = 0;
    std::vector<float> y(x.size());
    const auto compare = [&](auto f) {
      core::transform<Arch>(x.data(), x.size(), y.data(), f);
      for (std::size_t i = 0; i < x.size(); ++i)
        if (!same(y[i], f(x[i]))) ++wrong;
    };
    compare([](auto v) { return core::exp(v); });
    compare([](auto v) { return core::log(v); });
    compare([](auto v) { return core::sin(v); });
    compare([](auto v) { return core::cos(v); });
    compare([](auto v) { return core::rsqrt(v); });
    for (float exponent : {-0.75f, 3.0f, -2.0f, 0.1f, 0.0f, infinity, not_a_number, 1e9f})
      compare([exponent](auto v) { return core::pow(v, decltype(v)(exponent)); });
    for (float base : {10000.0f, 0.999f, -1.5f, 0.0f, 1.0f, infinity, not_a_number})
      compare([base](auto v) { return core::pow(decltype(v)(base), v); });
    CHECK(wrong == 0);
  });
}

TEST_CASE("elementary: one hash on every compiler and flag and instruction set") {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a over the patterns, any NaN as one
  const auto add = [&](float x) {
    const std::uint32_t word = x != x ? 0x7fc00000u : pattern(x);
    for (int shift = 0; shift < 32; shift += 8)
      hash = (hash ^ ((word >> shift) & 0xffu)) * 0x100000001b3u;
  };
  for (float x : corpus()) {
    add(core::exp(x));
    add(core::log(x));
    const core::sine_cosine<float> both = core::sin_cos(x);
    add(both.sine);
    add(both.cosine);
    add(core::rsqrt(x));
    add(core::pow(x, 0.37f));
    add(core::pow(10000.0f, x));
  }
  CHECK(hash == 0x14c4efd891a6a3e0u);
}

TEST_CASE("exp: special values") {
  CHECK(core::exp(0.0f) == 1.0f);
  CHECK(core::exp(-0.0f) == 1.0f);
  CHECK(core::exp(infinity) == infinity);
  CHECK(pattern(core::exp(-infinity)) == pattern(0.0f));
  CHECK(std::isnan(core::exp(not_a_number)));
  CHECK(std::isnan(core::exp(-not_a_number)));
  CHECK(core::exp(88.72283f) < infinity);
  CHECK(core::exp(88.72284f) == infinity);
  CHECK(core::exp(-103.972f) == denorm);
  CHECK(core::exp(-103.9721f) == 0.0f);
  CHECK(core::exp(largest) == infinity);
  CHECK(core::exp(-largest) == 0.0f);
  CHECK(core::exp(denorm) == 1.0f);
}

TEST_CASE("log: special values") {
  CHECK(pattern(core::log(1.0f)) == pattern(0.0f));
  CHECK(core::log(0.0f) == -infinity);
  CHECK(core::log(-0.0f) == -infinity);
  CHECK(core::log(infinity) == infinity);
  CHECK(std::isnan(core::log(-1.0f)));
  CHECK(std::isnan(core::log(-denorm)));
  CHECK(std::isnan(core::log(-infinity)));
  CHECK(std::isnan(core::log(not_a_number)));
  CHECK(core::log(denorm) == doctest::Approx(-103.27893).epsilon(1e-7));
  CHECK(core::log(largest) == doctest::Approx(88.72284).epsilon(1e-7));
}

TEST_CASE("sin and cos: special values") {
  CHECK(pattern(core::sin(0.0f)) == pattern(0.0f));
  CHECK(pattern(core::sin(-0.0f)) == pattern(-0.0f));
  CHECK(core::cos(0.0f) == 1.0f);
  CHECK(core::sin(denorm) == denorm);
  CHECK(core::sin(-denorm) == -denorm);
  CHECK(core::cos(denorm) == 1.0f);
  for (float x : {infinity, -infinity, not_a_number}) {
    CHECK(std::isnan(core::sin(x)));
    CHECK(std::isnan(core::cos(x)));
  }
}

TEST_CASE("sin and cos: angles on both sides of the change of reduction are as good as others") {
  double worst = 0.0;
  for (std::uint32_t offset = 0; offset < 200000; ++offset)
    for (std::uint32_t sign : {0u, 0x80000000u}) {
      const float x = std::bit_cast<float>((pattern(0x1p20f) - 100000u + offset) | sign);
      worst = std::max(worst, ulp_error(core::sin(x), std::sin(static_cast<double>(x))));
      worst = std::max(worst, ulp_error(core::cos(x), std::cos(static_cast<double>(x))));
    }
  CHECK(worst <= std::max(sin_case::limit, cos_case::limit));
}

TEST_CASE("rsqrt: is one rounded root and one rounded division") {
  CHECK(core::rsqrt(4.0f) == 0.5f);
  CHECK(core::rsqrt(0.0f) == infinity);
  CHECK(core::rsqrt(-0.0f) == -infinity);
  CHECK(pattern(core::rsqrt(infinity)) == pattern(0.0f));
  CHECK(std::isnan(core::rsqrt(-1.0f)));
  CHECK(std::isnan(core::rsqrt(not_a_number)));
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const float x = std::bit_cast<float>(core::random_bits(3, 0, i) & 0x7fffffffu);
    CHECK(same(core::rsqrt(x), 1.0f / std::sqrt(x)));
  }
}

TEST_CASE("pow: the frequencies of RoPE and the powers of AdamW stay within the documented ulp") {
  const auto error = [](float x, float y) {
    return ulp_error(core::pow(x, y), std::pow(static_cast<double>(x), static_cast<double>(y)));
  };
  double worst = 0.0;
  for (float base : {10000.0f, 500000.0f, 1000000.0f})
    for (int i = 0; i <= 16384; ++i)
      worst = std::max(worst, error(base, static_cast<float>(-i) / 16384.0f));
  for (float beta : {0.9f, 0.95f, 0.99f, 0.999f, 0.9999f})
    for (int t = 1; t <= 20000; ++t) worst = std::max(worst, error(beta, static_cast<float>(t)));
  CHECK(worst <= 0.85);
}

TEST_CASE("pow: random arguments with any exponent of the result stay within the documented ulp") {
  double worst = 0.0;
  for (std::uint64_t i = 0; i < 200000; ++i) {
    const std::uint32_t r = core::random_bits(6, 0, i);
    const float x = i % 2 == 0 ? std::bit_cast<float>(r % 0x7f800000u)
                               : std::bit_cast<float>(0x3f800000u - 1000000u + r % 2000000u);
    const double log2_x = std::log2(static_cast<double>(x));
    if (!std::isfinite(log2_x) || log2_x == 0.0) continue;
    const double target = static_cast<double>(core::random_bits(6, 1, i)) * 0x1p-32 * 300.0 - 151.0;
    const float y = static_cast<float>(target / log2_x);
    worst = std::max(worst, ulp_error(core::pow(x, y),
                                      std::pow(static_cast<double>(x), static_cast<double>(y))));
  }
  CHECK(worst <= 0.85);
}

TEST_CASE("pow: special values are those of IEEE 754") {
  const float values[] = {0.0f,
                          -0.0f,
                          1.0f,
                          -1.0f,
                          2.0f,
                          -2.0f,
                          3.0f,
                          -3.0f,
                          0.5f,
                          -0.5f,
                          2.5f,
                          -2.5f,
                          1e10f,
                          -1e10f,
                          0x1p24f,
                          0x1.000002p23f,
                          -0x1.000002p23f,
                          denorm,
                          -denorm,
                          largest,
                          -largest,
                          infinity,
                          -infinity,
                          not_a_number};
  std::size_t wrong = 0;
  for (float x : values)
    for (float y : values) {
      const double exact = std::pow(static_cast<double>(x), static_cast<double>(y));
      const float got = core::pow(x, y);
      const bool sign_matters = !std::isnan(exact);
      if (!(ulp_error(got, exact) <= 1.0) ||
          (sign_matters && std::signbit(got) != std::signbit(exact))) {
        CAPTURE(x);
        CAPTURE(y);
        CHECK(static_cast<double>(got) == exact);
        ++wrong;
      }
    }
  CHECK(wrong == 0);
}

TEST_CASE("elementary: a result is not fused into the sum of a caller") {
  // The last step of exp and pow is a product by a power of two, inexact for subnormal results only. An odd multiple of
  // 2^-149 lies on a tie of 2^-125 + it: what the product lost would decide if it were fused.
  std::size_t wrong = 0;
  for (int i = 0; i < 2000; ++i) {
    volatile float source = core::fma(static_cast<float>(-i), 0x1p-8f, -89.0f);
    const float x = source;
    volatile float kept = core::exp(x);
    const float rounded = kept;
    if (!same(core::exp(x) + 0x1p-125f, rounded + 0x1p-125f)) ++wrong;
    const core::float_batch<> sum =
        core::exp(core::float_batch<>(x)) + core::float_batch<>(0x1p-125f);
    if (!same(sum.get(0), rounded + 0x1p-125f)) ++wrong;
  }
  CHECK(wrong == 0);
}
