#include <qat/core/thread_executor.hpp>
#include <qat/kernels/float_product.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <tests/support/floats.hpp>

using qat::testing::uniform_floats;

namespace {

/// The definition.
float chain(const float* x, std::ptrdiff_t x_step, const float* b, std::size_t depth, float start) {
  for (std::size_t k = 0; k < depth; ++k)
    start = qat::core::fma(x[static_cast<std::ptrdiff_t>(k) * x_step], b[k], start);
  return start;
}

template <class Executor>
std::vector<float> product(Executor&& executor, const qat::matrix_view<const float>& x,
                           const std::vector<float>& b, std::size_t rows) {
  std::vector<float> storage(qat::panel_elements(rows, x.cols));
  const auto panels = qat::pack_panels(
      executor, qat::matrix_view<const float>(b.data(), rows, x.cols), storage.data());
  std::vector<float> y(x.rows * rows);
  qat::float_product(executor, x, panels, {y.data(), x.rows, rows});
  return y;
}

const qat::core::serial_executor serial;

}  // namespace

TEST_CASE("float_product: every output is one fma chain over ascending k") {
  for (const std::size_t depth : {0u, 1u, 7u, 256u, 300u})
    for (const std::size_t cols : {1u, 31u, 32u, 45u, 64u, 161u})
      for (const std::size_t rows : {0u, 1u, 3u, 4u, 5u, 11u, 12u, 13u, 17u, 97u}) {
        if (depth > 8 && rows > 17) continue;
        INFO("M " << rows << " N " << cols << " K " << depth);
        const auto x = uniform_floats(1, rows * depth), b = uniform_floats(2, cols * depth);
        const auto y =
            product(serial, qat::matrix_view<const float>(x.data(), rows, depth), b, cols);
        bool equal = true;
        for (std::size_t m = 0; m < rows; ++m)
          for (std::size_t n = 0; n < cols; ++n)
            equal = equal && qat::testing::same(
                                 y[m * cols + n],
                                 chain(x.data() + m * depth, 1, b.data() + n * depth, depth, 0.0f));
        CHECK(equal);
      }
}

TEST_CASE("float_product: reads any strides and writes nothing beside its rows") {
  constexpr std::size_t rows = 14, cols = 37, depth = 21;
  const auto x = uniform_floats(1, rows * depth), b = uniform_floats(2, cols * depth);
  const qat::matrix_view<const float> transposed(x.data(), rows, depth, 1, rows);
  std::vector<float> storage(qat::panel_elements(cols, depth));
  const auto panels = qat::pack_panels(serial, qat::matrix_view<const float>(b.data(), cols, depth),
                                       storage.data());
  std::vector<float> y(rows * 40 + 1, 5.0f);
  qat::float_product(serial, transposed, panels, {y.data() + 1, rows, cols, 40, 1});
  for (std::size_t m = 0; m < rows; ++m) {
    for (std::size_t n = 0; n < cols; ++n)
      REQUIRE(y[1 + m * 40 + n] == chain(x.data() + m, rows, b.data() + n * depth, depth, 0.0f));
    for (std::size_t n = cols; n < 39; ++n) REQUIRE(y[1 + m * 40 + n] == 5.0f);
  }
  CHECK(y[0] == 5.0f);
}

TEST_CASE("float_product: two calls over halves of k give the bits of one") {
  constexpr std::size_t rows = 13, cols = 33, depth = 40, half = 17;
  const auto x = uniform_floats(1, rows * depth), b = uniform_floats(2, cols * depth);
  const auto whole = product(serial, qat::matrix_view<const float>(x.data(), rows, depth), b, cols);
  std::vector<float> y(rows * cols), storage(qat::panel_elements(cols, depth));
  for (const bool second : {false, true}) {
    const std::size_t at = second ? half : 0;
    const std::size_t count = second ? depth - half : half;
    const auto panels = qat::pack_panels(
        serial, qat::matrix_view<const float>(b.data() + at, cols, count, depth, 1),
        storage.data());
    qat::float_product(serial, qat::matrix_view<const float>(x.data() + at, rows, count, depth, 1),
                       panels, {y.data(), rows, cols},
                       second ? qat::product_start::from_y : qat::product_start::zero);
  }
  CHECK(y == whole);
}

