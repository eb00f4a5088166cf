#include <qat/distill/schedule.hpp>

#include <doctest/doctest.h>

#include <cmath>

using qat::distill::decay_kind;
using qat::distill::learning_rate;
using qat::distill::schedule;

TEST_CASE("schedule: cosine from the peak towards zero, after a warm-up in a straight line") {
  const schedule plain{.peak = 2e-5f, .steps = 100};
  CHECK(learning_rate(plain, 0) == 2e-5f);
  for (std::uint64_t k = 0; k < 100; ++k) {
    const double exact = 1e-5 * (1.0 + std::cos(3.14159265358979 * static_cast<double>(k) / 100.0));
    // Half a unit of 1 + cos, whose terms are near 1, times the peak, and a few roundings.
    CHECK(std::abs(static_cast<double>(learning_rate(plain, k)) - exact) <= 2e-5 * 0x1p-21);
  }
  const schedule warm{.peak = 1.0f, .steps = 10, .warm_up = 4};
  CHECK(learning_rate(warm, 0) == 0.25f);
  CHECK(learning_rate(warm, 3) == 1.0f);
  CHECK(learning_rate(warm, 4) == 1.0f);
  CHECK(learning_rate(warm, 7) == doctest::Approx(0.5));
}

TEST_CASE("schedule: constant, then a line over the last part") {
  const schedule s{.peak = 1.0f, .steps = 8, .decay = decay_kind::linear, .decay_part = 0.25f};
  for (std::uint64_t k = 0; k <= 6; ++k) CHECK(learning_rate(s, k) == 1.0f);
  CHECK(learning_rate(s, 7) == 0.5f);
}

TEST_CASE("schedule: refuses steps, rates and parts that are none") {
  CHECK_THROWS_AS(static_cast<void>(learning_rate({.steps = 3}, 3)), qat::ContractViolation);
  CHECK_THROWS_AS(static_cast<void>(learning_rate({.steps = 3, .warm_up = 4}, 0)),
                  qat::ContractViolation);
  CHECK_THROWS_AS(static_cast<void>(learning_rate({.peak = NAN, .steps = 3}, 0)),
                  qat::ContractViolation);
  CHECK_THROWS_AS(static_cast<void>(learning_rate({.steps = 3, .decay_part = 0.0f}, 0)),
                  qat::ContractViolation);
}

TEST_CASE("schedule: the suggested rate at the points it goes through, and its ends") {
  using qat::distill::suggested_rate;
  CHECK(suggested_rate(656000, 193000, 0.17) == 1e-3f);
  CHECK(suggested_rate(656000, 1930000, 0.2) == doctest::Approx(3e-4).epsilon(0.1));
  CHECK(suggested_rate(135000000, 27000, 1.4) == doctest::Approx(3e-4).epsilon(0.05));
  CHECK(suggested_rate(30000000000, 100000000, 1.0) == 2e-5f);
  CHECK(suggested_rate(1, 1, 1.0) == 1e-3f);
  CHECK(suggested_rate(3279104, 245760, 0.04) == doctest::Approx(1.5e-4).epsilon(0.05));
  CHECK(suggested_rate(1, 1, 0.0) == 2e-5f);
}
