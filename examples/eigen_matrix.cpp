// Eigen matrices of either storage order, their blocks and maps, straight into the library: no copy, no wrapper.

#include <qat/quant.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

using W4 = qat::Quantizer<qat::bits<4>, qat::per_channel>;

using CodeMatrix = Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

int main() {
  Eigen::MatrixXf weight = Eigen::MatrixXf::Random(8, 96);  // (O, I), column-major
  const Eigen::MatrixXf original = weight;

  // A block is quantized in place; the rest stays as it is.
  auto left = weight.leftCols(64);
  const auto params = qat::calibrate<W4>(left);
  qat::fake_quantize<W4>(left, params, left);

  // Codes of another storage order, and back.
  CodeMatrix codes(8, 64);
  qat::quantize<W4>(original.leftCols(64), params, codes);
  Eigen::MatrixXf back(8, 64);
  qat::dequantize<W4>(codes, params, back);

  // Bytes to ship.
  std::vector<std::uint8_t> bytes(qat::packed_bytes<W4>(8, 64));
  qat::pack<W4>(codes, bytes);

  const bool same = back == left && weight.rightCols(32) == original.rightCols(32);
  std::printf("%zu bytes for 8 x 64 weights, largest error %.4f of a step\n", bytes.size(),
              static_cast<double>((original.leftCols(64) - back).cwiseAbs().maxCoeff() /
                                  *std::max_element(params.scales.begin(), params.scales.end())));
  std::printf("fake-quantized in place and dequantized from codes: %s\n",
              same ? "the same bits" : "different");
  return same ? 0 : 1;
}
