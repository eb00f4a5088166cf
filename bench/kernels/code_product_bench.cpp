#include <qat/core/thread_executor.hpp>
#include <qat/kernels/code_product.hpp>

#include <benchmark/benchmark.h>

#include <bench/support/alternate.hpp>
#include <bench/support/fma_peak.hpp>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

// Each benchmark alternates the product with its roofs in one process. Counters:
//   of_peak   rate of the product over that of vpdpbusd from registers, where the CPU has it
//   of_fma    rate of the product over that of fp32 fused multiply-adds from registers: above 1 no fp32 product is as fast
//   of_read   bytes of weights a second over those of a plain read of the same bytes (the faster of with and without prefetch)
//   GOP/s     2 M N K / time
//   speedup   two threads over one; peak_speedup, read_speedup: of the roof by the same threads; of_..._scaling: their ratio
//   spread    median absolute deviation of the product's time over its median

namespace {

using namespace qat;
using qat::benchmarking::Alternation;

using A8 = Quantizer<bits<8>, per_token>;
using W8 = Quantizer<bits<8>, per_channel>;
using W4 = Quantizer<bits<4>, per_channel>;
using W2 = Quantizer<bits<2>, per_channel>;
using W4G32 = Quantizer<bits<4>, per_group<32>>;
using W4G128 = Quantizer<bits<4>, per_group<128>>;

constexpr int rounds = 25;

/// One thread's own clock: a product of tens of milliseconds is interrupted where its roof is not.
constexpr benchmarking::alternation_tuning own_clock{.thread_time = true};

template <class W>
struct Operands {
  std::size_t m, n, k;
  std::vector<std::int8_t> x;
  std::vector<float> sx;
  PackedWeights<W> weights;
  std::vector<float> y;

  Operands(std::size_t m_, std::size_t n_, std::size_t k_)
      : m(m_), n(n_), k(k_), sx(m, 0.01f), y(m * n) {
    std::mt19937 draw(42);
    const auto codes = [&draw](std::size_t count, int low, int high) {
      std::vector<std::int8_t> values(count);
      for (auto& v : values)
        v = static_cast<std::int8_t>(
            low + static_cast<int>(draw() % static_cast<unsigned>(high - low + 1)));
      return values;
    };
    x = codes(m * k, A8::qmin, A8::qmax);
    const auto w = codes(n * k, W::qmin, W::qmax);
    const std::vector<float> sw(parameter_count<W>(n, k), 0.02f);
    weights = PackedWeights<W>(matrix_view<const std::int8_t>(w.data(), n, k), sw);
  }

  template <class Executor>
  void multiply(product_path path, Executor&& executor) {
    code_product<A8>(matrix_view<const std::int8_t>(x.data(), m, k), sx, weights,
                     matrix_view<float>(y.data(), m, n), path, executor);
    benchmark::ClobberMemory();
  }

  /// The result equals the oracle's in a few rows; outside of every timed loop.
  bool verify(product_path path) {
    multiply(path, core::serial_executor{});
    const std::size_t few = std::min<std::size_t>(m, 2);
    std::vector<float> expected(few * n);
    code_product<A8>(matrix_view<const std::int8_t>(x.data(), few, k), std::span(sx).first(few),
                     weights, matrix_view<float>(expected.data(), few, n), product_path::scalar);
    return std::memcmp(expected.data(), y.data(), expected.size() * sizeof(float)) == 0;
  }

