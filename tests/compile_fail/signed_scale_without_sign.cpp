// error(g++): required for the satisfaction of 'signed_scale_has_a_signed_format<
// error(clang++): does not satisfy 'signed_scale_has_a_signed_format'
#include <qat/quant/quantizer.hpp>

#if defined(QAT_EXPECT_FAIL)
using W = qat::Quantizer<qat::bits<4>, qat::signed_absmax, qat::power_of_two_scale>;
#else
using W = qat::Quantizer<qat::bits<4>, qat::signed_absmax, qat::fp16_scale>;
#endif

int main() {
  return W::qmax == 7 ? 0 : 1;
}
