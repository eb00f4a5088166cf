// error(g++): required for the satisfaction of 'range_fits_affine_codes<
// error(clang++): does not satisfy 'range_fits_affine_codes'
#include <qat/quant/quantizer.hpp>

#if defined(QAT_EXPECT_FAIL)
using W = qat::Quantizer<qat::bits<4>, qat::affine, qat::absmax_half_span>;
#else
using W = qat::Quantizer<qat::bits<4>, qat::affine, qat::min_max>;
#endif

int main() {
  return W::qmax == 15 ? 0 : 1;
}
