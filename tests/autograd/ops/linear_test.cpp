#include <qat/autograd/ops/linear.hpp>
#include <qat/core/thread_executor.hpp>

#include <doctest/doctest.h>

#include <vector>

#include <tests/support/tapes.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

/// The panels of a variable's value, made on the tape's arena.

}  // namespace

TEST_CASE("linear: its gradients are those of the product and of the bias") {
  check_gradient_of({uniform_tensor<double>(1, {13, 7}), uniform_tensor<double>(2, {35, 7}),
                     uniform_tensor<double>(3, {35})},
                    [](auto& tape, const auto& v) {
                      const auto y =
                          qat::linear(tape, v[0], v[1], qat::pack_weight(tape, v[1]), {v[2]});
                      return weighted_sum(tape, y);
                    });
}

TEST_CASE("linear: float gradients are chains in ascending order on any number of threads") {
  constexpr std::size_t rows = 19, in = 9, out = 37;
  auto x = uniform_tensor<float>(1, {rows, in}), w = uniform_tensor<float>(2, {out, in});
  const auto dy = [](std::size_t i) { return uniform(77, i); };  // weighted_sum's
  std::vector<qat::Tensor<float>> dxs, dws;
  for (const unsigned count : {1u, 2u, 3u}) {
    qat::core::ThreadExecutor threads(count);
    dxs.emplace_back(qat::Shape{rows, in});
    dws.push_back(uniform_tensor<float>(5, {out, in}));  // gradients that are there already
    run_planned<float>(
        qat::tape_mode::train,
        [&](qat::Tape<float>& tape) {
          const auto v = tape.parameter(x.view(), dxs.back().view());
          const auto weight = tape.parameter(w.view(), dws.back().view());
          tape.backward(
              weighted_sum(tape, qat::linear(tape, v, weight, qat::pack_weight(tape, weight))));
        },
        threads);
  }
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t i = 0; i < in; ++i) {
      float sum = 0.0f;
      for (std::size_t o = 0; o < out; ++o) sum = qat::core::fma(dy(n * out + o), w.row(o)[i], sum);
      for (const auto& dx : dxs) CHECK(dx.row(n)[i] == sum);
    }
  for (std::size_t o = 0; o < out; ++o)
    for (std::size_t i = 0; i < in; ++i) {
      float sum = uniform(5, o * in + i);
      for (std::size_t n = 0; n < rows; ++n)
        sum = qat::core::fma(dy(n * out + o), x.row(n)[i], sum);
      for (const auto& dw : dws) CHECK(dw.row(o)[i] == sum);
    }
}

TEST_CASE("linear: shapes that disagree throw with the shapes") {
  qat::Arena arena(4096);
  qat::Tape<float> tape(arena, qat::tape_mode::infer);
  const auto x = tape.make(qat::Shape{2, 3}, false), w = tape.make(qat::Shape{4, 5}, false);
  CHECK_THROWS_WITH_AS(qat::linear(tape, x, w, qat::pack_weight(tape, w)),
                       doctest::Contains("2x3 times 4x5"), qat::ContractViolation);
}