TEST_CASE("float_product: a row alone and any number of threads give the same bits") {
  constexpr std::size_t rows = 100, cols = 530, depth = 9;
  const auto x = uniform_floats(1, rows * depth), b = uniform_floats(2, cols * depth);
  const auto whole = product(serial, qat::matrix_view<const float>(x.data(), rows, depth), b, cols);
  for (const unsigned count : {1u, 2u, 3u}) {
    qat::core::ThreadExecutor threads(count);
    CHECK(product(threads, qat::matrix_view<const float>(x.data(), rows, depth), b, cols) == whole);
  }
  for (const std::size_t row : {0u, 7u, 99u}) {
    const auto alone =
        product(serial, qat::matrix_view<const float>(x.data() + row * depth, 1, depth), b, cols);
    CHECK(std::equal(alone.begin(), alone.end(),
                     whole.begin() + static_cast<std::ptrdiff_t>(row * cols)));
  }
}

TEST_CASE("float_product: double follows the same shapes") {
  constexpr std::size_t rows = 13, cols = 35, depth = 5;
  std::vector<double> x(rows * depth), b(cols * depth), y(rows * cols);
  std::vector<double> storage(qat::panel_elements(cols, depth));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i % 7) - 3.0;
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<double>(i % 5) - 2.0;
  const auto panels = qat::pack_panels(
      serial, qat::matrix_view<const double>(b.data(), cols, depth), storage.data());
  qat::float_product<double>(serial, {x.data(), rows, depth}, panels, {y.data(), rows, cols});
  for (std::size_t m = 0; m < rows; ++m)
    for (std::size_t n = 0; n < cols; ++n) {
      double exact = 0.0;  // small integers: every order is exact
      for (std::size_t k = 0; k < depth; ++k) exact += x[m * depth + k] * b[n * depth + k];
      REQUIRE(y[m * cols + n] == exact);
    }
}

TEST_CASE("float_product: shapes that disagree throw with the values") {
  std::vector<float> memory(64);
  const qat::matrix_view<const float> x(memory.data(), 2, 3);
  const qat::float_panels<float> b{memory.data(), 4, 2};
  CHECK_THROWS_WITH_AS(qat::float_product(serial, x, b, {memory.data(), 2, 4}),
                       doctest::Contains("2x3 times panels of 4x2 into 2x4"),
                       qat::ContractViolation);
}

TEST_CASE("float_product: over some columns of the right side it is the product of these columns") {
  constexpr std::size_t rows = 7, cols = 70, depth = 45, first = 12, count = 30;
  std::vector<float> x(rows * count), b(cols * depth), storage(qat::panel_elements(cols, depth)),
      y(rows * cols), expected(rows * cols);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = qat::testing::uniform(1, i);
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = qat::testing::uniform(2, i);
  const qat::matrix_view<const float> left(x.data(), rows, count);
  const auto panels =
      qat::pack_panels(qat::core::serial_executor{},
                       qat::matrix_view<const float>(b.data(), cols, depth), storage.data());
  qat::float_product<float>(qat::core::serial_executor{}, left, panels.cols_from(first, count),
                            {y.data(), rows, cols});
  std::vector<float> part_storage(qat::panel_elements(cols, count));
  const qat::matrix_view<const float> part(b.data() + first, cols, count,
                                           static_cast<std::ptrdiff_t>(depth), 1);
  qat::float_product<float>(
      qat::core::serial_executor{}, left,
      qat::pack_panels(qat::core::serial_executor{}, part, part_storage.data()),
      {expected.data(), rows, cols});
  CHECK(y == expected);
}
