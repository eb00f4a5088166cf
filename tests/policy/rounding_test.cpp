#include <qat/core/philox.hpp>
#include <qat/policy/rounding.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace {

/// f(x) for every quarter step in [-600, 600] and both its neighbours.
template <class F>
void for_each_tie_and_neighbour(F&& f) {
  for (int quarter = -2400; quarter <= 2400; ++quarter) {
    const float x = static_cast<float>(quarter) / 4.0f;
    f(x);
    f(std::nextafter(x, -std::numeric_limits<float>::infinity()));
    f(std::nextafter(x, std::numeric_limits<float>::infinity()));
  }
}

}  // namespace

TEST_CASE("round_nearest_even: equals nearbyint at every tie and beside it") {
  for_each_tie_and_neighbour(
      [](float x) { REQUIRE(qat::round_nearest_even::apply(x) == std::nearbyint(x)); });
}

TEST_CASE("round_half_away: equals the C library's round at every tie and beside it") {
  for_each_tie_and_neighbour(
      [](float x) { REQUIRE(qat::round_half_away::apply(x) == std::round(x)); });
}

TEST_CASE("round_toward_zero: equals trunc at every tie and beside it") {
  for_each_tie_and_neighbour(
      [](float x) { REQUIRE(qat::round_toward_zero::apply(x) == std::trunc(x)); });
}

TEST_CASE("round_floor: equals floor at every tie and beside it") {
  for_each_tie_and_neighbour([](float x) { REQUIRE(qat::round_floor::apply(x) == std::floor(x)); });
}

TEST_CASE("round_stochastic: integers stay whatever the random number") {
  for (int n = -300; n <= 300; ++n)
    for (const std::uint32_t random : {0u, 1u, 0x80000000u, 0xffffffffu})
      REQUIRE(qat::round_stochastic::apply(static_cast<float>(n), random) == static_cast<float>(n));
}

TEST_CASE("round_stochastic: rounds away for the smallest numbers in proportion to the fraction") {
  // 2^23 thresholds (r + 1/2) / 2^23: a fraction of k / 2^23 has exactly k of them below it.
  const float fraction = 3.0f * 0x1p-23f;
  for (std::uint32_t r = 0; r < 6; ++r) {
    CHECK(qat::round_stochastic::apply(fraction, r << 9) == (r < 3 ? 1.0f : 0.0f));
    CHECK(qat::round_stochastic::apply(-fraction, r << 9) == (r < 3 ? -1.0f : 0.0f));
  }
  CHECK(qat::round_stochastic::apply(0x1p-25f, 0) == 0.0f);  // below half a cell: never away
}

TEST_CASE("round_stochastic: the mean of many draws is the argument") {
  constexpr std::uint32_t draws = 1u << 16;
  for (const float x : {0.25f, -0.7f, 3.125f, -6.9f}) {
    double sum = 0.0;
    for (std::uint32_t i = 0; i < draws; ++i)
      sum += static_cast<double>(qat::round_stochastic::apply(x, qat::core::random_bits(7, 1, i)));
    // One draw has a standard deviation of at most 1/2; six of the mean's, plus the bias of 2^-24.
    const double bound = 6.0 * 0.5 / std::sqrt(static_cast<double>(draws)) + 0x1p-24;
    CHECK(std::fabs(sum / draws - static_cast<double>(x)) <= bound);
  }
}
