#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 warns of its own AVX-512 intrinsics, which Eigen includes.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <Eigen/Core>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

// After Eigen on purpose: matrices are recognized in any include order.
#include <qat/quant/fake_quantize.hpp>

#include <doctest/doctest.h>

TEST_CASE("eigen: included before the library") {
  using Q = qat::Quantizer<qat::bits<8>, qat::per_token>;
  Eigen::MatrixXf x = Eigen::MatrixXf::Random(3, 40);
  const auto p = qat::calibrate<Q>(x);
  CHECK(p.scales[1] == x.row(1).cwiseAbs().maxCoeff() / 127.0f);
  qat::fake_quantize<Q>(x, p, x);
  CHECK(qat::calibrate<Q>(x).scales.size() == 3);
}
