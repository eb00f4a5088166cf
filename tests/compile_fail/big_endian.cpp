// error: qat supports little-endian machines only
// flags: -U__BYTE_ORDER__ -D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__
#include <qat/config.hpp>

int main() {
  return 0;
}
