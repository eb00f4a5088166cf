#include <qat/quant/calibrate.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include <tests/support/backends.hpp>
#include <tests/support/floats.hpp>
#include <tests/support/guarded_matrix.hpp>
#include <tests/support/quantizers.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

template <class... Ps>
float scale_of(std::vector<float> x) {
  using Q = qat::Quantizer<Ps...>;
  const qat::parameters<Q> p = qat::calibrate<Q>(qat::scalar{}, x);
  CHECK(same(p.scales[0], qat::calibrate<Q>(x).scales[0]));
  return p.scales[0];
}

template <class Q>
void check_row(const std::vector<float>& x, float scale, int zero_point) {
  const auto scalar = qat::calibrate<Q>(qat::scalar{}, x);
  const auto vector = qat::calibrate<Q>(x);
  CHECK(same(scalar.scales.at(0), scale));
  CHECK(same(vector.scales.at(0), scale));
  CHECK(static_cast<int>(scalar.zero_points.at(0)) == zero_point);
  CHECK(static_cast<int>(vector.zero_points.at(0)) == zero_point);
}

}  // namespace

TEST_CASE("calibrate: each range policy gives its scale") {
  const std::vector<float> x{0.5f, -3.0f, 1.75f, 2.5f};
  CHECK(scale_of<qat::bits<4>>(x) == 3.0f / 7.0f);
  CHECK(scale_of<qat::bits<4>, qat::min_max>(x) == 3.0f / 7.0f);
  CHECK(scale_of<qat::bits<8>>(x) == 3.0f / 127.0f);
  CHECK(scale_of<qat::bits<4>, qat::symmetric_full>(x) == 3.0f / 7.0f);
  CHECK(scale_of<qat::bits<4>, qat::symmetric_full, qat::absmax_half_span>(x) == 3.0f / 7.5f);
  CHECK(scale_of<qat::bits<4>, qat::symmetric_full, qat::signed_absmax>(x) == -3.0f / -8.0f);
  CHECK(scale_of<qat::bits<4>, qat::symmetric_full, qat::signed_absmax>({1.0f, 4.0f, -2.0f}) ==
        -0.5f);
  CHECK(scale_of<qat::bits<4>, qat::symmetric_full, qat::signed_absmax>({-4.0f, 4.0f}) == -0.5f);
  CHECK(scale_of<qat::bits<4>, qat::fixed_range<-1, 2, 3>>(x) == (2.0f / 3.0f) / 7.0f);
}

TEST_CASE("calibrate: affine parameters follow the formula") {
  using Q = qat::Quantizer<qat::bits<8>, qat::affine, qat::min_max>;
  check_row<Q>({-1.0f, 0.5f, 2.0f}, 3.0f / 255.0f, 85);
  check_row<Q>({1.0f, 2.0f}, 2.0f / 255.0f, 0);  // the interval is stretched to 0
  check_row<Q>({-1.0f, -2.0f}, 2.0f / 255.0f, 255);
  check_row<Q>({0.0f, 0.0f}, 1.0f, 0);
  check_row<Q>({-0.0f}, 1.0f, 0);
  using Signed = qat::Quantizer<qat::bits<8>, qat::affine_signed, qat::min_max>;
  check_row<Signed>({-1.0f, 0.5f, 2.0f}, 3.0f / 255.0f, -43);
  check_row<Signed>({-1.0f, -2.0f}, 2.0f / 255.0f, 127);
  using Absmax = qat::Quantizer<qat::bits<4>, qat::affine>;
  check_row<Absmax>({-1.0f, 3.0f}, 6.0f / 15.0f, 8);  // 7.5 to even
  using Fixed = qat::Quantizer<qat::bits<2>, qat::affine, qat::fixed_range<-1, 2>>;
  check_row<Fixed>({100.0f}, 1.0f, 1);
}

TEST_CASE("calibrate: groups without a usable scale") {
  for (const float bad : {not_a_number, -not_a_number, infinity, -infinity}) {
    CHECK(is_nan(scale_of<qat::bits<4>>({1.0f, bad})));
    CHECK(is_nan(scale_of<qat::bits<4>, qat::min_max>({bad, 1.0f})));
    CHECK(is_nan(
        scale_of<qat::bits<4>, qat::symmetric_full, qat::signed_absmax, qat::fp16_scale>({bad})));
    check_row<T8>({1.0f, bad, 2.0f}, not_a_number, 0);
  }
  for (const float zero : {0.0f, -0.0f, 0x1p-149f, -0x1p-140f, 0x1p-124f}) {
    CAPTURE(zero);
    CHECK(scale_of<qat::bits<4>>({zero, 0.0f}) == 1.0f);
    CHECK(scale_of<qat::bits<4>, qat::fp16_scale>({zero}) == 1.0f);
    CHECK(scale_of<qat::bits<4>, qat::power_of_two_scale>({zero}) == 1.0f);
    CHECK(scale_of<qat::bits<4>, qat::symmetric_full, qat::signed_absmax>({zero}) == 1.0f);
    check_row<T8>({zero}, 1.0f, 0);
  }
  CHECK(scale_of<qat::bits<4>>({7 * 0x1p-126f}) == 0x1p-126f);  // the smallest that is kept
  CHECK(scale_of<qat::bits<4>>({7 * 0x1p-126f * 0.99f}) == 1.0f);
}

