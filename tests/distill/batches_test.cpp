#include <qat/distill/batches.hpp>

#include <doctest/doctest.h>

#include <set>

using namespace qat::distill;

TEST_CASE("concatenated_blocks: one behind the other, the remainder dropped") {
  const sequences all{{1, 2, 3}, {4}, {5, 6, 7, 8}};
  CHECK(concatenated_blocks(all, 3) == sequences{{1, 2, 3}, {4, 5, 6}});
  CHECK(concatenated_blocks(all, 8) == sequences{{1, 2, 3, 4, 5, 6, 7, 8}});
  CHECK(concatenated_blocks(all, 9).empty());
  CHECK_THROWS_AS(static_cast<void>(concatenated_blocks(all, 0)), qat::ContractViolation);
}

TEST_CASE("training_rows: every token is a row, the last of a sequence has no target") {
  training_rows rows;
  rows.add(std::vector<std::int32_t>{7, 8, 9});
  rows.add(std::vector<std::int32_t>{5});
  CHECK(rows.tokens == std::vector<std::int32_t>{7, 8, 9, 5});
  CHECK(rows.targets == std::vector<std::int32_t>{8, 9, -1, -1});
  CHECK(rows.positions == std::vector<std::uint32_t>{0, 1, 2, 0});
  REQUIRE(rows.documents.size() == 2);
  CHECK(rows.documents[1].first == 3);
  CHECK(rows.documents[1].count == 1);
}

TEST_CASE("DataOrder: all sequences once an epoch, whatever was asked before") {
  DataOrder order(5, true, 3);
  std::vector<std::size_t> first;
  for (std::uint64_t draw = 0; draw < 10; ++draw) first.push_back(order(draw));
  CHECK(std::set<std::size_t>(first.begin(), first.begin() + 5).size() == 5);
  CHECK(std::set<std::size_t>(first.begin() + 5, first.end()).size() == 5);
  CHECK(std::vector<std::size_t>(first.begin(), first.begin() + 5) !=
        std::vector<std::size_t>(first.begin() + 5, first.end()));
  DataOrder resumed(5, true, 3);
  CHECK(resumed(7) == first[7]);
  CHECK(resumed(2) == first[2]);
  DataOrder plain(5, false, 3);
  CHECK(plain(7) == 2);
  CHECK_THROWS_AS(DataOrder(0, true, 1), qat::ContractViolation);
}
