#include <qat/quant/quantize.hpp>

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

template <class Q>
using code_matrix = GuardedMatrix<typename Q::code_type>;

template <class M>
bool all_equal(const M& a, const M& b) {
  for (std::size_t r = 0; r < a.rows; ++r)
    for (std::size_t c = 0; c < a.cols; ++c)
      if (a(r, c) != b(r, c)) return false;
  return true;
}

float ordinary(std::size_t r, std::size_t c) {
  return uniform(r + 1, c) * 3.0f;
}

/// Every code under one scale: dequantize, compare with the formula, quantize back.
template <class Q>
void check_all_codes(float scale, int zero_point) {
  constexpr std::size_t count = static_cast<std::size_t>(Q::qmax - Q::qmin + 1);
  std::vector<typename Q::code_type> codes(count), back(count);
  for (std::size_t i = 0; i < count; ++i)
    codes[i] = static_cast<typename Q::code_type>(Q::qmin + static_cast<int>(i));
  qat::parameters<Q> p{{scale}, {}};
  if (Q::has_zero_point) p.zero_points = {static_cast<typename Q::code_type>(zero_point)};
  std::vector<float> values(count), vector_values(count);
  qat::dequantize<Q>(qat::scalar{}, codes, p, values);
  qat::quantize<Q>(qat::scalar{}, values, p, back);
  int wrong_values = 0;
  for (std::size_t i = 0; i < count; ++i)
    wrong_values += !same(values[i], expected_value<Q>(codes[i], scale, zero_point));
  CHECK(wrong_values == 0);
  CHECK(back == codes);
  if constexpr (Q::bit_width == 4 ||
                Q::bit_width == 8) {  // of the other widths the oracle alone: to compile in seconds
    qat::dequantize<Q>(codes, p, vector_values);
    CHECK(vector_values == values);
    std::fill(back.begin(), back.end(), typename Q::code_type{0});
    qat::quantize<Q>(values, p, back);
    CHECK(back == codes);
  }
}

}  // namespace

TEST_CASE("quantize: every code of every width and symmetry survives dequantize") {
  const auto check = []<class Symmetry, int N>() {
    using Q =
        qat::Quantizer<qat::bits<N>, Symmetry,
                       std::conditional_t<Symmetry::has_zero_point, qat::min_max, qat::absmax>>;
    CAPTURE(qat::to_string(Q::description));
    for (const float scale : {1.0f, 0.1f, 3.14159f, 0x1p-126f, 0x1.fffffep-120f, 1e30f}) {
      const int last = Q::has_zero_point ? Q::qmax : Q::qmin;
      for (int zero = Q::has_zero_point ? Q::qmin : 0; zero <= (Q::has_zero_point ? last : 0);
           zero += Q::qmax > 20 ? 51 : 1)
        check_all_codes<Q>(scale, zero);
    }
  };
  for_each_width<2, 8>([&]<int N>() {
    check.template operator()<qat::symmetric, N>();
    check.template operator()<qat::affine, N>();
  });
  check.template operator()<qat::affine, 1>();
  check.template operator()<qat::symmetric_full, 4>();
  check.template operator()<qat::symmetric_full, 8>();
  check.template operator()<qat::affine_signed, 5>();
  check.template operator()<qat::affine_signed, 8>();
}

