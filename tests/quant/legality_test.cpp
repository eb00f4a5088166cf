#include <qat/quant/quantizer.hpp>

#include <doctest/doctest.h>

#include <type_traits>

namespace {

template <class... Ps>
concept compiles = requires {
  typename qat::Quantizer<Ps...>;
};

struct may_throw : qat::policy_of<qat::policy_kind::rounding> {
  static float apply(float x) { return x; }
};

}  // namespace

// The texts of the refusals are in tests/compile_fail; here is what is refused and what is not.

TEST_CASE("legality: one bit is affine only") {
  CHECK(!compiles<qat::bits<1>>);
  CHECK(!compiles<qat::bits<1>, qat::symmetric_full>);  // qmax would be 0
  CHECK(compiles<qat::bits<1>, qat::affine>);
  CHECK(compiles<qat::bits<2>>);
}

TEST_CASE("legality: a width must be named and no kind twice") {
  CHECK(!compiles<>);
  CHECK(!compiles<qat::per_token>);
  CHECK(!compiles<qat::bits<4>, qat::bits<8>>);
  CHECK(!compiles<qat::bits<4>, qat::per_token, qat::per_channel>);
}

TEST_CASE("legality: ranges fit the symmetry") {
  CHECK(!compiles<qat::bits<4>, qat::affine, qat::absmax_half_span>);
  CHECK(!compiles<qat::bits<4>, qat::affine, qat::signed_absmax>);
  CHECK(compiles<qat::bits<4>, qat::symmetric_full, qat::signed_absmax>);
  CHECK(compiles<qat::bits<4>, qat::affine, qat::fixed_range<-1, 1>>);
}

TEST_CASE("legality: a signed scale needs a format with a sign") {
  CHECK(!compiles<qat::bits<4>, qat::signed_absmax, qat::power_of_two_scale>);
  CHECK(compiles<qat::bits<4>, qat::signed_absmax, qat::bf16_scale>);
}

TEST_CASE("legality: the reference's arithmetic keeps its own policies") {
  CHECK(compiles<qat::bits<4>, qat::per_channel, qat::llmqat_reference, qat::fixed_mask<-2, 2>>);
  CHECK(!compiles<qat::bits<4>, qat::llmqat_reference, qat::affine, qat::min_max>);
  CHECK(!compiles<qat::bits<4>, qat::llmqat_reference, qat::round_floor>);
  CHECK(!compiles<qat::bits<4>, qat::llmqat_reference, qat::fp16_scale>);
  CHECK(!compiles<qat::bits<4>, qat::llmqat_reference, qat::min_max>);
}

TEST_CASE("legality: a gradient reaches scales that are measured from a group") {
  using qat::through_scale;
  CHECK(compiles<qat::bits<4>, qat::per_token, through_scale>);
  CHECK(compiles<qat::bits<4>, qat::per_group<32>, qat::affine, qat::min_max, through_scale>);
  CHECK(!compiles<qat::bits<4>, through_scale>);  // one scale a tensor
  CHECK(!compiles<qat::bits<4>, qat::per_token, qat::fixed_range<-1, 1>, through_scale>);
  CHECK(!compiles<qat::bits<4>, qat::per_token, qat::round_stochastic, through_scale>);
  CHECK(!compiles<qat::bits<4>, qat::per_token, qat::llmqat_reference, through_scale>);
  using KV = qat::Quantizer<qat::bits<4>, qat::per_token>;
  CHECK(qat::has_measured_group_scales<KV>);
  CHECK(!qat::has_measured_group_scales<qat::Quantizer<qat::bits<4>>>);
  CHECK(std::is_same_v<qat::with_policy<KV, through_scale>,
                       qat::Quantizer<qat::bits<4>, qat::per_token, through_scale>>);
  CHECK(std::is_same_v<qat::with_policy<KV, qat::bits<8>>,
                       qat::Quantizer<qat::bits<8>, qat::per_token>>);
}

TEST_CASE("legality: a policy that does not model its kind is refused") {
  CHECK(!compiles<qat::bits<4>, may_throw>);
}
