#include <qat/tensor/arena.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using qat::Arena;
using qat::Shape;

namespace {

/// A step that keeps something and has scratch.
float step(Arena& arena) {
  const auto kept = arena.take<float>(Shape{3, 5});
  {
    const qat::ArenaScope scope(arena);
    const auto scratch = arena.take<double>(Shape{100});
    if (!arena.plans()) scratch.data()[99] = 2.0;
  }
  const auto small = arena.take<float>(Shape{7});
  if (arena.plans()) return 0.0f;
  kept.data()[14] = 1.0f;
  small.data()[6] = 3.0f;
  return kept.data()[14] + small.data()[6];
}

}  // namespace

TEST_CASE("Arena: the high water of a plan is exactly what the run needs") {
  Arena plan;
  CHECK(plan.plans());
  step(plan);
  CHECK(plan.high_water() == 64 + 832);  // scratch is gone when the last piece is taken
  Arena arena(plan.high_water());
  CHECK(step(arena) == 4.0f);
  CHECK(arena.high_water() == plan.high_water());
  CHECK(arena.used() == 128);
}

TEST_CASE("Arena: beyond the plan it throws with the numbers") {
  Arena arena(128);
  static_cast<void>(arena.take<float>(Shape{16}));
  CHECK_THROWS_WITH_AS(static_cast<void>(arena.take<float>(Shape{17})),
                       doctest::Contains("128 bytes where 64 of 128 are left"),
                       qat::ContractViolation);
  CHECK_THROWS_AS(arena.release(65), qat::ContractViolation);
}

TEST_CASE("Arena: pieces begin on cache lines and follow each other") {
  Arena arena(1024);
  const auto a = arena.take<char>(Shape{1});
  const auto b = arena.take<char>(Shape{65});
  const auto c = arena.take<float>(Shape{2});
  CHECK(reinterpret_cast<std::uintptr_t>(a.data()) % 64 == 0);
  CHECK(b.data() - a.data() == 64);
  CHECK(reinterpret_cast<char*>(c.data()) - b.data() == 128);
}