TEST_CASE("quantize: codes follow the formula for every float pattern in sight") {
  std::vector<float> x;
  for (std::uint64_t i = 0; i < 4000; ++i) x.push_back(any_finite(3, i));
  for (int i = -600; i <= 600; ++i) {  // quarter steps and their neighbours
    const float step = static_cast<float>(i) * 0.25f;
    x.insert(x.end(), {step, std::nextafter(step, infinity), std::nextafter(step, -infinity)});
  }
  x.insert(x.end(),
           {infinity, -infinity, not_a_number, -not_a_number, 0x1p-149f, -0x1p-149f, largest});
  for_each_quantizer<
      A8, T8, qat::Quantizer<qat::bits<4>, qat::round_half_away>,
      qat::Quantizer<qat::bits<8>, qat::round_half_away, qat::divide>,
      qat::Quantizer<qat::bits<6>, qat::round_toward_zero, qat::symmetric_full>,
      qat::Quantizer<qat::bits<8>, qat::affine_signed, qat::min_max, qat::round_toward_zero>,
      qat::Quantizer<qat::bits<3>, qat::round_stochastic>>([&]<class Q>() {
    for (const float scale : {1.0f, 0.3f}) {
      qat::parameters<Q> p{{scale}, {}};
      const int zero = Q::has_zero_point ? (Q::qmin + Q::qmax) / 2 + 7 : 0;
      if (Q::has_zero_point) p.zero_points = {static_cast<typename Q::code_type>(zero)};
      std::vector<typename Q::code_type> codes(x.size()), vector_codes(x.size());
      qat::quantize<Q>(qat::scalar{}, x, p, codes, {.seed = 1, .stream = 2});
      if constexpr (Q::scale_application::value_is_product && !Q::has_zero_point) {
        qat::quantize<Q>(x, p, vector_codes, {.seed = 1, .stream = 2});
        CHECK(vector_codes == codes);
      }
      int wrong = 0;
      for (std::size_t i = 0; i < x.size(); ++i)
        wrong += codes[i] != expected_code<Q>(x[i], scale, zero, qat::core::random_bits(1, 2, i));
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("quantize: every backend gives the codes of the oracle for sizes and misalignments") {
  std::string names;
  for_each_quantizer<W4, kv4, q4_0_like>([&]<class Q>() {
    for (const std::size_t cols : sizes{0, 1, 7, 8, 15, 16, 17, 33, 48, 64, 65, 112, 257}) {
      if (Q::granularity::must_divide && cols % 16 != 0) continue;
      CAPTURE(cols);
      for (const std::size_t off : sizes{0, 1, 5}) {
        const auto x = guarded<float>(3, cols, {.misalignment = off, .padding = 1}, ordinary);
        const placement to{.misalignment = off * 3, .padding = off};
        code_matrix<Q> expected(3, cols, to);
        auto p = qat::detail::make_parameters<Q>(3, cols);
        qat::calibrate_quantize<Q>(qat::scalar{}, x.view(), qat::detail::span_of<Q>(p),
                                   expected.view());
        GuardedMatrix<float> expected_values(3, cols, to);
        qat::dequantize<Q>(qat::scalar{}, expected.view(), p, expected_values.view());
        const auto check = [&](auto backend) {
          code_matrix<Q> codes(3, cols, to);
          auto q = qat::detail::make_parameters<Q>(3, cols);
          qat::calibrate_quantize<Q>(backend, x.view(), qat::detail::span_of<Q>(q), codes.view());
          CHECK(all_equal(codes.view(), expected.view()));
          CHECK(codes.guards_are_intact());
          CHECK(q.scales == p.scales);
          CHECK(q.zero_points == p.zero_points);
          code_matrix<Q> given(3, cols, to);
          qat::quantize<Q>(backend, x.view(), p, given.view());
          CHECK(all_equal(given.view(), expected.view()));
          CHECK(given.guards_are_intact());
          GuardedMatrix<float> values(3, cols, to);
          qat::dequantize<Q>(backend, codes.view(), p, values.view());
          CHECK(all_equal(values.view(), expected_values.view()));
          CHECK(values.guards_are_intact());
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

TEST_CASE("quantize: strides and blocks change no code") {
  for_each_quantizer<kv4, qat::Quantizer<qat::bits<8>, qat::round_stochastic>>([]<class Q>() {
    constexpr std::size_t rows = 70, cols = 1040;
    const auto x = guarded<float>(rows, cols, {}, ordinary);
    auto p = qat::detail::make_parameters<Q>(rows, cols);
    code_matrix<Q> expected(rows, cols);
    qat::calibrate_quantize<Q>(x.view(), qat::detail::span_of<Q>(p), expected.view(), {.seed = 3});
    for (const placement where :
         {placement{.gap = 1, .padding = 1}, placement{.by_columns = true}}) {
      const auto strided = guarded<float>(rows, cols, where, ordinary);
      code_matrix<Q> codes(rows, cols, where);
      auto q = qat::detail::make_parameters<Q>(rows, cols);
      test_executor threads{.threaded = true};
      qat::calibrate_quantize<Q>(qat::parallel(threads), strided.view(), qat::detail::span_of<Q>(q),
                                 codes.view(), {.seed = 3});
      CHECK(all_equal(codes.view(), expected.view()));
      CHECK(codes.guards_are_intact());
      CHECK(q.scales == p.scales);
      GuardedMatrix<float> values(rows, cols, where), expected_values(rows, cols);
      qat::dequantize<Q>(codes.view(), p, values.view());
      qat::dequantize<Q>(expected.view(), p, expected_values.view());
      CHECK(all_equal(values.view(), expected_values.view()));
      CHECK(values.guards_are_intact());
    }
  });
}

TEST_CASE("quantize: a group that is not finite has codes zero and NaN for its values") {
  for (const float bad : {not_a_number, infinity, -infinity}) {
    auto x = guarded<float>(2, 64, {}, ordinary);
    x.view()(1, 40) = bad;
    for_each_quantizer<W4, kv4>([&]<class Q>() {
      const auto check = [&](auto backend) {
        auto p = qat::detail::make_parameters<Q>(2, 64);
        code_matrix<Q> codes(2, 64);
        qat::calibrate_quantize<Q>(backend, x.view(), qat::detail::span_of<Q>(p), codes.view());
        GuardedMatrix<float> values(2, 64);
        qat::dequantize<Q>(backend, codes.view(), p, values.view());
        const std::size_t size = Q::granularity::group_size(64);
        int wrong = 0;
        for (std::size_t c = 0; c < 64; ++c) {
          const bool affected = c / size == 40 / size;
          wrong += is_nan(values.view()(1, c)) != affected;
          if (affected) wrong += codes.view()(1, c) != 0;
          wrong += is_nan(values.view()(0, c));
        }
        CHECK(wrong == 0);
        CHECK(is_nan(p.scales[qat::groups_per_row<Q>(64) + 40 / size]));
      };
      check(qat::scalar{});
      check(qat::simd<>{});
    });
  }
}

TEST_CASE("quantize: dequantize takes codes outside the range in use") {
  const std::vector<std::int8_t> codes{-128, -8, 7, 127};
  std::vector<float> values(4);
  qat::dequantize<W4>(codes, qat::parameters<W4>{{0.5f}, {}}, values);
  CHECK(values == std::vector<float>{-64.0f, -4.0f, 3.5f, 63.5f});
}

TEST_CASE("quantize: stochastic rounding is unbiased") {
  // Each of n draws is floor(x) or floor(x) + 1; P(up) is within 2^-24 of the fraction f. The mean of n has standard
  // deviation sqrt(f (1 - f) / n); six of them are exceeded once in 5e8 tests.
  using Q = qat::Quantizer<qat::bits<8>, qat::round_stochastic>;
  constexpr std::size_t n = 1 << 16;
  std::vector<std::int8_t> codes(n);
  for (const float x : {0.0f, 0.125f, 0.5f, 3.9f, -0.3f, -7.75f, 100.01f}) {
    const std::vector<float> row(n, x);
    qat::quantize<Q>(row, qat::parameters<Q>{{1.0f}, {}}, codes, {.seed = 17});
    double sum = 0.0;
    for (const std::int8_t code : codes) sum += code;
    const double exact = static_cast<double>(x);
    const double f = exact - std::floor(exact);
    const double bound = 6.0 * std::sqrt(f * (1.0 - f) / n) + 0x1p-24;
    CAPTURE(x);
    CHECK(std::fabs(sum / n - exact) <= bound);
  }
}

TEST_CASE("quantize: the draw of an element depends on seed and stream and place alone") {
  using Q = qat::Quantizer<qat::bits<8>, qat::round_stochastic>;
  const std::vector<float> x(96, 0.5f);
  const qat::parameters<Q> p{{1.0f}, {}};
  const auto draw = [&](qat::random_key key) {
    std::vector<std::int8_t> codes(96);
    qat::quantize<Q>(qat::matrix_view<const float>(x.data(), 4, 24), p,
                     qat::matrix_view<std::int8_t>(codes.data(), 4, 24), key);
    return codes;
  };
  CHECK(draw({1, 1}) == draw({1, 1}));
  CHECK(draw({1, 1}) != draw({2, 1}));
  CHECK(draw({1, 1}) != draw({1, 2}));
  std::vector<std::int8_t> flat(96);
  qat::quantize<Q>(x, p, flat, {1, 1});
  CHECK(draw({1, 1}) == flat);
}

TEST_CASE("quantize: wrong shapes and parameters throw with the values") {
  std::vector<float> x(6);
  std::vector<std::int8_t> codes(5);
  CHECK_THROWS_WITH_AS(qat::quantize<W4>(x, qat::parameters<W4>{{1.0f}, {}}, codes),
                       doctest::Contains("shapes 1x6 and 1x5"), qat::ContractViolation);
  std::vector<std::uint8_t> bytes(6);
  CHECK_THROWS_WITH_AS(qat::quantize<T8>(x, qat::parameters<T8>{{1.0f}, {}}, bytes),
                       doctest::Contains("0 zero points where 1 are needed"),
                       qat::ContractViolation);
  using U4 = qat::Quantizer<qat::bits<4>, qat::affine, qat::min_max>;
  CHECK_THROWS_WITH_AS(qat::quantize<U4>(x, qat::parameters<U4>{{1.0f}, {16}}, bytes),
                       doctest::Contains("zero point 16 outside the codes 0..15"),
                       qat::ContractViolation);
}
