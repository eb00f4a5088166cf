#include <qat/tensor/workspace.hpp>

#include <doctest/doctest.h>

TEST_CASE("Workspace: every step has room and none plans for real") {
  qat::Workspace workspace;
  int computed = 0;
  for (const std::size_t n : {100u, 10u, 1000u, 1500u, 0u}) {
    workspace.run([&](qat::Arena& arena) {
      const auto view = arena.take<float>(qat::Shape{n});
      if (arena.plans()) return;
      ++computed;
      if (n != 0) view.data()[n - 1] = 1.0f;
    });
    CHECK(workspace.capacity() >= n * sizeof(float));
  }
  CHECK(computed == 5);
  CHECK(workspace.capacity() == 2 * 4032);  // 1500 floats fit twice what 1000 needed
}
