#include <qat/policy/grid.hpp>

#include <doctest/doctest.h>

TEST_CASE("grid: the integers are a grid policy") {
  CHECK(qat::grid_policy<qat::integer_grid>);
  CHECK(qat::integer_grid::is_integer);
}
