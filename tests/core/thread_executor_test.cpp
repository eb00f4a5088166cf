#include <qat/core/parallel_for.hpp>
#include <qat/core/thread_executor.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using qat::core::ThreadExecutor;

static_assert(qat::core::executor<ThreadExecutor>);
static_assert(qat::core::executor<ThreadExecutor&>);

}  // namespace

TEST_CASE("ThreadExecutor: runs every task once for any number of threads") {
  for (std::size_t threads : {1u, 2u, 3u, 8u}) {
    ThreadExecutor pool(threads);
    CHECK(pool.thread_count() == threads);
    for (std::size_t count : {0u, 1u, 2u, 7u, 1000u}) {
      std::vector<int> calls(count, 0);
      pool.run(count, [&](std::size_t i) {
        ++calls[i];
      });  // unsynchronized on purpose: the join publishes
      bool once = true;
      for (int c : calls) once = once && c == 1;
      CHECK(once);
    }
  }
}

TEST_CASE("ThreadExecutor: many short calls in a row lose no task") {
  ThreadExecutor pool(4);
  std::size_t total = 0;
  for (std::size_t round = 0; round < 2000; ++round) {
    std::atomic<std::size_t> calls{0};
    pool.run(round % 5, [&](std::size_t) { calls.fetch_add(1, std::memory_order_relaxed); });
    total += calls.load();
  }
  CHECK(total == 2000 / 5 * (0 + 1 + 2 + 3 + 4));
}

TEST_CASE("ThreadExecutor: the tasks really run on more than one thread") {
  ThreadExecutor pool(2);
  std::atomic<int> arrived{0};
  // Each task waits for the other: one thread alone would never finish.
  pool.run(2, [&](std::size_t) {
    arrived.fetch_add(1);
    while (arrived.load() < 2) std::this_thread::yield();
  });
  CHECK(arrived.load() == 2);
}

TEST_CASE("ThreadExecutor: parallel_for gives the same sums on any number of threads") {
  const auto sums = [](auto&& executor) {
    std::vector<float> partial(34, 0.0f);
    qat::core::parallel_for(executor, 1000, 30, [&](std::size_t begin, std::size_t end) {
      float sum = 0.0f;
      for (std::size_t i = begin; i < end; ++i) sum += 1.0f / static_cast<float>(i + 1);
      partial[begin / 30] = sum;
    });
    return partial;
  };
  const std::vector<float> expected = sums(qat::core::serial_executor{});
  for (std::size_t threads : {1u, 2u, 5u}) CHECK(sums(ThreadExecutor(threads)) == expected);
}

TEST_CASE("ThreadExecutor: rethrows an exception and can be used again") {
  for (std::size_t threads : {1u, 2u, 4u}) {
    ThreadExecutor pool(threads);
    for (std::size_t thrower : {0u, 57u, 99u}) {
      std::string text;
      try {
        pool.run(100, [&](std::size_t i) {
          if (i == thrower) throw std::runtime_error("task " + std::to_string(i));
        });
      } catch (const std::runtime_error& error) {
        text = error.what();
      }
      CHECK(text == "task " + std::to_string(thrower));
    }
    std::atomic<int> calls{0};
    CHECK_THROWS_AS(pool.run(100,
                             [&](std::size_t) {
                               ++calls;
                               throw std::runtime_error("every task");
                             }),
                    std::runtime_error);
    CHECK(calls.load() >= 1);
    CHECK(calls.load() <= static_cast<int>(threads));  // tasks not begun are skipped
    std::atomic<int> after{0};
    pool.run(10, [&](std::size_t) { ++after; });
    CHECK(after.load() == 10);
  }
}

TEST_CASE("ThreadExecutor: a nested run is refused and the executor survives") {
  for (std::size_t threads : {1u, 3u}) {
    ThreadExecutor pool(threads);
    std::string text;
    try {
      pool.run(3, [&](std::size_t) { pool.run(1, [](std::size_t) {}); });
    } catch (const qat::ContractViolation& violation) {
      text = violation.what();
    }
    CHECK(text.find("run: expected idle; got a call in progress") == 0);
    std::atomic<int> after{0};
    pool.run(10, [&](std::size_t) { ++after; });
    CHECK(after.load() == 10);
  }
}

TEST_CASE("ThreadExecutor: a task may use an executor of its own") {
  ThreadExecutor outer(2);
  std::atomic<int> calls{0};
  outer.run(4, [&](std::size_t) {
    ThreadExecutor inner(2);
    inner.run(5, [&](std::size_t) { ++calls; });
  });
  CHECK(calls.load() == 20);
}

TEST_CASE("ThreadExecutor: zero threads are refused") {
  CHECK_THROWS_AS(ThreadExecutor(0), qat::ContractViolation);
}
