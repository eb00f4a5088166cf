#include <qat/quant.hpp>

#include "levels.hpp"

std::vector<float> levels_of_second_unit(const std::vector<float>& x, std::size_t rows,
                                         std::size_t cols) {
  using W4 = qat::Quantizer<qat::bits<4>, qat::per_channel>;
  const qat::matrix_view<const float> in{x.data(), rows, cols};
  std::vector<float> levels(x.size());
  const auto p = qat::calibrate<W4>(in);
  qat::fake_quantize<W4>(in, p, qat::matrix_view<float>{levels.data(), rows, cols});
  return levels;
}
