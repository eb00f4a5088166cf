#include <qat/llama/scheme.hpp>

#include <doctest/doctest.h>

#include <type_traits>

namespace {

using W4 = qat::Quantizer<qat::bits<4>, qat::per_channel>;
using A8 = qat::Quantizer<qat::bits<8>, qat::per_token>;
using Masked = qat::Quantizer<qat::bits<8>, qat::per_channel, qat::fixed_mask<-2, 2>>;
using W4A8 = qat::scheme<W4, A8, qat::not_quantized>;

struct not_an_exemption {};

static_assert(qat::scheme_like<W4A8>);
static_assert(qat::scheme_like<qat::full_precision>);
static_assert(!qat::scheme_like<qat::scheme<W4, A8, int>>);
// The tables' gradients go straight through.
static_assert(qat::scheme_like<qat::with_head<W4A8, W4>>);
static_assert(!qat::scheme_like<qat::with_head<W4A8, Masked>>);
static_assert(!qat::scheme_like<qat::with_embedding<W4A8, Masked>>);
static_assert(!qat::exemption<not_an_exemption>);

}  // namespace

TEST_CASE("scheme: what is not named keeps its default and what is named replaces it") {
  CHECK(std::is_same_v<W4A8::head, qat::not_quantized>);
  CHECK(std::is_same_v<W4A8::exempt, qat::exempt_none>);
  CHECK(W4A8::keys == qat::key_position::before_rope);
  using All = qat::with_keys<qat::with_exempt<qat::with_embedding<qat::with_head<W4A8, W4>, A8>,
                                              qat::exempt_first_and_last>,
                             qat::key_position::after_rope>;
  CHECK(std::is_same_v<All::weight, W4>);
  CHECK(std::is_same_v<All::head, W4>);
  CHECK(std::is_same_v<All::embedding, A8>);
  CHECK(All::keys == qat::key_position::after_rope);
}

TEST_CASE("scheme: exemptions name layers") {
  using qat::linear_role;
  CHECK(!qat::exempt_none::exempts(0, 1, linear_role::q));
  CHECK(qat::exempt_first_and_last::exempts(0, 3, linear_role::q));
  CHECK(!qat::exempt_first_and_last::exempts(1, 3, linear_role::q));
  CHECK(qat::exempt_first_and_last::exempts(2, 3, linear_role::q));
  CHECK(qat::exempt_role<linear_role::down>::exempts(1, 3, linear_role::down));
  CHECK(!qat::exempt_role<linear_role::down>::exempts(1, 3, linear_role::up));
}
