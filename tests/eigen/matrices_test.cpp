// qat before Eigen; included_first_test.cpp includes them the other way round.
#include <qat/quant/fake_quantize.hpp>
#include <qat/quant/fake_quantize_backward.hpp>
#include <qat/quant/pack.hpp>

#include <Eigen/Core>
#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace {

using W4 = qat::Quantizer<qat::bits<4>, qat::per_channel>;
using by_columns = Eigen::MatrixXf;
using by_rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using code_matrix = Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic>;

// Everything with direct access is a matrix; an expression is not.
static_assert(qat::readable_matrix<by_columns, float>);
static_assert(qat::readable_matrix<const by_rows, float>);
static_assert(qat::writable_matrix<by_rows&, float>);
static_assert(!qat::writable_matrix<const by_rows&, float>);
static_assert(!qat::writable_matrix<Eigen::Map<const by_rows>&, float>);
static_assert(!qat::readable_matrix<by_rows, double>);
static_assert(!qat::matrix_like<decltype(by_rows() + by_rows())>);
static_assert(!qat::readable_matrix<Eigen::MatrixXd, float>);

/// x and y with any storage: the values of plain rows.
template <class X, class Y>
void check(const X& x, Y&& y) {
  by_rows rows = x;
  by_rows expected(x.rows(), x.cols());
  const auto p = qat::calibrate<W4>(rows);
  qat::fake_quantize<W4>(qat::scalar{}, rows, p, expected);
  std::vector<float> scales(p.scales.size());
  qat::calibrate<W4>(qat::scalar{}, x, {scales});
  CHECK(scales == p.scales);
  y.setZero();
  qat::fake_quantize<W4>(qat::scalar{}, x, p, y);
  CHECK(y == expected);
}

}  // namespace

TEST_CASE("eigen: matrices and arrays of either storage order") {
  const by_columns columns = by_columns::Random(9, 37);
  const by_rows rows = columns;
  by_columns y(9, 37);
  by_rows z(9, 37);
  check(columns, y);
  check(columns, z);
  check(rows, z);
  const Eigen::Matrix<float, 3, 5> fixed = Eigen::Matrix<float, 3, 5>::Random();
  Eigen::Matrix<float, 3, 5, Eigen::RowMajor> fixed_rows;
  check(fixed, fixed_rows);
  const Eigen::ArrayXXf array = columns.array();
  Eigen::ArrayXXf out(9, 37);
  std::vector<float> scales(9);
  qat::calibrate_fake_quantize<W4>(array, {scales}, out);
  CHECK(qat::calibrate<W4>(rows).scales == scales);
  CHECK((out.matrix() == y));
}

TEST_CASE("eigen: blocks and maps and transposes and references with strides") {
  by_columns whole = by_columns::Random(20, 50), target = by_columns::Zero(20, 50);
  check(whole.block(2, 3, 7, 33), target.block(1, 1, 7, 33));
  CHECK(target.row(0).isZero());
  CHECK(target.col(0).isZero());
  CHECK(target.bottomRows(12).isZero());
  CHECK(target.rightCols(16).isZero());

  std::vector<float> memory(400);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<float>(i % 23) - 11.0f;
  using stride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
  const Eigen::Map<const by_rows, 0, stride> strided(memory.data(), 6, 20, stride(50, 2));
  std::vector<float> result(400, -1.0f);
  check(strided, Eigen::Map<by_rows, 0, stride>(result.data(), 6, 20, stride(60, 3)));
  check(Eigen::Map<const by_columns>(memory.data(), 8, 30),
        Eigen::Map<by_columns>(result.data(), 8, 30));

  by_rows transposed(50, 20);
  check(whole.transpose(), transposed);
  const Eigen::Ref<const by_columns> part(whole.leftCols(9));
  by_rows y(20, 9);
  check(part, y);
  Eigen::Ref<by_columns> out(target.rightCols(9));
  check(part, out);
  const auto diagonal_free_row = whole.row(3);
  Eigen::RowVectorXf row(50);
  check(diagonal_free_row, row);
}

TEST_CASE("eigen: codes and bytes and gradients") {
  const by_columns x = by_columns::Random(5, 43);
  const auto p = qat::calibrate<W4>(x);
  code_matrix codes(5, 43), back(5, 43);
  qat::quantize<W4>(x, p, codes);
  std::vector<std::uint8_t> bytes(qat::packed_bytes<W4>(5, 43));
  qat::pack<W4>(codes, bytes);
  qat::unpack<W4>(bytes, back);
  CHECK(back == codes);
  by_rows values(5, 43), expected(5, 43);
  qat::dequantize<W4>(codes, p, values);
  qat::fake_quantize<W4>(x, p, expected);
  CHECK(values == expected);

  using masked = qat::Quantizer<qat::bits<4>, qat::per_channel, qat::fixed_mask<-2, 2>>;
  const by_columns wide = x * 4.0f, gradient = by_columns::Random(5, 43);
  by_columns dx(5, 43);
  qat::fake_quantize_backward<masked>(wide, qat::calibrate<masked>(wide), gradient, dx);
  CHECK(dx == by_columns((wide.array().abs() < 2.0f).select(gradient, 0.0f)));
}

TEST_CASE("eigen: a wrong shape throws with both shapes") {
  const by_columns x = by_columns::Random(4, 6);
  by_columns y(6, 4);
  CHECK_THROWS_WITH_AS(qat::fake_quantize<W4>(x, qat::calibrate<W4>(x), y),
                       doctest::Contains("shapes 4x6 and 6x4"), qat::ContractViolation);
}
