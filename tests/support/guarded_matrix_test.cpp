#include <doctest/doctest.h>

#include <tests/support/guarded_matrix.hpp>

using qat::testing::guarded;
using qat::testing::GuardedMatrix;
using qat::testing::placement;

TEST_CASE("guarded_matrix: elements lie where the placement says") {
  GuardedMatrix<float> rows(3, 5, {.misalignment = 3, .gap = 1, .padding = 2});
  CHECK(rows.view().row_stride == 12);
  CHECK(rows.view().col_stride == 2);
  CHECK(reinterpret_cast<std::uintptr_t>(rows.view().data) % 64 == 12);
  GuardedMatrix<float> columns(3, 5, {.padding = 1, .by_columns = true});
  CHECK(columns.view().row_stride == 1);
  CHECK(columns.view().col_stride == 4);
  CHECK(reinterpret_cast<std::uintptr_t>(columns.view().data) % 64 == 0);
}

TEST_CASE("guarded_matrix: writing inside keeps the guards and writing outside does not") {
  for (const placement where : {placement{}, placement{.misalignment = 1, .gap = 2, .padding = 3},
                                placement{.gap = 1, .padding = 1, .by_columns = true}}) {
    auto m = guarded<float>(2, 3, where, [](std::size_t, std::size_t) { return 1.0f; });
    CHECK(m.guards_are_intact());
    const auto view = m.view();
    view.data[-1] = 0.0f;
    CHECK_FALSE(m.guards_are_intact());
  }
  auto bytes =
      guarded<std::int8_t>(2, 3, {.padding = 1}, [](auto, auto) { return std::int8_t{1}; });
  CHECK(bytes.guards_are_intact());
  bytes.view().data[3] = 0;
  CHECK_FALSE(bytes.guards_are_intact());
}

TEST_CASE("guarded_matrix: a matrix without elements is all guards") {
  GuardedMatrix<float> none(0, 4);
  CHECK(none.guards_are_intact());
  none.view().data[0] = 1.0f;
  CHECK_FALSE(none.guards_are_intact());
}
