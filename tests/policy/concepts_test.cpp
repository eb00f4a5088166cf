#include <qat/fwd.hpp>
#include <qat/policy/concepts.hpp>
#include <qat/policy/gradient.hpp>
#include <qat/policy/range.hpp>
#include <qat/policy/rounding.hpp>

#include <doctest/doctest.h>

namespace {

struct may_throw : qat::policy_of<qat::policy_kind::rounding> {
  static float apply(float x) { return x; }
};
struct of_no_kind {
  static float apply(float x) noexcept { return x; }
};
struct of_another_kind : qat::policy_of<qat::policy_kind::gradient> {
  static float apply(float x) noexcept { return x; }
};
struct mine : qat::policy_of<qat::policy_kind::rounding> {
  static float apply(float x) noexcept { return x; }
};

}  // namespace

TEST_CASE("concepts: a rounding policy needs its kind and a noexcept apply") {
  CHECK(qat::rounding_policy<mine>);
  CHECK(qat::rounding_policy<qat::round_stochastic>);
  CHECK(!qat::rounding_policy<may_throw>);
  CHECK(!qat::rounding_policy<of_no_kind>);
  CHECK(!qat::rounding_policy<of_another_kind>);
}

TEST_CASE("concepts: a range policy offers a scale or an interval") {
  CHECK(qat::offers_symmetric_scale<qat::absmax>);
  CHECK(qat::offers_affine_interval<qat::absmax>);
  CHECK(qat::offers_symmetric_scale<qat::signed_absmax>);
  CHECK(!qat::offers_affine_interval<qat::signed_absmax>);
  CHECK(!qat::range_policy<mine>);
}

TEST_CASE("concepts: a gradient policy answers whether an element passes") {
  CHECK(qat::gradient_policy<qat::straight_through>);
  CHECK(!qat::gradient_policy<of_another_kind>);
}
