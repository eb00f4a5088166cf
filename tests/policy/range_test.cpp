#include <qat/policy/range.hpp>

#include <doctest/doctest.h>

namespace {

constexpr qat::group_statistics statistics(float min, float max) {
  return {max > -min ? max : -min, min, max};
}

}  // namespace

TEST_CASE("absmax: the largest magnitude reaches qmax") {
  CHECK(qat::absmax::symmetric_scale(statistics(-14.0f, 3.0f), -7, 7) == 2.0f);
  const auto interval = qat::absmax::affine_interval(statistics(-14.0f, 3.0f));
  CHECK(interval.lo == -14.0f);
  CHECK(interval.hi == 14.0f);
}

TEST_CASE("absmax_half_span: the largest magnitude reaches half the span") {
  CHECK(qat::absmax_half_span::symmetric_scale(statistics(-15.0f, 3.0f), -8, 7) == 2.0f);
}

TEST_CASE("signed_absmax: the element of largest magnitude lands on qmin with its sign") {
  CHECK(qat::signed_absmax::symmetric_scale(statistics(-16.0f, 3.0f), -8, 7) == 2.0f);
  CHECK(qat::signed_absmax::symmetric_scale(statistics(-3.0f, 16.0f), -8, 7) == -2.0f);
  CHECK(qat::signed_absmax::symmetric_scale(statistics(-16.0f, 16.0f), -8, 7) == -2.0f);
}

TEST_CASE("min_max: zero is always inside the interval") {
  const auto above = qat::min_max::affine_interval(statistics(2.0f, 5.0f));
  CHECK(above.lo == 0.0f);
  CHECK(above.hi == 5.0f);
  const auto below = qat::min_max::affine_interval(statistics(-5.0f, -2.0f));
  CHECK(below.lo == -5.0f);
  CHECK(below.hi == 0.0f);
  CHECK(qat::min_max::symmetric_scale(statistics(-14.0f, 3.0f), -7, 7) == 2.0f);
}

TEST_CASE("fixed_range: the data do not matter") {
  using range = qat::fixed_range<-1, 3, 2>;
  const auto interval = range::affine_interval(statistics(-100.0f, 100.0f));
  CHECK(interval.lo == -0.5f);
  CHECK(interval.hi == 1.5f);
  CHECK(range::symmetric_scale(statistics(-100.0f, 100.0f), -3, 3) == 0.5f);
}