TEST_CASE("calibrate: a scale too small for its format becomes the smallest normal") {
  CHECK(scale_of<qat::bits<4>, qat::fp16_scale>({1e-30f}) == 0x1p-14f);
  CHECK(scale_of<qat::bits<4>, qat::fp16_scale>({7 * 0x1p-15f}) == 0x1p-14f);
  CHECK(scale_of<qat::bits<4>, qat::fp16_scale>({7 * 0x1p-13f}) == 0x1p-13f);
  CHECK(scale_of<qat::bits<4>, qat::symmetric_full, qat::signed_absmax, qat::fp16_scale>(
            {1e-30f}) == -0x1p-14f);
  CHECK(scale_of<qat::bits<4>, qat::symmetric_full, qat::signed_absmax, qat::fp16_scale>(
            {-1e-30f}) == 0x1p-14f);
  CHECK(scale_of<qat::bits<4>, qat::bf16_scale>({7 * 0x1.000002p-126f}) == 0x1p-126f);
  CHECK(scale_of<qat::bits<4>, qat::power_of_two_scale>({7 * 0x1p-126f}) == 0x1p-126f);
}

TEST_CASE("calibrate: a scale beyond its format makes the group not finite") {
  CHECK(is_nan(scale_of<qat::bits<4>, qat::fp16_scale>({7 * 65520.0f})));
  CHECK(scale_of<qat::bits<4>, qat::fp16_scale>({7 * 65519.0f}) == 65504.0f);
  CHECK(scale_of<qat::bits<2>>({largest}) == largest);
  CHECK(is_nan(scale_of<qat::bits<2>, qat::bf16_scale>({largest})));
  CHECK(scale_of<qat::bits<2>, qat::bf16_scale>({0x1.fep127f}) == 0x1.fep127f);
  CHECK(is_nan(scale_of<qat::bits<2>, qat::power_of_two_scale>({largest})));
  CHECK(scale_of<qat::bits<2>, qat::power_of_two_scale>({0x1p127f}) == 0x1p127f);
  check_row<T8>({largest, -largest}, not_a_number, 0);  // hi - lo overflows
}

TEST_CASE("calibrate: a power of two scale is rounded up") {
  CHECK(scale_of<qat::bits<4>, qat::power_of_two_scale>({7.0f}) == 1.0f);
  CHECK(scale_of<qat::bits<4>, qat::power_of_two_scale>({std::nextafter(7.0f, 8.0f)}) == 2.0f);
  CHECK(scale_of<qat::bits<4>, qat::power_of_two_scale>({0.1f}) == 0x1p-6f);  // 0.0143
}

