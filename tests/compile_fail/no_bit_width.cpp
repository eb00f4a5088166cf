// error(g++): required for the satisfaction of 'a_bit_width_is_named<Ps ...>' .with Ps = .qat::per_token..
// error(clang++): because 'qat::per_token' does not satisfy 'a_bit_width_is_named'
#include <qat/quant/quantizer.hpp>

#if defined(QAT_EXPECT_FAIL)
using A = qat::Quantizer<qat::per_token>;
#else
using A = qat::Quantizer<qat::per_token, qat::bits<8>>;
#endif

int main() {
  return A::qmax == 127 ? 0 : 1;
}
