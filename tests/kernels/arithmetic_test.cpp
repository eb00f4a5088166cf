#include <qat/kernels/arithmetic.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <tests/support/floats.hpp>

using row = qat::arithmetic::rows<float, qat::core::default_arch>;
using row_double = qat::arithmetic::rows<double, qat::core::default_arch>;

TEST_CASE("arithmetic: a mapped row has the bits of its single elements") {
  for (const std::size_t n : qat::testing::sizes{0, 1, 7, 16, 67}) {
    const auto x = qat::testing::uniform_floats(1, n, 5.0f);
    const auto y = qat::testing::uniform_floats(2, n, 5.0f);
    std::vector<float> z(n + 1, 9.0f);
    const auto f = [](auto a, auto b) {
      using V = decltype(a);
      return qat::arithmetic::divide(qat::arithmetic::exp(qat::arithmetic::fma(a, b, V(0.5f))),
                                     V(3.0f));
    };
    row::map(n, z.data(), f, x.data(), y.data());
    for (std::size_t i = 0; i < n; ++i) CHECK(z[i] == f(x[i], y[i]));
    CHECK(z[n] == 9.0f);
  }
}

TEST_CASE("arithmetic: double rows agree with float rows to the precision of float") {
  const std::size_t n = 131;
  const auto x = qat::testing::uniform_floats(1, n), y = qat::testing::uniform_floats(2, n);
  const std::vector<double> a(x.begin(), x.end()), b(y.begin(), y.end());
  // |error| <= (ceil(n / 64) + 6) 2^-24 * sum of at most n terms below 1, as core::dot says.
  const double bound = (3 + 6) * 0x1p-24 * static_cast<double>(n);
  CHECK(std::abs(double(row::dot(x.data(), y.data(), n)) -
                 row_double::dot(a.data(), b.data(), n)) <= bound);
  CHECK(std::abs(double(row::sum(x.data(), n)) - row_double::sum(a.data(), n)) <= bound);
  CHECK(std::abs(double(row::sum_of_squares(x.data(), n)) -
                 row_double::sum_of_squares(a.data(), n)) <= bound);
  CHECK(double(row::maximum(x.data(), n)) == row_double::maximum(a.data(), n));
  CHECK(row_double::maximum(nullptr, 0) == -std::numeric_limits<double>::infinity());
  CHECK(row::maximum(nullptr, 0) == -std::numeric_limits<float>::infinity());
}
