// error(g++): required for the satisfaction of 'one_policy_per_kind<Ps ...>' .with Ps = .qat::bits<4>, qat::bits<8>..
// error(clang++): because 'one_policy_per_kind<qat::bits<4>, qat::bits<8> >' evaluated to false
#include <qat/quant/quantizer.hpp>

#if defined(QAT_EXPECT_FAIL)
using W = qat::Quantizer<qat::bits<4>, qat::bits<8>>;
#else
using W = qat::Quantizer<qat::bits<4>>;
#endif

int main() {
  return W::qmax == 7 ? 0 : 1;
}