  [[nodiscard]] double operations() const {
    return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
};

#if defined(__x86_64__)

/// 14 chains, more than latency 4 times 2 ports; real codes. Operations: 14 * 128 a step.
constexpr std::size_t peak_steps = 20000;
constexpr double peak_operations = 14.0 * 128.0 * static_cast<double>(peak_steps);

void run_peak(const std::uint8_t* codes) {
  std::size_t steps = peak_steps;
  asm volatile(
      "vmovdqu64 (%[codes]), %%zmm14\n\t"
      "vmovdqu64 64(%[codes]), %%zmm15\n\t"
      ".p2align 5\n"
      "1:\n\t"
      "vpdpbusd %%zmm15, %%zmm14, %%zmm0\n\tvpdpbusd %%zmm15, %%zmm14, %%zmm1\n\t"
      "vpdpbusd %%zmm15, %%zmm14, %%zmm2\n\tvpdpbusd %%zmm15, %%zmm14, %%zmm3\n\t"
      "vpdpbusd %%zmm15, %%zmm14, %%zmm4\n\tvpdpbusd %%zmm15, %%zmm14, %%zmm5\n\t"
      "vpdpbusd %%zmm15, %%zmm14, %%zmm6\n\tvpdpbusd %%zmm15, %%zmm14, %%zmm7\n\t"
      "vpdpbusd %%zmm15, %%zmm14, %%zmm8\n\tvpdpbusd %%zmm15, %%zmm14, %%zmm9\n\t"
      "vpdpbusd %%zmm15, %%zmm14, %%zmm10\n\tvpdpbusd %%zmm15, %%zmm14, %%zmm11\n\t"
      "vpdpbusd %%zmm15, %%zmm14, %%zmm12\n\tvpdpbusd %%zmm15, %%zmm14, %%zmm13\n\t"
      "dec %[steps]\n\t"
      "jnz 1b\n\t"
      "vzeroupper"
      : [steps] "+r"(steps)
      : [codes] "r"(codes)
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
}

/// Reads whole 128-byte pieces of `bytes`, `ahead` bytes prefetched (0: none).
template <int Ahead>
__attribute__((target("avx512f"))) void read_bytes(std::span<const std::uint8_t> bytes) {
  __m512i a = _mm512_setzero_si512();
  __m512i b = a;
  const std::uint8_t* p = bytes.data();
  for (std::size_t i = 0; i + 128 <= bytes.size(); i += 128, p += 128) {
    if constexpr (Ahead > 0) {
      __builtin_prefetch(p + Ahead);
      __builtin_prefetch(p + Ahead + 64);
    }
    a = _mm512_add_epi32(a, _mm512_load_si512(p));
    b = _mm512_add_epi32(b, _mm512_load_si512(p + 64));
  }
  a = _mm512_add_epi32(a, b);
  asm volatile("" ::"v"(a));
}

bool has_vnni() {
  return best_product_path() >= product_path::avx512_vnni;
}

template <class W>
void BM_product(benchmark::State& state) {
  Operands<W> operands(static_cast<std::size_t>(state.range(0)),
                       static_cast<std::size_t>(state.range(1)),
                       static_cast<std::size_t>(state.range(2)));
  const product_path path = best_product_path();
  if (!operands.verify(path)) return state.SkipWithError("not the oracle's bits");
  Alternation turns(
      own_clock, [&] { operands.multiply(path, core::serial_executor{}); },
      [] { benchmarking::run_fma_peak(); },
      [&] {
        if (has_vnni()) run_peak(operands.weights.pieces().data());
      });
  for (auto _ : state) state.SetIterationTime(turns.round());
  state.counters["of_fma"] =
      operands.operations() / benchmarking::fma_peak_operations / turns.ratio(0, 1);
  state.counters["GOP/s"] = operands.operations() / turns.median(0) * 1e-9;
  if (has_vnni()) {
    state.counters["of_peak"] = operands.operations() / peak_operations / turns.ratio(0, 2);
    state.counters["peak GOP/s"] = peak_operations / turns.median(2) * 1e-9;
  }
  state.counters["spread"] = turns.spread(0);
}

template <class W>
void BM_matrix_vector(benchmark::State& state) {
  if (!has_vnni()) return state.SkipWithError("no AVX-512 VNNI");
  Operands<W> operands(static_cast<std::size_t>(state.range(0)),
                       static_cast<std::size_t>(state.range(1)),
                       static_cast<std::size_t>(state.range(2)));
  if (!operands.verify(product_path::avx512_vnni))
    return state.SkipWithError("not the oracle's bits");
  const std::span<const std::uint8_t> pieces = operands.weights.pieces();
  const double bytes = static_cast<double>(pieces.size() + operands.weights.scales().size_bytes());
  Alternation turns(
      own_clock, [&] { operands.multiply(product_path::avx512_vnni, core::serial_executor{}); },
      [&] { read_bytes<2048>(pieces); }, [&] { read_bytes<0>(pieces); });
  for (auto _ : state) state.SetIterationTime(turns.round());
  const double slowdown = std::max(turns.ratio(0, 1), turns.ratio(0, 2));
  state.counters["of_read"] = bytes / static_cast<double>(pieces.size()) / slowdown;
  state.counters["GB/s"] = bytes / turns.median(0) * 1e-9;
  state.counters["read GB/s"] =
      static_cast<double>(pieces.size()) / std::min(turns.median(1), turns.median(2)) * 1e-9;
  state.counters["spread"] = turns.spread(0);
}

/// Two threads over one, against the same for the roof.
template <class W>
void BM_product_two_threads(benchmark::State& state) {
  if (!has_vnni()) return state.SkipWithError("no AVX-512 VNNI: the roof cannot be measured");
  Operands<W> operands(static_cast<std::size_t>(state.range(0)),
                       static_cast<std::size_t>(state.range(1)),
                       static_cast<std::size_t>(state.range(2)));
  core::ThreadExecutor threads(2);
  const std::uint8_t* codes = operands.weights.pieces().data();
  Alternation turns(
      {}, [&] { operands.multiply(product_path::avx512_vnni, threads); },
      [&] { operands.multiply(product_path::avx512_vnni, core::serial_executor{}); },
      [&] { threads.run(16, [codes](std::size_t) { run_peak(codes); }); },
      [&] { core::serial_executor{}.run(16, [codes](std::size_t) { run_peak(codes); }); });
  for (auto _ : state) state.SetIterationTime(turns.round());
  state.counters["speedup"] = turns.ratio(1, 0);
  state.counters["peak_speedup"] = turns.ratio(3, 2);
  state.counters["of_peak_scaling"] = turns.ratio(1, 0) / turns.ratio(3, 2);
  state.counters["spread"] = turns.spread(0);
}

template <class W>
void BM_matrix_vector_two_threads(benchmark::State& state) {
  if (!has_vnni()) return state.SkipWithError("no AVX-512 VNNI");
  Operands<W> operands(static_cast<std::size_t>(state.range(0)),
                       static_cast<std::size_t>(state.range(1)),
                       static_cast<std::size_t>(state.range(2)));
  core::ThreadExecutor threads(2);
  const std::span<const std::uint8_t> pieces = operands.weights.pieces();
  const std::size_t half = pieces.size() / 2;
  Alternation turns(
      {}, [&] { operands.multiply(product_path::avx512_vnni, threads); },
      [&] { operands.multiply(product_path::avx512_vnni, core::serial_executor{}); },
      [&] {
        threads.run(2, [&](std::size_t i) { read_bytes<0>(pieces.subspan(i * half, half)); });
      },
      [&] { read_bytes<0>(pieces); });
  for (auto _ : state) state.SetIterationTime(turns.round());
  state.counters["speedup"] = turns.ratio(1, 0);
  state.counters["read_speedup"] = turns.ratio(3, 2);
  state.counters["of_read_scaling"] = turns.ratio(1, 0) / turns.ratio(3, 2);
  state.counters["spread"] = turns.spread(0);
}

BENCHMARK_TEMPLATE(BM_product, W8)
    ->ArgsProduct({{64, 256}, {4096}, {4096}})
    ->Args({256, 11008, 4096})
    ->Args({256, 4096, 11008})
    ->Args({2048, 768, 288})
    ->Args({2048, 288, 768})
    ->ArgNames({"M", "N", "K"})
    ->Iterations(rounds)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(BM_product, W4)
    ->ArgsProduct({{64, 256}, {4096}, {4096}})
    ->Args({256, 11008, 4096})
    ->Args({256, 4096, 11008})
    ->Args({2048, 768, 288})
    ->Args({2048, 288, 768})
    ->ArgNames({"M", "N", "K"})
    ->Iterations(rounds)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(BM_product, W2)
    ->Args({64, 4096, 4096})
    ->ArgNames({"M", "N", "K"})
    ->Iterations(rounds)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(BM_product, W4G128)
    ->Args({64, 4096, 4096})
    ->ArgNames({"M", "N", "K"})
    ->Iterations(rounds)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(BM_product, W4G32)
    ->Args({64, 4096, 4096})
    ->ArgNames({"M", "N", "K"})
    ->Iterations(rounds)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

BENCHMARK_TEMPLATE(BM_matrix_vector, W4)
    ->ArgsProduct({{1}, {4096, 11008, 65536}, {4096}})
    ->ArgsProduct({{2, 4, 8}, {11008}, {4096}})
    ->ArgNames({"M", "N", "K"})
    ->Iterations(rounds)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(BM_matrix_vector, W8)
    ->ArgsProduct({{1}, {4096, 11008}, {4096}})
    ->ArgNames({"M", "N", "K"})
    ->Iterations(rounds)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(BM_matrix_vector, W4G32)
    ->ArgsProduct({{1}, {4096, 11008}, {4096}})
    ->ArgNames({"M", "N", "K"})
    ->Iterations(rounds)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(BM_matrix_vector, W2)
    ->ArgsProduct({{1}, {11008}, {4096}})
    ->ArgNames({"M", "N", "K"})
    ->Iterations(rounds)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

BENCHMARK_TEMPLATE(BM_product_two_threads, W4)
    ->ArgsProduct({{64, 256}, {4096}, {4096}})
    ->ArgNames({"M", "N", "K"})
    ->Iterations(rounds)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(BM_product_two_threads, W8)
    ->Args({256, 4096, 4096})
    ->ArgNames({"M", "N", "K"})
    ->Iterations(rounds)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(BM_matrix_vector_two_threads, W4)
    ->ArgsProduct({{1}, {4096, 11008}, {4096}})
    ->ArgNames({"M", "N", "K"})
    ->Iterations(rounds)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

#endif

}  // namespace
