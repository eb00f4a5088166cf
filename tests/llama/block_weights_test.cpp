#include <qat/llama/block_weights.hpp>

#include <doctest/doctest.h>

#include <tests/support/llamas.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::linear_role;
using qat::llama::BlockWeights;

namespace {

using W4 = qat::Quantizer<qat::bits<4>, qat::per_channel>;
using A8 = qat::Quantizer<qat::bits<8>, qat::per_token>;
using W4A8 = qat::scheme<W4, A8, qat::not_quantized>;
using Exempting = qat::with_exempt<W4A8, qat::exempt_role<linear_role::up>>;

}  // namespace

TEST_CASE("BlockWeights: every role has the shape of its weight whether quantized or exempted") {
  const auto parameters = random_parameters(tiny_llama);
  const qat::llama::layer_parameters<float>& layer = parameters.layers[0];
  const BlockWeights<W4A8> all({}, layer, 0, 2);
  const BlockWeights<Exempting> some({}, layer, 0, 2);
  for (int i = 0; i < 7; ++i) {
    const auto role = static_cast<linear_role>(i);
    const qat::Tensor<float>& w = layer.*BlockWeights<W4A8>::member_of(role);
    CHECK(all.quantized(role).rows() == w.rows());
    CHECK(all.quantized(role).cols() == w.cols());
    const bool exempt = role == linear_role::up;
    REQUIRE((some.exempted(role) != nullptr) == exempt);
    CHECK((exempt ? some.exempted(role)->rows() : some.quantized(role).rows()) == w.rows());
  }
  CHECK(&(layer.*BlockWeights<W4A8>::member_of(linear_role::down)) == &layer.down);
}
