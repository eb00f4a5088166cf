#include <qat/kernels/code_product.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <tests/support/floats.hpp>
#include <tests/support/guarded_matrix.hpp>
#include <tests/support/inputs.hpp>
#include <tests/support/products.hpp>

namespace {

using namespace qat;
using testing::define_product;
using testing::Draw;
using testing::draw_codes;
using testing::draw_scales;

using A8 = Quantizer<bits<8>, per_token>;
using A8F = Quantizer<bits<8>, per_token, symmetric_full>;
using A4 = Quantizer<bits<4>, per_token>;
using W8 = Quantizer<bits<8>, per_channel>;
using W8F = Quantizer<bits<8>, per_channel, symmetric_full>;
using W4 = Quantizer<bits<4>, per_channel>;
using W4F = Quantizer<bits<4>, per_channel, symmetric_full>;
using W2 = Quantizer<bits<2>, per_channel>;
using W2F = Quantizer<bits<2>, per_channel, symmetric_full>;
template <int B, int G>
using WG = Quantizer<bits<B>, per_group<G>, symmetric_full>;

static_assert(max_exact_depth<A8F, W8F>() == 131071);
static_assert(max_exact_depth<A8F, W8>() == 132104);
static_assert(max_exact_depth<A8, W8F>() == 132104);
static_assert(max_exact_depth<A8, W8>() == 133144);
static_assert(max_exact_depth<A8F, W4F>() == 2097151);
static_assert(max_exact_depth<A8, W2>() == 16909320);
static_assert(!product_weight<Quantizer<bits<4>, per_channel, affine>>);
static_assert(!product_weight<Quantizer<bits<3>, per_channel>>);
static_assert(!product_activation<Quantizer<bits<8>, per_token, affine>>);

std::string covered() {
  std::string names;
  for (const product_path path : available_product_paths())
    names += std::string(names.empty() ? "" : " ") + to_string(path);
  return names;
}

/// The elements are `expected` (m, n), to the bit, and the NaN around them is untouched.
bool holds(const testing::GuardedMatrix<float>& y, const std::vector<float>& expected) {
  const matrix_view<const float> view = y.view();
  bool good = y.guards_are_intact();
  for (std::size_t i = 0; i < expected.size(); ++i)
    good = good && testing::same(view(i / view.cols, i % view.cols), expected[i]);
  return good;
}

/// x (m, k) in exactly as many bytes as it needs, so that a sanitizer sees every read beyond a row's end.
template <class X, class W>
void check_all_paths(std::size_t m, std::size_t n, std::size_t k, std::size_t misalignment,
                     std::uint64_t seed) {
  Draw draw(seed);
  const std::size_t stride = k + misalignment;
  std::vector<std::int8_t> buffer =
      draw_codes<X>(draw, misalignment + (m == 0 ? 0 : (m - 1) * stride + k));
  buffer.shrink_to_fit();
  const matrix_view<const std::int8_t> x{buffer.data() + misalignment, m, k,
                                         static_cast<std::ptrdiff_t>(stride), 1};
  const std::vector<float> sx = draw_scales(draw, m);
  const std::vector<std::int8_t> w = draw_codes<W>(draw, n * k);
  const std::vector<float> sw = draw_scales(draw, parameter_count<W>(n, k));
  const PackedWeights<W> weights(matrix_view<const std::int8_t>(w.data(), n, k), sw);
  const std::vector<float> expected = define_product<W>(x.data, x.row_stride, sx, w, sw, m, n, k);
  for (const product_path path : available_product_paths()) {
    testing::GuardedMatrix<float> y(m, n, {.misalignment = misalignment, .padding = 17});
    code_product<X>(x, sx, weights, y.view(), path);
    CHECK_MESSAGE(holds(y, expected), "path " << to_string(path) << " m " << m << " n " << n
                                              << " k " << k << " misalignment " << misalignment
                                              << " seed " << seed);
  }
}

constexpr std::size_t row_counts[] = {0, 1, 2, 3, 7, 8, 63, 64, 65};
constexpr std::size_t column_counts[] = {0, 1, 15, 16, 17, 33, 64, 130};
constexpr std::size_t depths[] = {0, 1, 3, 4, 7, 8, 15, 16, 31, 32, 64, 65, 127, 128, 130, 1000};

template <class X, class W>
void check_sizes() {
  std::uint64_t seed = 1;
  for (const std::size_t m : row_counts)
    for (const std::size_t n : column_counts)
      for (const std::size_t k : depths) {
        // The large corners are the same code as the small ones; their product costs the oracle minutes under sanitizers.
        if (m * n * k > 1100000) continue;
        check_all_paths<X, W>(m, n, k, seed % 5, seed);
        ++seed;
      }
}

}  // namespace

