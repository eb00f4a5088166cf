// error(g++): note: the expression 'N <= 8 .with N = 16.' evaluated to 'false'
// error(clang++): constraints not satisfied for class template 'bits' .with N = 16.
// error(clang++): note: because '16 <= 8' .16 <= 8. evaluated to false
#include <qat/policy/bits.hpp>

#if defined(QAT_EXPECT_FAIL)
using W = qat::bits<16>;
#else
using W = qat::bits<8>;
#endif

int main() {
  return W::value == 8 ? 0 : 1;
}
