#pragma once

#include <cstddef>

/// \file
/// Executors of a user's own.

namespace qat::testing {

/// Runs the last task first, and counts its calls.
struct backward_executor {
  int calls = 0;
  template <class F>
  void run(std::size_t count, F&& f) {
    ++calls;
    while (count > 0) f(--count);
  }
};

}  // namespace qat::testing
