// error(g++): required for the satisfaction of 'one_bit_is_affine_only<
// error(clang++): does not satisfy 'one_bit_is_affine_only'
#include <qat/quant/quantizer.hpp>

#if defined(QAT_EXPECT_FAIL)
using W = qat::Quantizer<qat::bits<1>, qat::affine_signed, qat::min_max>;
#else
using W = qat::Quantizer<qat::bits<1>, qat::affine>;
#endif

int main() {
  return W::qmax == 1 ? 0 : 1;
}
