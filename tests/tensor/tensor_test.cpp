#include <qat/tensor/tensor.hpp>

#include <Eigen/Core>
#include <doctest/doctest.h>

#include <cstdint>
#include <utility>

using qat::Shape;
using qat::Tensor;

TEST_CASE("Tensor: begins at zero and on a cache line") {
  const Tensor<float> t(Shape{3, 5});
  CHECK(reinterpret_cast<std::uintptr_t>(t.data()) % 64 == 0);
  for (const float x : t.elements()) CHECK(x == 0.0f);
  CHECK(t.row(1) == t.data() + 5);
  CHECK(Tensor<float>().size() == 0);
}

TEST_CASE("Tensor: copies are deep and moves leave nothing behind") {
  Tensor<int> a(Shape{2, 2});
  a.row(1)[0] = 7;
  Tensor<int> b = a;
  b.row(1)[0] = 8;
  CHECK(a.row(1)[0] == 7);
  const int* const memory = b.data();
  Tensor<int> c = std::move(b);
  CHECK(c.data() == memory);
  CHECK(b.size() == 0);  // NOLINT(bugprone-use-after-move): documented
  a = c;
  CHECK(a.row(1)[0] == 8);
  CHECK(a.data() != c.data());
}

TEST_CASE("Tensor: to and from Eigen without a copy and with one") {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic>;  // columns contiguous
  using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Matrix m(2, 3);
  m << 1, 2, 3, 4, 5, 6;
  Tensor<float> t = Tensor<float>::copy_of(m);
  CHECK(t.shape() == Shape{2, 3});
  CHECK(t.row(1)[2] == 6.0f);
  Eigen::Map<Rows> map(t.data(), 2, 3);
  map(0, 1) = 9.0f;
  CHECK(t.row(0)[1] == 9.0f);
  CHECK(qat::as_view(m).data == m.data());
}
