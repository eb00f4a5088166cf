#pragma once

#include <qat/autograd/gradient_check.hpp>
#include <qat/autograd/tape.hpp>
#include <qat/kernels/arithmetic.hpp>
#include <qat/tensor/tensor.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <tests/support/floats.hpp>

/// \file
/// What the tests of operations share: random tensors, a scalar from any tensor, runs on an arena of the planned size.

namespace qat::testing {

template <class T>
[[nodiscard]] Tensor<T> uniform_tensor(std::uint64_t seed, const Shape& shape, T magnitude = T{1}) {
  Tensor<T> t(shape);
  for (std::size_t i = 0; i < t.size(); ++i)
    t.data()[i] = static_cast<T>(uniform(seed, i)) * magnitude;
  return t;
}

/// sum_i c_i x_i with fixed c_i that differ from each other: a loss whose gradient is not uniform.
template <class T>
[[nodiscard]] Variable<T> weighted_sum(Tape<T>& tape, const Variable<T>& x) {
  const auto weight = [](std::size_t i) { return static_cast<T>(uniform(77, i)); };
  const Variable<T> y = tape.make(Shape{}, x.tracked);
  if (tape.computes()) {
    *y.value.data() = T{0};
    for (std::size_t i = 0; i < x.value.size(); ++i)
      *y.value.data() = arithmetic::fma(x.value.data()[i], weight(i), *y.value.data());
  }
  tape.record(y, [x, y, weight](Tape<T>& t) {
    if (!t.computes()) return;
    for (std::size_t i = 0; i < x.value.size(); ++i)
      x.gradient.data()[i] = arithmetic::fma(*y.gradient.data(), weight(i), x.gradient.data()[i]);
  });
  return y;
}

/// Fails where the gradient of f and its difference quotient differ by more than the quotient's error: h = 1e-5 gives
/// 2e-11 |f'''| + 1e-11 |f| (gradient_check.hpp), and no function here has a third derivative or value near 1e3.
template <class F>
void check_gradient_of(std::vector<Tensor<double>> parameters, F&& f) {
  const gradient_error e = check_gradient(f, parameters);
  INFO(to_string(e));
  CHECK(e.largest < 3e-8);
}

/// Runs f(tape) on an arena of exactly the planned size, and says whether the plan was right.
template <class T, class F>
void run_planned(tape_mode mode, F&& f, core::executor_reference executor = {}) {
  Arena plan;
  {
    Tape<T> tape(plan, mode, executor);
    f(tape);
  }
  Arena arena(plan.high_water());
  Tape<T> tape(arena, mode, executor);
  f(tape);
  CHECK(arena.high_water() == plan.high_water());
}

}  // namespace qat::testing
