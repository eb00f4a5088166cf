#include <qat/core/thread_executor.hpp>
#include <qat/distill/training_state.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <tests/support/llamas.hpp>

using namespace qat::distill;

TEST_CASE(
    "sum_of_squares: the exact sum of a few, and one number of threads is as good as another") {
  const std::vector<float> few{3.0f, -4.0f, 12.0f};
  CHECK(sum_of_squares({}, few) == 169.0);
  std::vector<float> many(100001);
  double plain = 0.0;
  for (std::size_t i = 0; i < many.size(); ++i) {
    many[i] = qat::testing::uniform(1, i);
    plain += static_cast<double>(many[i]) * static_cast<double>(many[i]);
  }
  qat::core::ThreadExecutor three(3);
  CHECK(sum_of_squares({}, many) == sum_of_squares(three, many));
  // n roundings of a sum in another order: n 2^-53 each.
  CHECK(std::abs(sum_of_squares({}, many) - plain) <= 2.0 * 1e5 * 0x1p-53 * plain);
}

TEST_CASE(
    "gradient_norm: names the first tensor that is not finite, and skips what is not trained") {
  auto g = qat::testing::random_parameters(qat::testing::tiny_llama);
  const double all = gradient_norm({}, g, {}, 7);
  CHECK(gradient_norm({}, g, {.embedding = false}, 7) < all);
  g.layers[1].up.data()[5] = std::numeric_limits<float>::infinity();
  try {
    static_cast<void>(gradient_norm({}, g, {}, 7));
    FAIL("nothing thrown");
  } catch (const Divergence& e) {
    CHECK(std::string(e.what()) ==
          "step 7: the gradient of model.layers.1.mlp.up_proj.weight is not finite");
  }
  g.embedding.data()[0] = NAN;
  CHECK_THROWS_AS(static_cast<void>(gradient_norm({}, g, {.embedding = false}, 7)), Divergence);
}

TEST_CASE("optimizer_step: AdamW's update, clipped by the norm, of what is trained") {
  const auto initial = qat::testing::random_parameters(qat::testing::tiny_llama);
  training_state state(initial), clipped(initial);
  auto g = qat::testing::random_parameters(qat::testing::tiny_llama);
  auto half = g;
  qat::llama::for_each_parameter(half, [](const std::string&, qat::Tensor<float>& t) {
    for (float& x : t.elements()) x *= 0.5f;
  });
  const trained_parts body{.embedding = false, .head = false};
  optimizer_step({}, {}, 0.01f, 8.0, 4.0, body, g, clipped);
  optimizer_step({}, {}, 0.01f, 4.0, 0.0, body, half, state);
  CHECK(state.step == 1);
  qat::llama::for_each_parameter(
      state.parameters,
      [&](const std::string& name, const qat::Tensor<float>& w, const qat::Tensor<float>& other,
          const qat::Tensor<float>& before) {
        bool same = true, kept = true;
        for (std::size_t i = 0; i < w.size(); ++i) {
          same = same && w.data()[i] == other.data()[i];
          kept = kept && w.data()[i] == before.data()[i];
        }
        INFO(name);
        CHECK(same);
        CHECK(kept == !body(name));
      },
      clipped.parameters, initial);
}
