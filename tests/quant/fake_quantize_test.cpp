#include <qat/quant/fake_quantize.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include <tests/support/backends.hpp>
#include <tests/support/floats.hpp>
#include <tests/support/guarded_matrix.hpp>
#include <tests/support/oracle.hpp>
#include <tests/support/quantizers.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

/// A row in which ordinary numbers, ties, zeros of both signs and small numbers meet.
float mixed(std::size_t r, std::size_t c) {
  const std::uint64_t i = 1000 * r + c;
  switch (qat::core::random_bits(5, 1, i) % 8) {
    case 0:
      return 0.0f;
    case 1:
      return -0.0f;
    case 2:
      return std::nearbyint(uniform(2, i) * 30.0f) * 0.125f;
    case 3:
      return uniform(3, i) * 0x1p-40f;
    default:
      return uniform(4, i) * 4.0f;
  }
}

template <class Q>
qat::parameters<Q> parameters_for(std::size_t rows, std::size_t cols) {
  auto p = qat::detail::make_parameters<Q>(rows, cols);
  for (std::size_t i = 0; i < p.scales.size(); ++i) {
    p.scales[i] = 0.05f + 0.03f * static_cast<float>(i % 7);
    if (qat::detail::has_signed_scale<typename Q::range> && i % 2 == 1) p.scales[i] = -p.scales[i];
  }
  for (std::size_t i = 0; i < p.zero_points.size(); ++i)
    p.zero_points[i] = static_cast<typename Q::code_type>(Q::qmin + static_cast<int>(i * 5) %
                                                                        (Q::qmax - Q::qmin + 1));
  return p;
}

template <class Q>
bool divides(std::size_t cols) {
  return !Q::granularity::must_divide || cols % Q::granularity::group_size(cols) == 0;
}

template <class M>
bool equal(const M& a, const M& b) {
  for (std::size_t r = 0; r < a.rows; ++r)
    for (std::size_t c = 0; c < a.cols; ++c)
      if (!same(a(r, c), b(r, c))) return false;
  return true;
}

}  // namespace

TEST_CASE("fake_quantize: the scalar backend follows the formula") {
  for_each_quantizer<W4, T8, kv4, odd_groups, random8, q4_0_like>([]<class Q>() {
    constexpr std::size_t rows = 3, cols = 96;
    const auto x = guarded<float>(rows, cols, {}, mixed);
    GuardedMatrix<float> y(rows, cols);
    const auto p = parameters_for<Q>(rows, cols);
    qat::fake_quantize<Q>(qat::scalar{}, x.view(), p, y.view(), {.seed = 9, .stream = 4});
    const std::size_t per_row = qat::groups_per_row<Q>(cols);
    const std::size_t size = Q::granularity::group_size(cols);
    int wrong = 0;
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < cols; ++c) {
        const std::size_t at = Q::granularity::whole_tensor ? 0 : r * per_row + c / size;
        const int zero = Q::has_zero_point ? static_cast<int>(p.zero_points[at]) : 0;
        const int code = expected_code<Q>(x.view()(r, c), p.scales[at], zero,
                                          qat::core::random_bits(9, 4, r * cols + c));
        if (!same(y.view()(r, c), expected_value<Q>(code, p.scales[at], zero))) ++wrong;
      }
    CHECK(wrong == 0);
  });
}

