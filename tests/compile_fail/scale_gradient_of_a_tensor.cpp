// error(g++): required for the satisfaction of 'scale_gradient_needs_a_measured_scale_of_a_group<
// error(clang++): does not satisfy 'scale_gradient_needs_a_measured_scale_of_a_group'
#include <qat/quant/quantizer.hpp>

#if defined(QAT_EXPECT_FAIL)
using W = qat::Quantizer<qat::bits<4>, qat::through_scale>;
#else
using W = qat::Quantizer<qat::bits<4>, qat::per_token, qat::through_scale>;
#endif

int main() {
  return W::qmax == 7 ? 0 : 1;
}
