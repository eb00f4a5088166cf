#include <qat/tensor/quantized_matrix.hpp>

#include <doctest/doctest.h>

#include <tests/support/tapes.hpp>

TEST_CASE(
    "quantized: the codes and parameters of calibrate and quantize, for any number of threads") {
  using Q = qat::Quantizer<qat::bits<4>, qat::per_group<16>, qat::fp16_scale>;
  const auto w = qat::testing::uniform_tensor<float>(3, qat::Shape{5, 40});
  const auto parameters = qat::calibrate<Q>(w.view().matrix());
  qat::Tensor<std::int8_t> codes(w.shape());
  qat::quantize<Q>(w.view().matrix(), parameters, codes.view().matrix());
  const auto m = qat::quantized<Q>({}, w.view());
  CHECK(m.parameters.scales == parameters.scales);
  for (std::size_t i = 0; i < codes.size(); ++i) CHECK(m.codes.data()[i] == codes.data()[i]);
}