TEST_CASE("fake_quantize: every backend gives the bits of the oracle for sizes and misalignments") {
  std::string names;
  for_each_quantizer<W4, T8, random8, q4_0_like>([&]<class Q>() {
    for (const std::size_t cols :
         sizes{0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 64, 65, 112, 257}) {
      if (!divides<Q>(cols)) continue;
      CAPTURE(cols);
      for (const std::size_t off : sizes{0, 1, 6}) {
        const placement from{.misalignment = off, .padding = 3};
        const placement to{.misalignment = (off * 5) % 16, .padding = off};
        const auto x = guarded<float>(3, cols, from, mixed);
        const auto p = parameters_for<Q>(3, cols);
        GuardedMatrix<float> expected(3, cols, to);
        qat::fake_quantize<Q>(qat::scalar{}, x.view(), p, expected.view());
        auto fresh = qat::detail::make_parameters<Q>(3, cols);
        GuardedMatrix<float> expected_fresh(3, cols, to);
        qat::calibrate<Q>(qat::scalar{}, x.view(), qat::detail::span_of<Q>(fresh));
        qat::fake_quantize<Q>(qat::scalar{}, x.view(), fresh, expected_fresh.view());
        const auto check = [&](auto backend) {
          GuardedMatrix<float> y(3, cols, to);
          qat::fake_quantize<Q>(backend, x.view(), p, y.view());
          CHECK(equal(y.view(), expected.view()));
          CHECK(y.guards_are_intact());
          auto measured = qat::detail::make_parameters<Q>(3, cols);
          qat::calibrate_fake_quantize<Q>(backend, x.view(), qat::detail::span_of<Q>(measured),
                                          y.view());
          CHECK(equal(y.view(), expected_fresh.view()));
          CHECK(y.guards_are_intact());
          CHECK(measured.scales == fresh.scales);
          CHECK(measured.zero_points == fresh.zero_points);
        };
        if constexpr (std::is_same_v<Q, W4>)
          names = for_each_simd(check);
        else
          check(qat::simd<>{});
      }
    }
  });
  MESSAGE("covered: scalar " << names);
}

TEST_CASE("fake_quantize: strides change no bit") {
  for_each_quantizer<W4, random8>([]<class Q>() {
    constexpr std::size_t rows = 5, cols = 1040;
    const auto x = guarded<float>(rows, cols, {}, mixed);
    auto p = qat::detail::make_parameters<Q>(rows, cols);
    GuardedMatrix<float> expected(rows, cols);
    qat::calibrate_fake_quantize<Q>(x.view(), qat::detail::span_of<Q>(p), expected.view());
    for (const placement where : {placement{.gap = 1, .padding = 1}, placement{.by_columns = true},
                                  placement{.padding = 2, .by_columns = true}}) {
      const auto strided = guarded<float>(rows, cols, where, mixed);
      GuardedMatrix<float> y(rows, cols, where);
      auto q = qat::detail::make_parameters<Q>(rows, cols);
      qat::calibrate_fake_quantize<Q>(strided.view(), qat::detail::span_of<Q>(q), y.view());
      CHECK(equal(y.view(), expected.view()));
      CHECK(y.guards_are_intact());
      CHECK(q.scales == p.scales);
      GuardedMatrix<float> rows_only(rows, cols);
      qat::fake_quantize<Q>(strided.view(), p, rows_only.view());
      CHECK(equal(rows_only.view(), expected.view()));
      qat::fake_quantize<Q>(x.view(), p, y.view());
      CHECK(equal(y.view(), expected.view()));
    }
  });
}

TEST_CASE("fake_quantize: negative strides read and write backwards") {
  std::vector<float> x = uniform_floats(1, 12), y(12), expected(12);
  std::vector<float> reversed(x.rbegin(), x.rend());
  auto p = qat::calibrate<W4>(x);
  qat::fake_quantize<W4>(reversed, p, expected);
  qat::fake_quantize<W4>(qat::matrix_view<const float>(x.data() + 11, 1, 12, 0, -1), p,
                         qat::matrix_view<float>(y.data() + 11, 1, 12, 0, -1));
  CHECK(y == std::vector<float>(expected.rbegin(), expected.rend()));
}

TEST_CASE("fake_quantize: may run in place") {
  for_each_quantizer<W4, T8>([]<class Q>() {
    for (const placement where : {placement{}, placement{.gap = 1}}) {
      auto x = guarded<float>(4, 72, where, mixed);
      auto p = qat::detail::make_parameters<Q>(4, 72);
      GuardedMatrix<float> expected(4, 72, where);
      qat::calibrate_fake_quantize<Q>(x.view(), qat::detail::span_of<Q>(p), expected.view());
      auto once = x;
      qat::fake_quantize<Q>(once.view(), p, once.view());
      CHECK(equal(once.view(), expected.view()));
      qat::calibrate_fake_quantize<Q>(x.view(), qat::detail::span_of<Q>(p), x.view());
      CHECK(equal(x.view(), expected.view()));
    }
  });
}

