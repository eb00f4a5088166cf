#include <qat/tensor/shape.hpp>

#include <doctest/doctest.h>

#include <limits>

using qat::Shape;

TEST_CASE("Shape: rows and columns are the matrix of the last extent") {
  const Shape shape{2, 3, 5};
  CHECK(shape.rank() == 3);
  CHECK(shape.size() == 30);
  CHECK(shape.rows() == 6);
  CHECK(shape.cols() == 5);
  CHECK(shape[1] == 3);
  CHECK(shape.extents() == std::vector<std::uint64_t>{2, 3, 5});
  CHECK(Shape{}.extents().empty());
  CHECK(qat::to_string(shape) == "2x3x5");
  CHECK(Shape{7}.rows() == 1);
  CHECK(Shape{4, 0}.size() == 0);
}

TEST_CASE("Shape: a scalar has one element") {
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{}.cols() == 1);
  CHECK(Shape{}.rows() == 1);
  CHECK(qat::to_string(Shape{}) == "scalar");
}

TEST_CASE("Shape: equal only with the same extents and rank") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK(Shape{2, 3} != Shape{3, 2});
  CHECK(Shape{2} != Shape{2, 1});
}

TEST_CASE("Shape: five extents and products beyond size_t throw") {
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1}), qat::ContractViolation);
  const std::size_t half = std::size_t{1} << (std::numeric_limits<std::size_t>::digits / 2);
  CHECK_THROWS_AS((Shape{half, half}), qat::ContractViolation);
  CHECK_NOTHROW(Shape{half - 1, half});
}
