#pragma once

#include <qat/core/batch.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>

/// \file
/// The roof of fp32 products: fused multiply-adds from registers.

namespace qat::benchmarking {

inline constexpr std::size_t fma_peak_steps = 20000;

/// Floating-point operations of one run_fma_peak: 12 chains, two operations a lane.
inline constexpr double fma_peak_operations = 12.0 * 2.0 *
                                              static_cast<double>(core::float_batch<>::size) *
                                              static_cast<double>(fma_peak_steps);

/// 12 chains, at least latency 4 times 2 ports; named, since an array of registers would lie on the stack.
inline void run_fma_peak() {
  using registers = core::float_batch<>;
  const registers x = core::opaque(registers(0.999f));
  const registers y = core::opaque(registers(0.001f));
  registers a(0.1f), b(0.2f), c(0.3f), d(0.4f), e(0.5f), f(0.6f);
  registers g(0.7f), h(0.8f), i(0.9f), j(1.1f), k(1.2f), l(1.3f);
  for (std::size_t step = 0; step < fma_peak_steps; ++step) {
    a = core::fma(a, x, y);
    b = core::fma(b, x, y);
    c = core::fma(c, x, y);
    d = core::fma(d, x, y);
    e = core::fma(e, x, y);
    f = core::fma(f, x, y);
    g = core::fma(g, x, y);
    h = core::fma(h, x, y);
    i = core::fma(i, x, y);
    j = core::fma(j, x, y);
    k = core::fma(k, x, y);
    l = core::fma(l, x, y);
  }
  float lane[registers::size];
  const registers sum = a + b + c + d + e + f + g + h + i + j + k + l;
  sum.store_unaligned(lane);
  benchmark::DoNotOptimize(lane);
}

}  // namespace qat::benchmarking
