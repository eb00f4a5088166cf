// error: qat needs C\+\+20
// flags: -std=c++17
#include <qat/config.hpp>

int main() {
  return 0;
}
