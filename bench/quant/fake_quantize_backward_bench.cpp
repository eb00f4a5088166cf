#include <qat/quant/fake_quantize_backward.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include <bench/support/row_buffers.hpp>

// The backward pass in place, by the mask that the forward pass stored.

namespace {

using namespace qat;
using benchmarking::RowBuffer;

using clipped = Quantizer<bits<8>, per_token, clipped_straight_through>;

/// `range(2)` of 1024 elements are masked.
void BM_fake_quantize_backward(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  const auto cols = static_cast<std::size_t>(state.range(1));
  const auto masked = static_cast<std::uint32_t>(state.range(2));
  const RowBuffer x(rows, cols), y(rows, cols), gradient(rows, cols);
  std::vector<std::uint64_t> mask(mask_words(rows, cols), ~std::uint64_t{0});
  for (std::size_t i = 0; i < x.size(); ++i)
    if (core::random_bits(1, 1, i) % 1024 < masked) mask[i / 64] &= ~(std::uint64_t{1} << i % 64);
  fake_quantize_backward<clipped>(mask, gradient.view());
  for (std::size_t i = 0; i < x.size(); ++i)
    if (gradient.data()[i] != ((mask[i / 64] >> i % 64 & 1u) != 0 ? x.data()[i] : 0.0f))
      return state.SkipWithError("a gradient is wrong");
  benchmarking::report_against_copies(state, x, y, [&] {
    fake_quantize_backward<clipped>(mask, gradient.view());
    benchmark::ClobberMemory();
  });
}

}  // namespace

BENCHMARK(BM_fake_quantize_backward)
    ->Args({4096, 4096, 1})    // 0.1 %: a clean register is not written
    ->Args({4096, 4096, 512})  // dense: every register is
    ->ArgNames({"rows", "cols", "masked_of_1024"})
    ->UseManualTime()
    ->Iterations(25);
