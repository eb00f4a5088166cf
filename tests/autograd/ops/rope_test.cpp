#include <qat/autograd/ops/rope.hpp>

#include <doctest/doctest.h>

#include <array>

#include <tests/support/tapes.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

const std::array<std::uint32_t, 3> positions{4, 0, 11};

}  // namespace

TEST_CASE("rope: its gradient is that of the rotation in both layouts") {
  for (const auto layout : {qat::rope_layout::half_split, qat::rope_layout::interleaved}) {
    const qat::RopeTable<double> table({.layout = layout}, 6, 12);
    check_gradient_of({uniform_tensor<double>(1, {3, 12})}, [&](auto& tape, const auto& v) {
      return weighted_sum(tape, qat::rope(tape, v[0], std::span(positions), table));
    });
  }
}

TEST_CASE("rope: each row is rotated by its own position whoever stands beside it") {
  const qat::RopeTable<float> table({}, 6, 12);
  auto x = uniform_tensor<float>(1, {3, 12});
  run_planned<float>(qat::tape_mode::infer, [&](qat::Tape<float>& tape) {
    const auto y = qat::rope(tape, tape.constant(x.view()), std::span(positions), table);
    if (!tape.computes()) return;
    for (std::size_t r = 0; r < 3; ++r) {
      std::array<float, 12> alone{};
      qat::rotate_row(table, positions[r], 2, x.row(r), alone.data());
      CHECK(std::equal(alone.begin(), alone.end(), y.value.row(r)));
    }
  });
}

TEST_CASE("rope: a position beyond the table and heads that do not divide throw") {
  const qat::RopeTable<float> table({}, 6, 11), wide({}, 8, 12);
  qat::Arena arena(1024);
  qat::Tape<float> tape(arena, qat::tape_mode::infer);
  const auto x = tape.make(qat::Shape{3, 12}, false);
  CHECK_THROWS_WITH_AS(qat::rope(tape, x, std::span(positions), table),
                       doctest::Contains("position 11 of a table of 11"), qat::ContractViolation);
  CHECK_THROWS_AS(qat::rope(tape, x, std::span(positions), wide), qat::ContractViolation);
  CHECK_THROWS_AS(qat::rope(tape, x, std::span(positions).first(2), table), qat::ContractViolation);
}