TYPE_TO_STRING_AS("A8 W8", std::pair<A8, W8>);
TYPE_TO_STRING_AS("A8 W8 full", std::pair<A8F, W8F>);
TYPE_TO_STRING_AS("A8 W4", std::pair<A8, W4>);
TYPE_TO_STRING_AS("A8 W4 full", std::pair<A8F, W4F>);
TYPE_TO_STRING_AS("A4 W2", std::pair<A4, W2>);
TYPE_TO_STRING_AS("A8 W2 full", std::pair<A8F, W2F>);
using W8G64 = WG<8, 64>;
using W8G10 = WG<8, 10>;
using W4G16 = WG<4, 16>;
using W4G32 = WG<4, 32>;
using W4G128 = WG<4, 128>;
using W4G13 = WG<4, 13>;
using W2G32 = WG<2, 32>;
using W2G20 = WG<2, 20>;
TYPE_TO_STRING_AS("A8 W8 group 64", std::pair<A8F, W8G64>);
TYPE_TO_STRING_AS("A8 W8 group 10", std::pair<A8F, W8G10>);
TYPE_TO_STRING_AS("A8 W4 group 16", std::pair<A8F, W4G16>);
TYPE_TO_STRING_AS("A8 W4 group 32", std::pair<A8F, W4G32>);
TYPE_TO_STRING_AS("A8 W4 group 128", std::pair<A8F, W4G128>);
TYPE_TO_STRING_AS("A8 W4 group 13", std::pair<A8F, W4G13>);
TYPE_TO_STRING_AS("A8 W2 group 32", std::pair<A8F, W2G32>);
TYPE_TO_STRING_AS("A8 W2 group 20", std::pair<A8F, W2G20>);

TEST_CASE_TEMPLATE("code_product: every path equals the definition over sizes and misalignments", P,
                   std::pair<A8, W8>, std::pair<A8F, W8F>, std::pair<A8, W4>, std::pair<A8F, W4F>,
                   std::pair<A4, W2>, std::pair<A8F, W2F>, std::pair<A8F, W8G64>,
                   std::pair<A8F, W8G10>, std::pair<A8F, W4G16>, std::pair<A8F, W4G32>,
                   std::pair<A8F, W4G128>, std::pair<A8F, W4G13>, std::pair<A8F, W2G32>,
                   std::pair<A8F, W2G20>) {
  MESSAGE("covered paths: " << covered());
  check_sizes<typename P::first_type, typename P::second_type>();
}

TEST_CASE("code_product: chunks of K and blocks of rows and columns join without a seam") {
  check_all_paths<A8, W8>(9, 50, 512 * 2 + 5, 1, 1);
  check_all_paths<A8, W4>(9, 50, 1024 * 2 + 3, 2, 2);
  check_all_paths<A8F, W2F>(10, 20, 2048 * 2 + 17, 3, 3);
  check_all_paths<A8F, W4G32>(9, 50, 1024 * 2 + 40, 1, 4);
  check_all_paths<A8F, W4G13>(9, 49, 1500, 1, 5);
  check_all_paths<A8F, W4G16>(8, 17, 16 * 1030, 1, 6);  // more groups than corrections fit
  check_all_paths<A8F, W4G16>(1, 17, 16 * 8200, 1, 7);
  check_all_paths<A8, W4>(130, 200, 40, 1, 8);
  check_all_paths<A8F, W8G64>(257, 193, 130, 0, 9);
}

TEST_CASE("code_product: one scale for the whole tensor scales every column") {
  using T4 = Quantizer<bits<4>, per_tensor>;
  check_all_paths<A8, T4>(5, 37, 70, 1, 3);
}

namespace {

/// m rows of one extreme code against n rows of one extreme code, at the largest depth that this pair of codes allows.
template <class X, class W>
void check_extremes(std::size_t m, std::size_t n,
                    std::size_t limit_on_depth = std::numeric_limits<std::size_t>::max()) {
  for (const int cx : {X::qmin, X::qmax})
    for (const int cw : {W::qmin, W::qmax}) {
      const auto magnitude = static_cast<std::size_t>(std::abs(cx) * std::abs(cw));
      const std::size_t k =
          std::min({std::size_t{2147483647} / magnitude, max_exact_depth<X, W>(), limit_on_depth});
      const std::vector<std::int8_t> x(m * k, static_cast<std::int8_t>(cx));
      const std::vector<std::int8_t> w(n * k, static_cast<std::int8_t>(cw));
      const std::vector<float> sx(m, 0.5f);
      const std::vector<float> sw(n, 1.0f);
      const PackedWeights<W> weights(matrix_view<const std::int8_t>(w.data(), n, k), sw);
      const std::int64_t sum = std::int64_t{cx} * cw * static_cast<std::int64_t>(k);
      REQUIRE(std::abs(sum) <= 2147483647);
      for (const product_path path : available_product_paths()) {
        std::vector<float> y(m * n);
        code_product<X>(matrix_view<const std::int8_t>(x.data(), m, k), sx, weights,
                        matrix_view<float>(y.data(), m, n), path);
        std::size_t faults = 0;
        for (const float value : y)
          faults += testing::same(value, static_cast<float>(sum) * 0.5f) ? 0u : 1u;
        CHECK_MESSAGE(faults == 0,
                      "path " << to_string(path) << " codes " << cx << " and " << cw << " k " << k);
      }
    }
}

}  // namespace

