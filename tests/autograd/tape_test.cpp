#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/tape.hpp>

#include <doctest/doctest.h>

#include <vector>

#include <tests/support/tapes.hpp>

using qat::Arena;
using qat::Shape;
using qat::Tape;
using qat::tape_mode;

TEST_CASE("Tape: nodes are walked once from the last to the first") {
  Arena arena(1024);
  Tape<float> tape(arena, tape_mode::train);
  std::vector<int> order;
  const auto loss = tape.make(Shape{}, true);
  for (const int i : {1, 2, 3})
    tape.record(loss, [&order, i](Tape<float>&) { order.push_back(i); });
  CHECK(tape.size() == 3);
  tape.backward(loss);
  CHECK(order == std::vector<int>{3, 2, 1});
  CHECK(*loss.gradient.data() == 1.0f);
  CHECK(tape.size() == 0);
}

TEST_CASE("Tape: a value that is used twice collects both gradients") {
  qat::Tensor<float> x = qat::testing::uniform_tensor<float>(1, {2, 5});
  qat::Tensor<float> gradient({2, 5});
  qat::testing::run_planned<float>(tape_mode::train, [&](Tape<float>& tape) {
    const auto v = tape.parameter(x.view(), gradient.view());
    tape.backward(qat::testing::weighted_sum(tape, qat::add(tape, qat::add(tape, v, v), v)));
  });
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float w = qat::testing::uniform(77, i);
    CHECK(gradient.data()[i] == (w + w) + w);  // small multiples of 2^-23: exact in any order
  }
}

TEST_CASE("Tape: inference records nothing and needs no room for gradients") {
  Arena trained, inferred;
  qat::Tensor<float> x({8, 8}), gradient({8, 8});
  for (const tape_mode mode : {tape_mode::train, tape_mode::infer}) {
    Tape<float> tape(mode == tape_mode::train ? trained : inferred, mode);
    const auto v = tape.parameter(x.view(), gradient.view());
    const auto y = qat::add(tape, v, v);
    CHECK(y.tracked == (mode == tape_mode::train));
    CHECK(tape.size() == (mode == tape_mode::train ? 1u : 0u));
  }
  CHECK(trained.high_water() == 2 * inferred.high_water());
}

TEST_CASE("Tape: scratch of a node is free again before the next one") {
  Arena plan;
  Tape<float> tape(plan, tape_mode::train);
  const auto loss = tape.make(Shape{}, true);
  const std::size_t before = plan.used();
  for (int i = 0; i < 5; ++i)
    tape.record(loss,
                [](Tape<float>& t) { static_cast<void>(t.arena().take<float>(Shape{1000})); });
  tape.backward(loss);
  CHECK(plan.used() == before);
  CHECK(plan.high_water() == before + 4032);  // 4000 bytes in whole cache lines
}

TEST_CASE("Tape: only a tracked scalar has a gradient to begin with") {
  Arena arena(4096);
  Tape<float> tape(arena, tape_mode::train);
  CHECK_THROWS_AS(tape.backward(tape.make(Shape{2}, true)), qat::ContractViolation);
  CHECK_THROWS_AS(tape.backward(tape.make(Shape{}, false)), qat::ContractViolation);
}
