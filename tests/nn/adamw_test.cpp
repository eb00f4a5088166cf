#include <qat/core/thread_executor.hpp>
#include <qat/nn/adamw.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <tests/support/tapes.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::Shape;
using qat::Tensor;

TEST_CASE("adamw: two steps worked out by hand") {
  // w = 1, g = 0.5 then -0.25, rate 0.1, decay 0.01, betas 0.9 and 0.99, epsilon 0.
  // Step 1: m / (1 - .9) = g and v / (1 - .99) = g^2, so the update is rate * sign(g): w = .999 - .1 = .899.
  // Step 2: m = .02, m^ = .02 / .19; v = .0031, v^ = .0031 / .0199;
  //         w = .899 * .999 - .1 * .1052632 / .3946889 = .898101 - .0266699 = .8714311.
  const qat::nn::adamw_options options{
      .beta1 = 0.9f, .beta2 = 0.99f, .epsilon = 0.0f, .weight_decay = 0.01f};
  Tensor<double> w(Shape{1}), g(Shape{1});
  qat::nn::adamw_state<double> state(Shape{1});
  w.data()[0] = 1.0;
  g.data()[0] = 0.5;
  qat::nn::adamw_update<double>({}, options, qat::nn::make_adamw_step(options, 0.1f, 1), w.view(),
                                g.view(), state);
  CHECK(w.data()[0] == doctest::Approx(0.899).epsilon(1e-6));
  g.data()[0] = -0.25;
  qat::nn::adamw_update<double>({}, options, qat::nn::make_adamw_step(options, 0.1f, 2), w.view(),
                                g.view(), state);
  CHECK(state.first.data()[0] == doctest::Approx(0.02).epsilon(1e-6));
  CHECK(state.second.data()[0] == doctest::Approx(0.0031).epsilon(1e-6));
  CHECK(w.data()[0] == doctest::Approx(0.8714311).epsilon(1e-6));
}

TEST_CASE("adamw: float follows double and no thread changes a bit") {
  const qat::nn::adamw_options options{.weight_decay = 0.1f};
  const Shape shape{3, 20011};
  Tensor<double> w = uniform_tensor<double>(1, shape);
  qat::nn::adamw_state<double> exact(shape);
  Tensor<float> one(shape), three(shape);
  qat::nn::adamw_state<float> state_one(shape), state_three(shape);
  for (std::size_t i = 0; i < w.size(); ++i)
    one.data()[i] = three.data()[i] = static_cast<float>(w.data()[i]);
  qat::core::ThreadExecutor threads(3);
  for (std::uint64_t t = 1; t <= 3; ++t) {
    const auto step = qat::nn::make_adamw_step(options, 0.01f, t);
    const auto g = uniform_tensor<double>(t + 1, shape);
    Tensor<float> gf(shape);
    for (std::size_t i = 0; i < g.size(); ++i) gf.data()[i] = static_cast<float>(g.data()[i]);
    qat::nn::adamw_update<double>({}, options, step, w.view(), g.view(), exact);
    qat::nn::adamw_update<float>({}, options, step, one.view(), gf.view(), state_one);
    qat::nn::adamw_update<float>(threads, options, step, three.view(), gf.view(), state_three);
  }
  CHECK(std::equal(one.data(), one.data() + one.size(), three.data()));
  double worst = 0.0;
  for (std::size_t i = 0; i < w.size(); ++i)
    worst = std::max(worst, std::abs(double(one.data()[i]) - w.data()[i]));
  // Per step: w below 1 is rounded once (2^-24) after a product of it (2^-24); the quotient is at most 3 in magnitude
  // with 8 roundings, times a step below 0.1.
  CHECK(worst <= 3 * (2 + 0.1 * 3 * 8) * 0x1p-24);
}

TEST_CASE("adamw: shapes that differ and step 0 throw") {
  Tensor<float> w(Shape{2}), g(Shape{3});
  qat::nn::adamw_state<float> state(Shape{2});
  CHECK_THROWS_AS(qat::nn::adamw_update<float>({}, {}, {}, w.view(), g.view(), state),
                  qat::ContractViolation);
  CHECK_THROWS_AS(static_cast<void>(qat::nn::make_adamw_step({}, 0.1f, 0)), qat::ContractViolation);
}
