#include <qat/autograd/ops/embedding.hpp>

#include <doctest/doctest.h>

#include <array>

#include <tests/support/tapes.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

TEST_CASE("embedding: its gradient goes to the rows of its tokens") {
  const std::array<std::int32_t, 5> tokens{3, 0, 3, 1, 3};
  check_gradient_of({uniform_tensor<double>(1, {5, 7})}, [&](auto& tape, const auto& v) {
    return weighted_sum(tape, qat::embedding(tape, std::span(tokens), v[0]));
  });
}

TEST_CASE("embedding: copies the rows") {
  auto table = uniform_tensor<float>(1, {4, 3});
  const std::array<std::int32_t, 2> tokens{2, 0};
  run_planned<float>(qat::tape_mode::infer, [&](qat::Tape<float>& tape) {
    const auto y = qat::embedding(tape, std::span(tokens), tape.constant(table.view()));
    if (!tape.computes()) return;
    CHECK(y.value.row(0)[2] == table.row(2)[2]);
    CHECK(y.value.row(1)[0] == table.row(0)[0]);
  });
}

TEST_CASE("embedding: a token outside the table throws with its number") {
  qat::Arena arena(1024);
  qat::Tape<float> tape(arena, qat::tape_mode::infer);
  for (const std::int32_t bad : {-1, 4}) {
    const std::array<std::int32_t, 1> tokens{bad};
    CHECK_THROWS_WITH_AS(
        qat::embedding(tape, std::span(tokens), tape.make(qat::Shape{4, 3}, false)),
        doctest::Contains(std::to_string(bad).c_str()), qat::ContractViolation);
  }
}
