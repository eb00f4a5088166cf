#include <qat/core/parallel_for.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tests/support/executors.hpp>

using qat::testing::backward_executor;

namespace {

using blocks = std::vector<std::pair<std::size_t, std::size_t>>;

blocks blocks_of(std::size_t count, std::size_t block) {
  blocks seen;
  qat::core::parallel_for(
      qat::core::serial_executor{}, count, block,
      [&](std::size_t begin, std::size_t end) { seen.emplace_back(begin, end); });
  return seen;
}

struct no_executor {
  void run(int) {}
};

static_assert(qat::core::executor<qat::core::serial_executor>);
static_assert(qat::core::executor<const qat::core::serial_executor&>);
static_assert(qat::core::executor<backward_executor&>);
static_assert(!qat::core::executor<no_executor>);
static_assert(!qat::core::executor<int>);

}  // namespace

TEST_CASE("parallel_for: blocks cover the range once and only the last is short") {
  CHECK(blocks_of(10, 3) == blocks{{0, 3}, {3, 6}, {6, 9}, {9, 10}});
  CHECK(blocks_of(9, 3) == blocks{{0, 3}, {3, 6}, {6, 9}});
  CHECK(blocks_of(2, 3) == blocks{{0, 2}});
  CHECK(blocks_of(3, 1) == blocks{{0, 1}, {1, 2}, {2, 3}});
  CHECK(blocks_of(0, 3).empty());
}

TEST_CASE("parallel_for: counts near the end of size_t do not overflow") {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  CHECK(blocks_of(most, most - 1) == blocks{{0, most - 1}, {most - 1, most}});
  CHECK(blocks_of(most, most) == blocks{{0, most}});
}

TEST_CASE("parallel_for: a block of zero is refused") {
  std::string text;
  try {
    blocks_of(1, 0);
  } catch (const qat::ContractViolation& violation) {
    text = violation.what();
  }
  CHECK(text.find("parallel_for: expected block > 0; got 0") == 0);
}

TEST_CASE("parallel_for: takes any executor and the same blocks in its order") {
  backward_executor backward;
  blocks seen;
  qat::core::parallel_for(
      backward, 7, 3, [&](std::size_t begin, std::size_t end) { seen.emplace_back(begin, end); });
  CHECK(seen == blocks{{6, 7}, {3, 6}, {0, 3}});
}

TEST_CASE("serial_executor: runs in order and stops at the first exception") {
  std::vector<std::size_t> seen;
  CHECK_THROWS_AS(qat::core::serial_executor{}.run(5,
                                                   [&](std::size_t i) {
                                                     if (i == 2) throw std::runtime_error("two");
                                                     seen.push_back(i);
                                                   }),
                  std::runtime_error);
  CHECK(seen == std::vector<std::size_t>{0, 1});
}
