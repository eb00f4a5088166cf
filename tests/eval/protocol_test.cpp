#include <qat/eval/protocol.hpp>

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

TEST_CASE("protocol: documents are cut and those without a prediction dropped") {
  const std::vector<std::vector<std::int32_t>> texts{{1, 5, 6, 7}, {1}, {}, {1, 2}};
  const auto all = qat::eval::documents(texts, 3);
  CHECK(all == qat::eval::sequences{{1, 5, 6}, {1, 2}});
  CHECK_THROWS_AS(static_cast<void>(qat::eval::documents(texts, 1)), qat::ContractViolation);
}

TEST_CASE("protocol: blocks are whole and the remainder is dropped") {
  std::vector<std::int32_t> text(11);
  std::iota(text.begin(), text.end(), 0);
  CHECK(qat::eval::blocks(text, 4) == qat::eval::sequences{{0, 1, 2, 3}, {4, 5, 6, 7}});
  CHECK(qat::eval::blocks(text, 4, 1).size() == 1);
  CHECK(qat::eval::blocks(text, 11).size() == 1);
  CHECK(qat::eval::blocks(text, 12).empty());
  CHECK_THROWS_AS(static_cast<void>(qat::eval::blocks(text, 0)), qat::ContractViolation);
}
