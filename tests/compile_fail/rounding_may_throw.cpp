// error(g++): the expression '.models_its_kind<Ps> && .... .with Ps = .qat::bits<4>, round_up..' evaluated to 'false'
// error(clang++): because 'round_up' does not satisfy 'models_its_kind'
// error(clang++): because 'round_up::apply.x.' may throw an exception
#include <qat/quant/quantizer.hpp>

struct round_up : qat::policy_of<qat::policy_kind::rounding> {
#if defined(QAT_EXPECT_FAIL)
  static float apply(float x);
#else
  static float apply(float x) noexcept;
#endif
};

using W = qat::Quantizer<qat::bits<4>, round_up>;

int main() {
  return W::qmax == 7 ? 0 : 1;
}
