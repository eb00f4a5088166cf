#include <qat/tensor/tensor_view.hpp>

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

using qat::Shape;
using qat::TensorView;

TEST_CASE("TensorView: rows and columns of it are views of the same memory") {
  std::vector<float> memory(24);
  std::iota(memory.begin(), memory.end(), 0.0f);
  const TensorView<float> view(memory.data(), Shape{2, 3, 4});
  CHECK(view.rows() == 6);
  CHECK(view.row(2)[1] == 9.0f);
  CHECK(view.rows_from(4, 2).row(1)[3] == 23.0f);
  const TensorView<const float> columns = view.cols_from(1, 2);
  CHECK(columns.shape() == Shape{6, 2});
  CHECK(columns.row(3)[1] == 14.0f);
  CHECK(!columns.is_contiguous());
  CHECK(view.matrix()(5, 0) == 20.0f);
  CHECK(view.transposed()(0, 5) == 20.0f);
  CHECK(columns.transposed()(1, 3) == 14.0f);
}

TEST_CASE("TensorView: reshaping keeps the elements and refuses gaps") {
  std::vector<float> memory(24);
  const TensorView<float> view(memory.data(), Shape{4, 6});
  CHECK(view.reshaped({2, 2, 6}).row(3) == view.row(3));
  CHECK_THROWS_AS(static_cast<void>(view.reshaped({5, 5})), qat::ContractViolation);
  CHECK_THROWS_AS(static_cast<void>(view.cols_from(0, 3).reshaped({12})), qat::ContractViolation);
}

TEST_CASE("TensorView: a slice beyond the tensor throws with the shape") {
  const TensorView<float> view(nullptr, Shape{4, 6});
  CHECK_THROWS_WITH_AS(static_cast<void>(view.rows_from(3, 2)), doctest::Contains("4x6"),
                       qat::ContractViolation);
  CHECK_THROWS_AS(static_cast<void>(view.cols_from(7, 0)), qat::ContractViolation);
  CHECK(view.cols_from(2, 3).data() == nullptr);  // planned
}