TEST_CASE("fake_quantize: the values are those of the codes") {
  for_each_quantizer<W4, T8, q4_0_like, kv4, odd_groups, random8>([]<class Q>() {
    const auto x = guarded<float>(3, 160, {}, mixed);
    const auto p = qat::calibrate<Q>(qat::scalar{}, x.view());
    GuardedMatrix<float> y(3, 160), from_codes(3, 160);
    GuardedMatrix<typename Q::code_type> codes(3, 160);
    qat::fake_quantize<Q>(qat::scalar{}, x.view(), p, y.view(), {.seed = 1});
    qat::quantize<Q>(qat::scalar{}, x.view(), p, codes.view(), {.seed = 1});
    qat::dequantize<Q>(qat::scalar{}, codes.view(), p, from_codes.view());
    CHECK(equal(y.view(), from_codes.view()));
  });
}

TEST_CASE("fake_quantize: blocks in any order and on any thread give the same bits") {
  for_each_quantizer<W4, T8, random8>([]<class Q>() {
    constexpr std::size_t rows = 70, cols = 2048;  // several blocks of rows
    const auto x = guarded<float>(rows, cols, {}, mixed);
    auto p = qat::detail::make_parameters<Q>(rows, cols);
    GuardedMatrix<float> expected(rows, cols), y(rows, cols);
    qat::calibrate_fake_quantize<Q>(x.view(), qat::detail::span_of<Q>(p), expected.view());
    auto q = p;
    for (const bool threaded : {false, true}) {
      test_executor executor{threaded};
      qat::calibrate_fake_quantize<Q>(qat::parallel(executor), x.view(), qat::detail::span_of<Q>(q),
                                      y.view());
      CHECK(equal(y.view(), expected.view()));
      CHECK(q.scales == p.scales);
    }
  });
}

TEST_CASE("fake_quantize: a group that is not finite is NaN throughout and spares its neighbours") {
  for (const float bad : {not_a_number, -not_a_number, infinity, -infinity})
    for_each_quantizer<W4, q4_0_like>([&]<class Q>() {
      for (const std::size_t at : sizes{0, 17, 64, 95}) {
        auto x = guarded<float>(3, 96, {}, mixed);
        x.view()(1, at) = bad;
        GuardedMatrix<float> y(3, 96), scalar(3, 96);
        auto p = qat::detail::make_parameters<Q>(3, 96);
        qat::calibrate_fake_quantize<Q>(qat::scalar{}, x.view(), qat::detail::span_of<Q>(p),
                                        scalar.view());
        qat::calibrate_fake_quantize<Q>(x.view(), qat::detail::span_of<Q>(p), y.view());
        CHECK(equal(y.view(), scalar.view()));
        const std::size_t size = Q::granularity::group_size(96);
        int wrong = 0;
        for (std::size_t r = 0; r < 3; ++r)
          for (std::size_t c = 0; c < 96; ++c)
            wrong += is_nan(y.view()(r, c)) != (r == 1 && c / size == at / size);
        CHECK(wrong == 0);
      }
    });
}

