#include <qat/kernels/quantize_pack.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include <bench/support/row_buffers.hpp>

// From fp32 weights to shipped nibbles and scales in one pass: 4 bytes read and 1/2 byte written an element, where a copy
// reads 4 and writes 4.

namespace {

using namespace qat;
using benchmarking::RowBuffer;

using W4 = Quantizer<bits<4>, per_channel>;
using W4G128 = Quantizer<bits<4>, per_group<128>, fp16_scale>;

template <class Q>
void BM_calibrate_pack(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  const auto cols = static_cast<std::size_t>(state.range(1));
  const RowBuffer x(rows, cols), y(rows, cols);
  std::vector<float> scales(parameter_count<Q>(rows, cols));
  const parameters_span<Q> p{scales};
  std::vector<std::uint8_t> packed(packed_bytes<Q>(rows, cols)), expected(packed.size());
  calibrate_pack<Q>(x.constant(), p, packed);
  calibrate_pack<Q>(scalar{}, x.constant(), p, expected);
  if (packed != expected) return state.SkipWithError("differs from the oracle");
  benchmarking::report_against_copies(state, x, y, [&] {
    calibrate_pack<Q>(x.constant(), p, packed);
    benchmark::ClobberMemory();
  });
}

}  // namespace

BENCHMARK_TEMPLATE(BM_calibrate_pack, W4)
    ->Args({4096, 4096})
    ->ArgNames({"rows", "cols"})
    ->UseManualTime()
    ->Iterations(25);
BENCHMARK_TEMPLATE(BM_calibrate_pack, W4G128)
    ->Args({4096, 4096})
    ->ArgNames({"rows", "cols"})
    ->UseManualTime()
    ->Iterations(25);
