#pragma once

#include <qat/tensor/arena.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

/// \file
/// An arena that fits whatever is run on it next.

namespace qat {

/// Runs steps of changing shapes in one block of memory, which grows when a step needs more.
class Workspace {
 public:
  /// step(arena) on a planning arena, then on one that is large enough.
  ///
  /// Throws  what step throws; std::bad_alloc.
  /// Cost    the plan; an allocation where a step needs more than any before it.
  template <class F>
  void run(F&& step) {
    Arena plan;
    step(plan);
    if (plan.high_water() > arena_.capacity() || arena_.plans())
      arena_ = Arena(std::max(plan.high_water(), 2 * arena_.capacity()));
    arena_.release(0);
    step(arena_);
  }

  /// Bytes of the block.
  [[nodiscard]] std::size_t capacity() const { return arena_.capacity(); }

 private:
  Arena arena_;
};

}  // namespace qat
