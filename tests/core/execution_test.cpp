#include <qat/core/execution.hpp>
#include <qat/core/thread_executor.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <type_traits>
#include <vector>

TEST_CASE("execution: backends and parallel executions are accepted and nothing else") {
  CHECK(qat::execution<qat::scalar>);
  CHECK(qat::execution<qat::simd<>>);
  CHECK(qat::execution<qat::parallel_execution<qat::core::ThreadExecutor, qat::simd<>>>);
  CHECK(!qat::execution<int>);
  CHECK(!qat::execution<std::vector<float>>);
}

TEST_CASE("execution: parallel runs every block once on its executor") {
  qat::core::ThreadExecutor threads(3);
  const auto e = qat::parallel(threads, qat::scalar{});
  CHECK(
      std::is_same_v<qat::detail::execution_traits<std::remove_const_t<decltype(e)>>::backend_type,
                     qat::scalar>);
  std::vector<int> seen(1000, 0);
  qat::detail::execution_traits<std::remove_const_t<decltype(e)>>::run(
      e, seen.size(), 7, [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) ++seen[i];
      });
  for (const int count : seen) REQUIRE(count == 1);
}
