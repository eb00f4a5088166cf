#include <doctest/doctest.h>

#include <tests/support/golden.hpp>

TEST_CASE("golden: fields are split and patterns become floats") {
  CHECK(qat::testing::floats_of("3f800000 c0000000 80000000") ==
        std::vector<float>{1.0f, -2.0f, -0.0f});
  CHECK(qat::testing::words_of("ff 1a").back() == 26);
  const auto lines = qat::testing::golden_lines("ggml_blocks.txt");
  CHECK(lines.size() == 12);
  CHECK(lines[0].size() == 3);
  CHECK(lines[0][0] == "Q8_0");
  CHECK_THROWS_AS(qat::testing::golden_lines("absent.txt"), std::runtime_error);
}
