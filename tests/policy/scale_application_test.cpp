#include <qat/policy/scale_application.hpp>
#include <qat/quant/fake_quantize.hpp>

#include <doctest/doctest.h>

#include <cmath>

#include <tests/support/floats.hpp>
#include <tests/support/golden.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

static_assert(qat::scale_application_policy<qat::reciprocal>);
static_assert(qat::scale_application_policy<qat::divide>);
static_assert(qat::scale_application_policy<qat::llmqat_reference>);
static_assert(qat::reciprocal::value_is_product && qat::divide::value_is_product);
static_assert(!qat::llmqat_reference::value_is_product);

TEST_CASE("scale_application: a product with the reciprocal and a quotient differ next to a tie") {
  // x = fl(tie * scale) lies beside a tie in units of the scale: which side depends on how units are computed.
  using reciprocal8 = qat::Quantizer<qat::bits<8>>;
  using divide8 = qat::Quantizer<qat::bits<8>, qat::divide>;
  int different = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const float scale = 0.5f + uniform(1, i) * 0.25f;
    const std::vector<float> x{(static_cast<float>(i % 100) + 0.5f) * scale};
    std::vector<std::int8_t> a(1), b(1);
    qat::quantize<reciprocal8>(x, qat::parameters<reciprocal8>{{scale}, {}}, a);
    qat::quantize<divide8>(x, qat::parameters<divide8>{{scale}, {}}, b);
    volatile float quotient = x[0] / scale;
    CHECK(b[0] == static_cast<int>(std::nearbyint(quotient)));
    different += a[0] != b[0];
  }
  CHECK(different > 10);
}

TEST_CASE("scale_application: llmqat_reference has the bits of torch") {
  const auto check = []<int N>(const golden_line& line) {
    using Q = qat::Quantizer<qat::bits<N>, qat::per_channel, qat::llmqat_reference>;
    const std::vector<float> x = floats_of(line[1]), expected = floats_of(line[2]);
    std::vector<float> s(1), y(x.size());
    const auto check_backend = [&](auto backend) {
      qat::calibrate_fake_quantize<Q>(backend, x, {s}, y);
      CHECK(same(s[0], floats_of(line[3])[0]));
      int wrong = 0;
      for (std::size_t i = 0; i < x.size(); ++i)
        wrong += !same(y[i], expected[i] + 0.0f);  // torch keeps the sign of a zero, we do not
      CHECK(wrong == 0);
    };
    check_backend(qat::scalar{});
    if constexpr (N != 3) check_backend(qat::simd<>{});
  };
  int lines = 0;
  for (const golden_line& line : golden_lines("llmqat_reference.txt")) {
    CAPTURE(line[1]);
    if (line[0] == "3") check.operator()<3>(line);
    if (line[0] == "4") check.operator()<4>(line);
    if (line[0] == "8") check.operator()<8>(line);
    ++lines;
  }
  CHECK(lines == 39);
}

TEST_CASE("scale_application: llmqat_reference gives the vectors of the specification") {
  const std::vector<float> x{-1.0f, -0.4f, 0.05f, 0.33f, 0.9f, 2.5f};
  const auto check = [&]<int N>(double s, const std::vector<double>& expected) {
    using Q = qat::Quantizer<qat::bits<N>, qat::per_channel, qat::llmqat_reference>;
    std::vector<float> scale(1), y(6);
    qat::calibrate_fake_quantize<Q>(qat::scalar{}, x, {scale}, y);
    // The table has six decimals: half a unit of the last, and 1e-6 relative for fp32.
    CHECK(std::fabs(static_cast<double>(scale[0]) - s) <= 0.5e-6 + 1e-6 * s);
    for (std::size_t i = 0; i < 6; ++i)
      CHECK(std::fabs(static_cast<double>(y[i]) - expected[i]) <=
            0.5e-6 + 1e-6 * std::fabs(expected[i]));
  };
  check.operator()<3>(1.200000, {-0.833333, 0, 0, 0, 0.833333, 2.499999});
  check.operator()<4>(2.799999, {-1.071429, -0.357143, 0, 0.357143, 1.071429, 2.5});
  check.operator()<8>(50.79998, {-1.003937, -0.393701, 0.059055, 0.334646, 0.905512, 2.500001});
}
