#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/ops/recompute.hpp>

#include <doctest/doctest.h>

#include <vector>

#include <tests/support/tapes.hpp>

using qat::Shape;
using qat::Tape;
using qat::Tensor;
using qat::Variable;

namespace {

/// Value, gradient of the input and of a parameter, and the memory that three blocks took.
struct outcome {
  std::vector<float> numbers;
  std::size_t memory = 0;
};

outcome run(bool recomputes) {
  const Tensor<float> x = qat::testing::uniform_tensor<float>(1, Shape{6, 40});
  const Tensor<float> w = qat::testing::uniform_tensor<float>(2, Shape{6, 40});
  Tensor<float> dx(x.shape()), dw(w.shape());
  outcome found;
  const auto step = [&](qat::Arena& arena) {
    Tape<float> tape(arena, qat::tape_mode::train);
    const auto view = [](const Tensor<float>& t) {
      return qat::TensorView<float>(const_cast<float*>(t.data()), t.shape());
    };
    Variable<float> y = tape.parameter(view(x), dx.view());
    const Variable<float> gate = tape.parameter(view(w), dw.view());
    const auto block = [gate](Tape<float>& on, const Variable<float>& in) {
      Variable<float> out = in;
      for (int i = 0; i < 4; ++i) {
        const Variable<float> inner = qat::swiglu(on, gate, out);
        out = qat::add(on, out, inner);
      }
      return out;
    };
    for (int i = 0; i < 3; ++i) y = recomputes ? qat::recompute(tape, y, block) : block(tape, y);
    const Variable<float> loss = qat::testing::weighted_sum(tape, y);
    if (tape.computes()) found.numbers.push_back(*loss.value.data());
    tape.backward(loss);
    found.memory = arena.high_water();
  };
  qat::Arena plan;
  step(plan);
  qat::Arena arena(plan.high_water());
  step(arena);
  for (const Tensor<float>* t : {&dx, &dw})
    found.numbers.insert(found.numbers.end(), t->data(), t->data() + t->size());
  return found;
}

}  // namespace

TEST_CASE("recompute: the bits of what keeps everything, in less memory") {
  const outcome keeps = run(false), recomputes = run(true);
  CHECK(keeps.numbers == recomputes.numbers);
  CHECK(recomputes.memory < keeps.memory);
}

TEST_CASE("recompute: refuses a part of another shape") {
  qat::Arena plan;
  Tape<float> tape(plan, qat::tape_mode::train);
  const Variable<float> x = tape.make(Shape{2, 3}, true);
  CHECK_THROWS_AS(qat::recompute(tape, x,
                                 [](Tape<float>& on, const Variable<float>&) {
                                   return on.make(Shape{3, 2}, true);
                                 }),
                  qat::ContractViolation);
}
