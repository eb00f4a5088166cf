// error: qat defines every result to the bit and cannot do so under fast-math: remove -ffast-math
// flags: -ffast-math
#include <qat/config.hpp>

int main() {
  return 0;
}
