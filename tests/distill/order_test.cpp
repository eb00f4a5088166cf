#include <qat/distill/order.hpp>

#include <doctest/doctest.h>

#include <algorithm>

using qat::distill::shuffled;

TEST_CASE("shuffled: every number once, another order for another seed or stream") {
  for (const std::size_t count : {0u, 1u, 2u, 7u, 100u}) {
    std::vector<std::uint32_t> order = shuffled(count, 5, 9);
    CHECK(order == shuffled(count, 5, 9));
    if (count == 100) {
      CHECK(order != shuffled(count, 6, 9));
      CHECK(order != shuffled(count, 5, 10));
    }
    std::sort(order.begin(), order.end());
    for (std::size_t i = 0; i < count; ++i) CHECK(order[i] == i);
  }
}

TEST_CASE("shuffled: each of the orders of three is about as frequent") {
  int counts[27] = {};
  for (std::uint64_t stream = 0; stream < 6000; ++stream) {
    const auto o = shuffled(3, 1, stream);
    ++counts[9 * o[0] + 3 * o[1] + o[2]];
  }
  // Binomial (6000, 1/6): 1000 with a deviation of 29; five of them.
  for (const int i : {5, 7, 11, 15, 19, 21}) CHECK(std::abs(counts[i] - 1000) < 145);
}
