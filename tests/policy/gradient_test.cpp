#include <qat/policy/gradient.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

TEST_CASE("straight_through: everything passes") {
  CHECK(qat::straight_through::passes(1e30f, 1e30f, -7.0f, 7.0f));
  CHECK(!qat::detail::reaches_scale<qat::straight_through>);
}

TEST_CASE("through_scale: everything passes, also to the scale") {
  CHECK(qat::through_scale::passes(1e30f, 1e30f, -7.0f, 7.0f));
  CHECK(qat::detail::reaches_scale<qat::through_scale>);
}

TEST_CASE("clipped_straight_through: the boundary passes and what lies beyond does not") {
  using clipped = qat::clipped_straight_through;
  CHECK(clipped::passes(0.0f, 7.0f, -7.0f, 7.0f));
  CHECK(clipped::passes(0.0f, -7.0f, -7.0f, 7.0f));
  CHECK(!clipped::passes(0.0f, std::nextafter(7.0f, 8.0f), -7.0f, 7.0f));
  CHECK(!clipped::passes(0.0f, std::nextafter(-7.0f, -8.0f), -7.0f, 7.0f));
  CHECK(!clipped::passes(0.0f, std::numeric_limits<float>::quiet_NaN(), -7.0f, 7.0f));
}

TEST_CASE("fixed_mask: the boundary does not pass whatever the scale") {
  using mask = qat::fixed_mask<-2, 2>;
  CHECK(!mask::passes(2.0f, 0.0f, -7.0f, 7.0f));
  CHECK(!mask::passes(-2.0f, 0.0f, -7.0f, 7.0f));
  CHECK(mask::passes(std::nextafter(2.0f, 0.0f), 1e9f, -7.0f, 7.0f));
  CHECK(mask::passes(std::nextafter(-2.0f, 0.0f), 1e9f, -7.0f, 7.0f));
}
