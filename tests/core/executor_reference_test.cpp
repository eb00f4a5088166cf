#include <qat/core/executor_reference.hpp>
#include <qat/core/thread_executor.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

#include <tests/support/executors.hpp>

using qat::testing::backward_executor;

static_assert(qat::core::executor<qat::core::executor_reference>);

TEST_CASE("executor_reference: runs the tasks on the executor it was made from") {
  backward_executor backward;
  const qat::core::executor_reference reference(backward);
  std::vector<std::size_t> order;
  qat::core::parallel_for(reference, 5, 2,
                          [&](std::size_t begin, std::size_t) { order.push_back(begin); });
  CHECK(backward.calls == 1);
  CHECK(order == std::vector<std::size_t>{4, 2, 0});
}

TEST_CASE("executor_reference: without an executor the tasks run in the caller's thread") {
  std::vector<std::size_t> order;
  qat::core::executor_reference{}.run(3, [&](std::size_t i) { order.push_back(i); });
  CHECK(order == std::vector<std::size_t>{0, 1, 2});
}

TEST_CASE("executor_reference: runs on threads and passes exceptions on") {
  qat::core::ThreadExecutor threads(3);
  const qat::core::executor_reference reference(threads);
  std::atomic<int> sum{0};
  reference.run(100, [&](std::size_t i) { sum += static_cast<int>(i); });
  CHECK(sum == 4950);
  CHECK_THROWS_AS(reference.run(4, [](std::size_t) { throw std::runtime_error("task"); }),
                  std::runtime_error);
}
