#pragma once

#include <qat/core/execution.hpp>

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <type_traits>
#include <vector>

/// \file
/// The ways to run a function over matrices, as sets: every one must give the bits of qat::scalar.

namespace qat::testing {

namespace detail {

template <class Arch, class F>
void with_arch(std::string& names, F& f) {
  names += std::string(Arch::name()) + " ";
  INFO("simd<" << Arch::name() << ">");
  f(simd<Arch>{});
}

}  // namespace detail

/// f(simd<Arch>{}) for the default architecture and, where the translation unit has them, for a narrower one of each
/// register size. Returns the names.
template <class F>
std::string for_each_simd(F&& f) {
  std::string names;
  detail::with_arch<core::default_arch>(names, f);
#if defined(__AVX2__) && defined(__FMA__)
  if constexpr (!std::is_same_v<core::default_arch, xsimd::fma3<xsimd::avx2>>)
    detail::with_arch<xsimd::fma3<xsimd::avx2>>(names, f);
#endif
#if defined(__SSE2__)
  if constexpr (!std::is_same_v<core::default_arch, xsimd::sse2>)
    detail::with_arch<xsimd::sse2>(names, f);
#endif
  return names;
}

/// Runs tasks in an unusual order: the last one first, or each on a thread of its own.
struct test_executor {
  bool threaded = false;

  template <class F>
  void run(std::size_t count, F&& f) {
    if (!threaded) {
      while (count != 0) f(--count);
      return;
    }
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back([&f, i] { f(i); });
    for (std::thread& thread : threads) thread.join();
  }
};

}  // namespace qat::testing
