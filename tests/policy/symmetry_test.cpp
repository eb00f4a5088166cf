#include <qat/policy/symmetry.hpp>

#include <doctest/doctest.h>

TEST_CASE("symmetry: the codes of every width") {
  for (int bits = 1; bits <= 8; ++bits) {
    const int half = 1 << (bits - 1);
    CHECK(qat::symmetric::qmin(bits) == -(half - 1));
    CHECK(qat::symmetric::qmax(bits) == half - 1);
    CHECK(qat::symmetric_full::qmin(bits) == -half);
    CHECK(qat::symmetric_full::qmax(bits) == half - 1);
    CHECK(qat::affine::qmin(bits) == 0);
    CHECK(qat::affine::qmax(bits) == 2 * half - 1);
    CHECK(qat::affine_signed::qmin(bits) == -half);
    CHECK(qat::affine_signed::qmax(bits) == half - 1);
  }
}
