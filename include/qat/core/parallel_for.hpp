#pragma once

#include <qat/config.hpp>
#include <qat/core/contracts.hpp>

#include <concepts>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

/// \file
/// Loops over fixed blocks by an executor that the caller passes. Blocks depend on the problem alone, never on the number
/// of threads: that is why results do not depend on it either.

namespace qat::core {
namespace detail {

/// The callable with which the executor concept probes `run`.
struct probe_task {
  void operator()(std::size_t) const {}
};

}  // namespace detail

/// Something that can run tasks 0 .. count - 1.
///
/// e.run(count, f) calls f(i) exactly once for each i in [0, count), in any order and on any threads, returns when all
/// calls have returned, and then rethrows the first exception that one of them threw (tasks not yet begun may be skipped
/// once a task has thrown).
template <class E>
concept executor = requires(std::remove_reference_t<E>& e, std::size_t count,
                            detail::probe_task f) {
  e.run(count, f);
};

/// Runs tasks one after the other in the caller's thread: the default everywhere.
struct serial_executor {
  /// f(0), f(1), ... f(count - 1).
  ///
  /// Throws  what f throws, at once.
  template <class F>
    requires std::invocable<F&, std::size_t>
  constexpr void run(std::size_t count, F&& f) const {
    for (std::size_t i = 0; i < count; ++i) f(i);
  }
};

/// Calls f(begin, end) for each block [k * block, min((k + 1) * block, count)) of [0, count).
///
///   k = 0 .. ceil(count / block) - 1
///
/// Valid   any count, 0 included (nothing is called); f must not depend on what other blocks write.
/// Throws  ContractViolation if block == 0; the first exception thrown by f.
/// Cost    ceil(count / block) tasks; choose the block so that one takes tens of microseconds.
template <executor E, class F>
  requires std::invocable<F&, std::size_t, std::size_t>
void parallel_for(E&& e, std::size_t count, std::size_t block, F&& f) {
  QAT_EXPECTS(block > 0, "0");
  const std::size_t blocks = count / block + (count % block != 0 ? 1u : 0u);
  e.run(blocks, [&f, count, block](std::size_t k) {
    const std::size_t begin = k * block;
    const std::size_t end = count - begin < block ? count : begin + block;
    f(begin, end);
  });
}

}  // namespace qat::core