TEST_CASE("code_product: sums of extreme codes are exact up to the largest depth") {
  check_extremes<A8, W8>(3, 17);
  check_extremes<A8F, W8>(3, 17);
  check_extremes<A8, W8F>(3, 17);
  check_extremes<A8F, W8F>(3, 17);
  check_extremes<A8F, W8F>(1, 1);
  check_extremes<A8, W4>(1, 1);
  check_extremes<A8F, W4F>(1, 1);
  check_extremes<A8F, W4>(1, 1);
  // Many rows or columns at a depth that the oracle can afford: other tiles, past a segment of the streamed ones.
  constexpr std::size_t shortened = 140000;
  check_extremes<A8F, W4F>(3, 17, shortened);
  check_extremes<A8F, W4F>(1, 64, shortened);
  check_extremes<A8, W2>(3, 17, shortened);
  check_extremes<A8F, W2F>(1, 64, shortened);
}

TEST_CASE("code_product: sums of extreme 2-bit codes are exact up to the largest depth") {
  if (!testing::long_tests_run()) return;
  check_extremes<A8, W2>(1, 1);
  check_extremes<A8F, W2F>(1, 1);
}

TEST_CASE("code_product: a depth beyond the largest exact one is refused with both numbers") {
  const std::size_t k = max_exact_depth<A8F, W8F>() + 1;
  const std::vector<std::int8_t> codes(k, 1);
  const matrix_view<const std::int8_t> x(codes.data(), 1, k);
  const std::vector<float> one{1.0f};
  std::vector<float> y(1);
  const PackedWeights<W8F> weights(x, one);
  std::string text;
  try {
    code_product<A8F>(x, one, weights, y);
  } catch (const ContractViolation& error) {
    text = error.what();
  }
  CHECK(text.find("131072") != std::string::npos);
  CHECK(text.find("131071") != std::string::npos);
  code_product<A8>(x, one, weights, y);  // 132,104 where one side stays within +-127
  CHECK(y[0] == 131072.0f);

  using G = WG<8, 1000>;  // a group is a sum of its own
  const std::vector<float> scales(132, 1.0f);
  const PackedWeights<G> grouped(x, scales);
  code_product<A8F>(x, one, grouped, y);
  CHECK(y[0] == 131072.0f);
}

TEST_CASE("code_product: shapes that disagree are refused") {
  const std::vector<std::int8_t> codes(64, 1);
  const std::vector<float> scales(16, 1.0f);
  std::vector<float> y(64);
  const PackedWeights<W4> weights(matrix_view<const std::int8_t>(codes.data(), 4, 8),
                                  std::span(scales).first(4));
  const auto multiply = [&](std::size_t m, std::size_t k, std::size_t sx, std::size_t ym,
                            std::size_t yn, std::ptrdiff_t column_stride) {
    code_product<A8>(matrix_view<const std::int8_t>(codes.data(), m, k, 8, column_stride),
                     std::span(scales).first(sx), weights, matrix_view<float>(y.data(), ym, yn));
  };
  CHECK_NOTHROW(multiply(2, 8, 2, 2, 4, 1));
  CHECK_THROWS_AS(multiply(2, 7, 2, 2, 4, 1), ContractViolation);
  CHECK_THROWS_AS(multiply(2, 8, 3, 2, 4, 1), ContractViolation);
  CHECK_THROWS_AS(multiply(2, 8, 2, 3, 4, 1), ContractViolation);
  CHECK_THROWS_AS(multiply(2, 8, 2, 2, 5, 1), ContractViolation);
  CHECK_THROWS_AS(multiply(2, 8, 2, 2, 4, 2), ContractViolation);
}

TEST_CASE("code_product: a forced path that the CPU lacks is refused by name") {
  const std::vector<std::int8_t> codes(8, 1);
  const std::vector<float> one{1.0f};
  std::vector<float> y(1);
  const matrix_view<const std::int8_t> x(codes.data(), 1, 8);
  const PackedWeights<W4> weights(x, one);
  const auto available = available_product_paths();
  REQUIRE(available.front() == product_path::scalar);
  REQUIRE(available.back() == best_product_path());
  for (const product_path path : {product_path::scalar, product_path::avx2,
                                  product_path::avx512_vnni, product_path::amx_int8}) {
    CAPTURE(to_string(path));
    if (std::ranges::find(available, path) != available.end()) {
      CHECK_NOTHROW(code_product<A8>(x, one, weights, y, path));
    } else {
      CHECK_THROWS_WITH_AS(code_product<A8>(x, one, weights, y, path),
                           doctest::Contains(to_string(path)), ContractViolation);
    }
  }
  CHECK_THROWS_AS(code_product<A8>(x, one, weights, y, product_path::amx_int8), ContractViolation);
}