TEST_CASE("fake_quantize: NaN becomes zero and infinities saturate under a given scale") {
  const std::vector<float> x{not_a_number,
                             infinity,
                             -infinity,
                             -not_a_number,
                             1e30f,
                             -1e30f,
                             0.3f,
                             0.1f,
                             0.2f,
                             0,
                             0,
                             0,
                             0,
                             0,
                             0,
                             0,
                             not_a_number};
  const auto check = [&](auto backend) {
    std::vector<float> y(x.size());
    qat::parameters<A8> p{{0.5f}, {}};
    qat::fake_quantize<A8>(backend, x, p, y);
    CHECK(same(y[0], 0.0f));
    CHECK(y[1] == 63.5f);
    CHECK(y[2] == -63.5f);
    CHECK(same(y[3], 0.0f));
    CHECK(y[4] == 63.5f);
    CHECK(y[5] == -63.5f);
    CHECK(y[6] == 0.5f);
    CHECK(same(y[16], 0.0f));
    qat::parameters<T8> affine{{0.5f}, {200}};
    qat::fake_quantize<T8>(backend, x, affine, y);
    CHECK(same(y[0], 0.0f));
    CHECK(y[1] == 27.5f);
    CHECK(y[2] == -100.0f);
    CHECK(same(y[16], 0.0f));
    p.scales[0] = not_a_number;
    qat::fake_quantize<A8>(backend, x, p, y);
    for (const float value : y) CHECK(is_nan(value));
  };
  check(qat::scalar{});
  check(qat::simd<>{});
}

TEST_CASE("fake_quantize: no result is negative zero under a positive scale") {
  for_each_quantizer<W4, T8, random8>([]<class Q>() {
    const auto x = guarded<float>(2, 160, {}, [](std::size_t, std::size_t c) {
      return c % 3 == 0 ? -0.0f : c == 100 ? 1.0f : -0.001f * static_cast<float>(c % 40);
    });
    GuardedMatrix<float> y(2, 160);
    auto p = qat::calibrate<Q>(qat::scalar{}, x.view());
    const auto check = [&](auto backend) {
      qat::fake_quantize<Q>(backend, x.view(), p, y.view());
      int negative_zeros = 0;
      for (std::size_t r = 0; r < 2; ++r)
        for (std::size_t c = 0; c < 160; ++c) negative_zeros += is_negative_zero(y.view()(r, c));
      CHECK(negative_zeros == 0);
    };
    check(qat::scalar{});
    check(qat::simd<>{});
  });
}

TEST_CASE("fake_quantize: the error is at most half a step inside the range") {
  for_each_quantizer<W4, T8, q4_0_like, kv4, odd_groups>([]<class Q>() {
    const auto x = guarded<float>(4, 160, {}, mixed);
    const auto p = qat::calibrate<Q>(qat::scalar{}, x.view());
    GuardedMatrix<float> y(4, 160);
    qat::fake_quantize<Q>(qat::scalar{}, x.view(), p, y.view());
    const std::size_t size = Q::granularity::group_size(160), per_row = qat::groups_per_row<Q>(160);
    int beyond = 0, inside = 0;
    for (std::size_t r = 0; r < 4; ++r)
      for (std::size_t c = 0; c < 160; ++c) {
        const std::size_t at = Q::granularity::whole_tensor ? 0 : r * per_row + c / size;
        const double scale = static_cast<double>(p.scales[at]);
        const int zero = Q::has_zero_point ? static_cast<int>(p.zero_points[at]) : 0;
        const double value = static_cast<double>(x.view()(r, c));
        const double units = value / scale;
        if (units < Q::qmin - zero || units > Q::qmax - zero) continue;
        ++inside;
        // Half a step of rounding; 2^-22 |x| for the rounded reciprocal, the product and the value.
        const double bound = std::fabs(scale) / 2 + std::fabs(value) * 0x1p-22;
        beyond += std::fabs(value - static_cast<double>(y.view()(r, c))) > bound;
      }
    CHECK(beyond == 0);
    CHECK(inside > 500);
  });
}

TEST_CASE("fake_quantize: a larger value never gets a smaller level") {
  std::vector<float> x(4001), y(4001);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = (static_cast<float>(i) - 2000.0f) * 0x1p-8f;
  for_each_quantizer<W4, T8, qat::Quantizer<qat::bits<4>, qat::round_half_away, qat::divide>>(
      [&]<class Q>() {
        const auto p = qat::calibrate<Q>(qat::scalar{}, x);
        qat::fake_quantize<Q>(qat::scalar{}, x, p, y);
        CHECK(std::is_sorted(y.begin(), y.end()));
        CHECK(y.front() < y.back());
      });
}

