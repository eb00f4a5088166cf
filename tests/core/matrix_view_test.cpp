#include <qat/core/matrix_view.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace {

/// The part of Eigen's interface that the concept asks for.
struct column_major {
  std::vector<float> values{1, 2, 3, 4, 5, 6};
  const float* data() const { return values.data(); }
  float* data() { return values.data(); }
  std::ptrdiff_t rows() const { return 2; }
  std::ptrdiff_t cols() const { return 3; }
  std::ptrdiff_t rowStride() const { return 1; }
  std::ptrdiff_t colStride() const { return 2; }
};

}  // namespace

TEST_CASE("matrix_view: strides are counted in elements and may be negative") {
  std::array<int, 6> values{0, 1, 2, 3, 4, 5};
  const qat::matrix_view<int> rows(values.data(), 2, 3);
  CHECK(rows(1, 2) == 5);
  const qat::matrix_view<int> backwards(values.data() + 5, 2, 3, -3, -1);
  CHECK(backwards(0, 0) == 5);
  CHECK(backwards(1, 2) == 0);
  CHECK(rows.size() == 6);
}

TEST_CASE("as_view: a strided matrix keeps its storage order and its constness") {
  column_major m;
  const auto view = qat::as_view(m);
  CHECK(view(0, 0) == 1.0f);
  CHECK(view(1, 0) == 2.0f);
  CHECK(view(0, 2) == 5.0f);
  CHECK(std::is_same_v<decltype(view), const qat::matrix_view<float>>);
  const column_major& constant = m;
  CHECK(std::is_same_v<decltype(qat::as_view(constant)), qat::matrix_view<const float>>);
  CHECK(qat::writable_matrix<column_major&, float>);
  CHECK(!qat::writable_matrix<const column_major&, float>);
  CHECK(qat::readable_matrix<const column_major&, float>);
}

TEST_CASE("as_view: a range is one row") {
  std::vector<float> values(5, 1.0f);
  const auto view = qat::as_view(values);
  CHECK(view.rows == 1);
  CHECK(view.cols == 5);
  CHECK(qat::as_view(std::span<const float>(values)).cols == 5);
  CHECK(!qat::readable_matrix<std::vector<double>&, float>);
}
