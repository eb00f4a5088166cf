#include <qat/autograd/ops/quantize_kv.hpp>

#include <doctest/doctest.h>

#include <tests/support/tapes.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

using KV4 = qat::Quantizer<qat::bits<4>, qat::per_token, qat::fp16_scale>;
using KV4Z =
    qat::Quantizer<qat::bits<4>, qat::per_token, qat::fp16_scale, qat::affine, qat::min_max>;
using Masked = qat::Quantizer<qat::bits<4>, qat::per_token, qat::fixed_mask<-2, 2>>;

template <class Q>
qat::Tensor<float> gradient_of(qat::Tensor<float>& x, std::size_t width) {
  qat::Tensor<float> gradient = uniform_tensor<float>(55, x.shape());  // backward adds to it
  run_planned<float>(qat::tape_mode::train, [&](qat::Tape<float>& tape) {
    tape.backward(weighted_sum(
        tape, qat::quantize_kv<Q>(tape, tape.parameter(x.view(), gradient.view()), width)));
  });
  return gradient;
}

}  // namespace

TEST_CASE("quantize_kv: the levels are those of one scale a token or a head") {
  auto x = uniform_tensor<float>(1, {5, 12}, 3.0f);
  for (const std::size_t width : {12u, 4u}) {
    const std::size_t rows = x.size() / width;
    qat::Tensor<float> expected({rows, width});
    const qat::matrix_view<const float> grouped(x.data(), rows, width);
    qat::fake_quantize<KV4Z>(grouped, qat::calibrate<KV4Z>(grouped), expected.view().matrix());
    run_planned<float>(qat::tape_mode::infer, [&](qat::Tape<float>& tape) {
      const auto y = qat::quantize_kv<KV4Z>(tape, tape.constant(x.view()), width);
      if (!tape.computes()) return;
      CHECK(y.shape() == x.shape());
      CHECK(std::equal(expected.data(), expected.data() + x.size(), y.value.data()));
    });
  }
}

TEST_CASE("quantize_kv: the gradient passes straight through or as its policy says") {
  auto x = uniform_tensor<float>(1, {5, 12}, 3.0f);
  const auto straight = gradient_of<KV4>(x, 4), masked = gradient_of<Masked>(x, 4);
  int dropped = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(straight.data()[i] == uniform(55, i) + uniform(77, i));
    const bool inside = x.data()[i] > -2.0f && x.data()[i] < 2.0f;
    CHECK(masked.data()[i] == uniform(55, i) + (inside ? uniform(77, i) : 0.0f));
    dropped += inside ? 0 : 1;
  }
  CHECK(dropped > 5);
}

TEST_CASE("quantize_kv: through_scale adds what the scale of each group passes on") {
  using Through = qat::with_policy<KV4Z, qat::through_scale>;
  auto x = uniform_tensor<float>(1, {5, 12}, 3.0f);
  const auto have = gradient_of<Through>(x, 4);
  qat::Tensor<float> expected = uniform_tensor<float>(55, x.shape());
  const auto dy = uniform_tensor<float>(77, x.shape());
  const qat::matrix_view<const float> grouped(x.data(), 15, 4);
  qat::add_scale_gradient<Through>(grouped, qat::calibrate<Through>(grouped),
                                   qat::matrix_view<const float>(dy.data(), 15, 4),
                                   qat::matrix_view<float>(expected.data(), 15, 4));
  int reached = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    reached += expected.data()[i] != uniform(55, i) ? 1 : 0;
    CHECK(have.data()[i] == expected.data()[i] + dy.data()[i]);
  }
  CHECK(reached >= 15);
}

TEST_CASE("quantize_kv: a width that does not divide throws") {
  qat::Arena arena(4096);
  qat::Tape<float> tape(arena, qat::tape_mode::infer);
  CHECK_THROWS_AS(qat::quantize_kv<KV4>(tape, tape.make(qat::Shape{2, 12}, false), 5),
                  qat::ContractViolation);
}