TEST_CASE("calibrate: parameters are ordered by row and group") {
  const auto x = guarded<float>(3, 11, {}, [](std::size_t r, std::size_t c) {
    return c % 5 == 2 || c == 10 ? -static_cast<float>(7 * (1 + 3 * r + c / 5)) : 1.0f;
  });
  const auto groups = qat::calibrate<qat::Quantizer<qat::bits<4>, qat::per_group<5>>>(x.view());
  CHECK(groups.scales == std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  const auto rows = qat::calibrate<W4>(x.view());
  CHECK(rows.scales == std::vector<float>{3, 6, 9});
  const auto whole = qat::calibrate<qat::Quantizer<qat::bits<4>>>(x.view());
  CHECK(whole.scales == std::vector<float>{9});
}

TEST_CASE("calibrate: every backend and stride and thread measures the same") {
  for_each_quantizer<W4, T8, q4_0_like>([]<class Q>() {
    for (const std::size_t cols : sizes{1, 3, 8, 17, 31, 64, 65, 300}) {
      for (const placement where : {placement{}, placement{.misalignment = 1, .padding = 2},
                                    placement{.gap = 1}, placement{.by_columns = true}}) {
        const auto x = guarded<float>(5, cols, where, [](std::size_t r, std::size_t c) {
          return any_finite(r, c) * 0x1p-3f;
        });
        const auto expected = qat::calibrate<Q>(qat::scalar{}, x.view());
        test_executor reverse;
        int wrong = 0;
        const auto compare = [&](const qat::parameters<Q>& p) {
          wrong += p.zero_points != expected.zero_points;
          for (std::size_t i = 0; i < p.scales.size(); ++i)
            wrong += !same(p.scales[i], expected.scales[i]);
        };
        for_each_simd([&](auto backend) { compare(qat::calibrate<Q>(backend, x.view())); });
        compare(qat::calibrate<Q>(qat::parallel(reverse), x.view()));
        CHECK(wrong == 0);
      }
    }
  });
}

TEST_CASE("calibrate: a fixed range does not look at the data in either storage order") {
  using Q = qat::Quantizer<qat::bits<4>, qat::per_channel, qat::fixed_range<-7, 7>>;
  for (const placement where : {placement{}, placement{.gap = 1}, placement{.by_columns = true}}) {
    const auto x = guarded<float>(3, 40, where, [](std::size_t r, std::size_t c) {
      return r == 1 && c == 20 ? not_a_number : 0.0f;
    });
    CHECK(qat::calibrate<Q>(x.view()).scales == std::vector<float>{1, 1, 1});
    CHECK(qat::calibrate<Q>(qat::scalar{}, x.view()).scales == std::vector<float>{1, 1, 1});
  }
}

TEST_CASE("calibrate: the order of the elements does not matter") {
  std::vector<float> x(97);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = any_finite(8, i) * 0x1p-9f;
  const auto a = qat::calibrate<A8>(x);
  const auto b = qat::calibrate<T8>(x);
  for (int round = 0; round < 5; ++round) {
    std::rotate(x.begin(), x.begin() + 13, x.end());
    std::reverse(x.begin(), x.begin() + 50);
    CHECK(qat::calibrate<A8>(x).scales == a.scales);
    CHECK(qat::calibrate<T8>(x).scales == b.scales);
    CHECK(qat::calibrate<T8>(x).zero_points == b.zero_points);
  }
}

TEST_CASE("calibrate: one tensor of many blocks has the statistics of the whole") {
  constexpr std::size_t rows = 300, cols = 700;
  auto x =
      guarded<float>(rows, cols, {}, [](std::size_t r, std::size_t c) { return uniform(r, c); });
  x.view()(rows - 1, cols - 1) = -12.7f;
  x.view()(0, 0) = 8.0f;
  CHECK(qat::calibrate<qat::Quantizer<qat::bits<8>>>(x.view()).scales[0] == 12.7f / 127.0f);
  const auto p = qat::calibrate<T8>(x.view());
  CHECK(p.scales[0] == (8.0f + 12.7f) / 255.0f);
  test_executor threads{.threaded = true};
  CHECK(qat::calibrate<T8>(qat::parallel(threads), x.view()).scales == p.scales);
}

TEST_CASE("calibrate: the clamp that a fresh absmax scale omits is idle for every maximum") {
  // Every mantissa of the maximum at some exponents, all widths: the largest code never exceeds qmax.
  for_each_width<2, 8>([]<int N>() {
    using Q = qat::Quantizer<qat::bits<N>>;
    int beyond = 0;
    for (const int exponent : {-118, -20, 0, 60, 127})
      for (std::uint32_t mantissa = 0; mantissa < (1u << 23); mantissa += 61) {
        const float m =
            std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23 | mantissa);
        volatile float scale = m / static_cast<float>(Q::qmax);
        volatile float operand = 1.0f / scale;
        volatile float units = m * operand;
        beyond += !(std::nearbyint(units) <= static_cast<float>(Q::qmax));
      }
    CHECK(beyond == 0);
  });
}

TEST_CASE("calibrate: parameters of another shape and heads that do not divide throw") {
  std::vector<float> x(12), scales(2);
  CHECK_THROWS_WITH_AS(qat::calibrate<W4>(x, {scales}),
                       doctest::Contains("2 scales where 1 are needed"), qat::ContractViolation);
  CHECK_THROWS_WITH_AS(static_cast<void>(qat::calibrate<kv4>(x)),
                       doctest::Contains("a width of 12 and groups of 16"), qat::ContractViolation);
  std::vector<float> scale(1);
  std::vector<std::uint8_t> no_zero_point;
  CHECK_THROWS_WITH_AS(qat::calibrate<T8>(x, {scale, no_zero_point}),
                       doctest::Contains("0 zero points where 1 are needed"),
                       qat::ContractViolation);
}
