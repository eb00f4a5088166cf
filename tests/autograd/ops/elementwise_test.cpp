#include <qat/autograd/ops/elementwise.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <tests/support/tapes.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

TEST_CASE("add: its gradient is that of a sum") {
  check_gradient_of(
      {uniform_tensor<double>(1, {3, 7}), uniform_tensor<double>(2, {3, 7})},
      [](auto& tape, const auto& v) { return weighted_sum(tape, qat::add(tape, v[0], v[1])); });
}

TEST_CASE("swiglu: its gradient is that of silu times up") {
  check_gradient_of(
      {uniform_tensor<double>(1, {3, 7}, 4.0), uniform_tensor<double>(2, {3, 7}, 2.0)},
      [](auto& tape, const auto& v) { return weighted_sum(tape, qat::swiglu(tape, v[0], v[1])); });
}

TEST_CASE("swiglu: float follows the formula to a few roundings and is exact at the ends") {
  qat::Tensor<float> gate = uniform_tensor<float>(1, {2, 35}, 20.0f);
  qat::Tensor<float> up = uniform_tensor<float>(2, {2, 35}, 3.0f);
  gate.data()[0] = 200.0f;
  gate.data()[1] = -200.0f;
  run_planned<float>(qat::tape_mode::infer, [&](qat::Tape<float>& tape) {
    const auto y = qat::swiglu(tape, tape.constant(gate.view()), tape.constant(up.view()));
    if (!tape.computes()) return;
    CHECK(y.value.data()[0] == 200.0f * up.data()[0]);
    CHECK(y.value.data()[1] == -0.0f);
    for (std::size_t i = 2; i < gate.size(); ++i) {
      const double g = double(gate.data()[i]);
      const double exact = g / (1.0 + std::exp(-g)) * double(up.data()[i]);
      // exp 0.78 ulp, sum, quotient and product half an ulp each: 3 ulp of 2^-23.
      CHECK(std::abs(double(y.value.data()[i]) - exact) <= std::abs(exact) * 3 * 0x1p-23);
    }
  });
}

TEST_CASE("swiglu: float gradients agree with double ones") {
  const auto gate = uniform_tensor<double>(1, {2, 35}, 5.0),
             up = uniform_tensor<double>(2, {2, 35});
  qat::Tensor<double> dg({2, 35}), du({2, 35});
  qat::Tensor<float> gate_f({2, 35}), up_f({2, 35}), dg_f({2, 35}), du_f({2, 35});
  for (std::size_t i = 0; i < gate.size(); ++i) {
    gate_f.data()[i] = static_cast<float>(gate.data()[i]);  // uniform: exact
    up_f.data()[i] = static_cast<float>(up.data()[i]);
  }
  const auto run = [](auto& tape, auto& g, auto& dgate, auto& u, auto& dup) {
    tape.backward(weighted_sum(tape, qat::swiglu(tape, tape.parameter(g.view(), dgate.view()),
                                                 tape.parameter(u.view(), dup.view()))));
  };
  auto gate_d = gate, up_d = up;
  run_planned<double>(qat::tape_mode::train, [&](auto& t) { run(t, gate_d, dg, up_d, du); });
  run_planned<float>(qat::tape_mode::train, [&](auto& t) { run(t, gate_f, dg_f, up_f, du_f); });
  for (std::size_t i = 0; i < gate.size(); ++i) {
    // s within 3 ulp; 1 + g (1 - s) is at most 1.6 with an error of 6 (3 + 1) 2^-24; two products and a sum on top.
    CHECK(std::abs(double(dg_f.data()[i]) - dg.data()[i]) <= 40 * 0x1p-24);
    CHECK(std::abs(double(du_f.data()[i]) - du.data()[i]) <= 40 * 0x1p-24);
  }
}

TEST_CASE("add and swiglu: shapes that differ throw") {
  qat::Arena arena(1024);
  qat::Tape<float> tape(arena, qat::tape_mode::infer);
  const auto a = tape.make(qat::Shape{2, 3}, false), b = tape.make(qat::Shape{3, 2}, false);
  CHECK_THROWS_AS(qat::add(tape, a, b), qat::ContractViolation);
  CHECK_THROWS_AS(qat::swiglu(tape, a, b), qat::ContractViolation);
}

TEST_CASE("weighted_sum: two scalars in a mixture, with their gradients") {
  const auto scalar = [](double value) {
    qat::Tensor<double> t(qat::Shape{1});
    t.data()[0] = value;
    return t;
  };
  qat::testing::check_gradient_of(
      {scalar(0.7), scalar(-1.3)},
      [](qat::Tape<double>& tape, const std::vector<qat::Variable<double>>& x) {
        return qat::weighted_sum(tape, 0.25, x[0], 0.75, x[1]);
      });
  qat::Arena arena(4096);
  qat::Tape<float> tape(arena, qat::tape_mode::infer);
  auto a = tape.make(qat::Shape{1}, false), b = tape.make(qat::Shape{1}, false);
  *a.value.data() = 2.0f;
  *b.value.data() = 4.0f;
  CHECK(*qat::weighted_sum(tape, 0.25f, a, 0.75f, b).value.data() == 3.5f);
  CHECK_THROWS_AS(
      static_cast<void>(qat::weighted_sum(tape, 1.0f, a, 1.0f, tape.make(qat::Shape{2}, false))),
      qat::ContractViolation);
}