TEST_CASE("code_product: a NaN scale makes exactly its row or column NaN") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::int8_t> codes(20 * 40, 0);
  const matrix_view<const std::int8_t> x(codes.data(), 9, 40);
  const matrix_view<const std::int8_t> w(codes.data(), 20, 40);
  std::vector<float> sx(9, 1.0f);
  sx[4] = nan;
  const auto check = [&]<class W>(std::type_identity<W>) {
    const std::size_t groups = groups_per_row<W>(40);
    std::vector<float> sw(20 * groups, 1.0f);
    sw[17 * groups] = nan;
    const PackedWeights<W> weights(w, sw);
    for (const product_path path : available_product_paths()) {
      std::vector<float> y(9 * 20);
      code_product<A8>(x, sx, weights, matrix_view<float>(y.data(), 9, 20), path);
      std::size_t faults = 0;
      for (std::size_t i = 0; i < y.size(); ++i) {
        const bool expected = i / 20 == 4 || i % 20 == 17;
        faults += (expected ? std::isnan(y[i]) : y[i] == 0.0f) ? 0u : 1u;
      }
      CHECK_MESSAGE(faults == 0, "path " << to_string(path));
    }
  };
  check(std::type_identity<W4>{});
  check(std::type_identity<WG<4, 16>>{});
}

namespace {

/// Runs tasks on `threads` threads, dealt round robin: an executor unlike the library's.
struct dealing_executor {
  std::size_t threads;
  template <class F>
  void run(std::size_t count, F&& f) {
    std::vector<std::thread> workers;
    for (std::size_t t = 0; t < threads; ++t)
      workers.emplace_back([&f, t, count, this] {
        for (std::size_t i = t; i < count; i += threads) f(i);
      });
    for (auto& worker : workers) worker.join();
  }
};

}  // namespace

TEST_CASE("code_product: the number of threads does not change a bit") {
  constexpr std::size_t m = 140;
  constexpr std::size_t n = 700;
  constexpr std::size_t k = 96;
  const auto check = [&]<class W>(std::type_identity<W>) {
    Draw draw(11);
    const auto x = draw_codes<A8>(draw, m * k);
    const auto w = draw_codes<W>(draw, n * k);
    const auto sx = draw_scales(draw, m);
    const auto sw = draw_scales(draw, parameter_count<W>(n, k));
    const PackedWeights<W> weights(matrix_view<const std::int8_t>(w.data(), n, k), sw);
    const matrix_view<const std::int8_t> codes(x.data(), m, k);
    const std::vector<float> expected =
        define_product<W>(x.data(), static_cast<std::ptrdiff_t>(k), sx, w, sw, m, n, k);
    for (const std::size_t threads : testing::sizes{1, 2, 3, 8})
      for (const product_path path : available_product_paths()) {
        testing::GuardedMatrix<float> y(m, n, {.padding = 17});
        code_product<A8>(codes, sx, weights, y.view(), path, dealing_executor{threads});
        CHECK_MESSAGE(holds(y, expected), "path " << to_string(path) << " threads " << threads);
      }
  };
  check(std::type_identity<W4>{});
  check(std::type_identity<W4G32>{});
}

TEST_CASE("code_product: a row gives the same bits alone and among others") {
  constexpr std::size_t m = 13;
  constexpr std::size_t n = 70;
  constexpr std::size_t k = 3000;
  Draw draw(5);
  const auto x = draw_codes<A8>(draw, m * k);
  const auto w = draw_codes<W4G32>(draw, n * k);
  const auto sx = draw_scales(draw, m);
  const auto sw = draw_scales(draw, parameter_count<W4G32>(n, k));
  const PackedWeights<W4G32> weights(matrix_view<const std::int8_t>(w.data(), n, k), sw);
  std::vector<float> together(m * n);
  code_product<A8>(matrix_view<const std::int8_t>(x.data(), m, k), sx, weights,
                   matrix_view<float>(together.data(), m, n));
  for (std::size_t i = 0; i < m; ++i) {
    std::vector<float> alone(n);
    code_product<A8>(matrix_view<const std::int8_t>(x.data() + i * k, 1, k),
                     std::span(sx).subspan(i, 1), weights, matrix_view<float>(alone.data(), 1, n));
    CHECK(std::equal(alone.begin(), alone.end(),
                     together.begin() + static_cast<std::ptrdiff_t>(i * n), testing::same));
  }
}
