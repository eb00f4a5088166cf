#include <qat/quant/calibrate.hpp>
#include <qat/quant/error_stats.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace {

using Q3 = qat::Quantizer<qat::bits<3>>;  // codes -3..3

qat::parameters<Q3> scale_of(float scale) {
  qat::parameters<Q3> p;
  p.scales = {scale};
  return p;
}

}  // namespace

TEST_CASE("error_stats: hand-worked numbers") {
  // Scale 1/2: levels 0.5, 1.5 (clipped from 2), -0.5; errors 0.125, 0.5, 0; squares 1/64 + 1/4.
  const std::vector<float> x{0.625f, 2.0f, -0.5f, 0.0f};
  const auto stats = qat::error_stats<Q3>(x, scale_of(0.5f));
  CHECK(stats.count == 4);
  CHECK(stats.not_finite == 0);
  CHECK(stats.mean_squared_error == (1.0 / 64.0 + 1.0 / 4.0) / 4.0);
  CHECK(stats.max_absolute_error == 0.5);
  CHECK(stats.clipped_fraction == 0.25);
  const double signal = 0.625 * 0.625 + 4.0 + 0.25;
  CHECK(stats.signal_to_noise_db == 10.0 * std::log10(signal / (1.0 / 64.0 + 1.0 / 4.0)));
}

TEST_CASE("error_stats: levels have no error and an infinite ratio") {
  const std::vector<float> x{-1.5f, 0.5f, 1.0f};
  const auto stats = qat::error_stats<Q3>(x, scale_of(0.5f));
  CHECK(stats.mean_squared_error == 0.0);
  CHECK(stats.clipped_fraction == 0.0);
  CHECK(stats.signal_to_noise_db == std::numeric_limits<double>::infinity());
}

TEST_CASE("error_stats: elements that are not finite are counted and left out") {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x{infinity, 0.625f, std::numeric_limits<float>::quiet_NaN()};
  const auto stats = qat::error_stats<Q3>(x, scale_of(0.5f));
  CHECK(stats.count == 3);
  CHECK(stats.not_finite == 2);
  CHECK(stats.mean_squared_error == 1.0 / 64.0);
}

TEST_CASE("error_stats: nothing at all gives zeros and no ratio") {
  const auto stats = qat::error_stats<Q3>(std::vector<float>{}, scale_of(1.0f));
  CHECK(stats.count == 0);
  CHECK(stats.mean_squared_error == 0.0);
  CHECK(std::isnan(stats.signal_to_noise_db));
}

TEST_CASE("error_stats: a group that is not finite has no figures") {
  const std::vector<float> x{1.0f, 2.0f};
  const auto stats = qat::error_stats<Q3>(x, scale_of(std::numeric_limits<float>::quiet_NaN()));
  CHECK(stats.not_finite == 2);
  CHECK(stats.max_absolute_error == 0.0);
}