TEST_CASE("fake_quantize: multiplying by a power of two multiplies the result by it") {
  for_each_quantizer<W4, T8, odd_groups, random8>([]<class Q>() {
    const auto x = guarded<float>(
        2, 96, {}, [](std::size_t r, std::size_t c) { return uniform(6, 96 * r + c); });
    GuardedMatrix<float> y(2, 96), scaled_y(2, 96);
    auto p = qat::calibrate<Q>(qat::scalar{}, x.view());
    qat::fake_quantize<Q>(qat::scalar{}, x.view(), p, y.view());
    for (const float factor : {0x1p-100f, 0x1p-3f, 0x1p9f, 0x1p100f}) {
      const auto scaled = guarded<float>(
          2, 96, {}, [&](std::size_t r, std::size_t c) { return x.view()(r, c) * factor; });
      const auto q = qat::calibrate<Q>(qat::scalar{}, scaled.view());
      qat::fake_quantize<Q>(qat::scalar{}, scaled.view(), q, scaled_y.view());
      int wrong = 0;
      for (std::size_t r = 0; r < 2; ++r)
        for (std::size_t c = 0; c < 96; ++c)
          wrong += !same(scaled_y.view()(r, c), y.view()(r, c) * factor);
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("fake_quantize: a second pass under the same scale changes nothing") {
  for_each_quantizer<W4, T8, q4_0_like, kv4>([]<class Q>() {
    const auto x = guarded<float>(4, 160, {}, mixed);
    const auto p = qat::calibrate<Q>(qat::scalar{}, x.view());
    GuardedMatrix<float> y(4, 160), again(4, 160);
    qat::fake_quantize<Q>(qat::scalar{}, x.view(), p, y.view());
    qat::fake_quantize<Q>(qat::scalar{}, y.view(), p, again.view());
    CHECK(equal(y.view(), again.view()));
  });
}

TEST_CASE("fake_quantize: matrices without elements are accepted") {
  std::vector<float> none;
  auto p = qat::calibrate<A8>(none);
  CHECK(p.scales.empty());
  qat::fake_quantize<A8>(none, p, none);
  qat::calibrate_fake_quantize<A8>(none, qat::detail::span_of<A8>(p), none);
  float one = 3.0f;
  const qat::matrix_view<float> no_columns(&one, 5, 0), no_rows(&one, 0, 7);
  qat::calibrate_fake_quantize<A8>(no_columns, {}, no_columns);
  qat::calibrate_fake_quantize<A8>(no_rows, {}, no_rows);
  std::vector<float> scale(1);
  std::vector<std::uint8_t> zero(1);
  qat::calibrate_fake_quantize<T8>(no_rows, {scale, zero}, no_rows);
  CHECK(scale[0] == 1.0f);
  CHECK(one == 3.0f);
}

TEST_CASE("fake_quantize: wrong shapes and scales throw with the values") {
  std::vector<float> x(6), y(5);
  qat::parameters<A8> p{{1.0f}, {}};
  CHECK_THROWS_WITH_AS(qat::fake_quantize<A8>(x, p, y), doctest::Contains("shapes 1x6 and 1x5"),
                       qat::ContractViolation);
  p.scales.push_back(1.0f);
  CHECK_THROWS_WITH_AS(qat::fake_quantize<A8>(x, p, x),
                       doctest::Contains("2 scales where 1 are needed"), qat::ContractViolation);
  for (const float bad : {0.0f, -0.0f, -1.0f, infinity, -infinity}) {
    p.scales = {bad};
    CHECK_THROWS_WITH_AS(qat::fake_quantize<A8>(x, p, x),
                         doctest::Contains("zero, infinite or of the wrong sign"),
                         qat::ContractViolation);
  }
  qat::parameters<kv4> heads{std::vector<float>(1, 1.0f), std::vector<std::uint8_t>(1)};
  CHECK_THROWS_WITH_AS(qat::fake_quantize<kv4>(x, heads, x),
                       doctest::Contains("a width of 6 and groups of 16"), qat::ContractViolation);
}
