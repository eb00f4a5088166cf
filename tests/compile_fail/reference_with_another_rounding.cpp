// error(g++): required for the satisfaction of 'llmqat_reference_keeps_its_own_policies<
// error(clang++): does not satisfy 'llmqat_reference_keeps_its_own_policies'
#include <qat/quant/quantizer.hpp>

#if defined(QAT_EXPECT_FAIL)
using W = qat::Quantizer<qat::bits<4>, qat::llmqat_reference, qat::round_floor>;
#else
using W = qat::Quantizer<qat::bits<4>, qat::llmqat_reference>;
#endif

int main() {
  return W::qmax == 7 ? 0 : 1;
}
