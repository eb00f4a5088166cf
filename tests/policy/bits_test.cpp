#include <qat/policy/bits.hpp>

#include <doctest/doctest.h>

TEST_CASE("bits: the width is the value") {
  CHECK(qat::bits<1>::value == 1);
  CHECK(qat::bits<8>::value == 8);
  CHECK(qat::bit_width_policy<qat::bits<4>>);
}
