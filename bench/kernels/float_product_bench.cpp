#include <qat/core/executor_reference.hpp>
#include <qat/kernels/float_product.hpp>
#include <qat/tensor/tensor.hpp>

#include <Eigen/Core>
#include <benchmark/benchmark.h>

#include <cstddef>

#include <bench/support/alternate.hpp>
#include <bench/support/small_llama.hpp>

// The fp32 product of packed weights against Eigen's, one thread. Counters:
//   x_eigen   Eigen's time over ours: above 1 we are faster
//   GFLOP/s   2 M N K / time
//   spread    median absolute deviation of our time over its median

namespace {

using namespace qat;

Tensor<float> random_matrix(std::uint64_t stream, std::size_t rows, std::size_t cols) {
  Tensor<float> t({rows, cols});
  for (std::size_t i = 0; i < t.size(); ++i)
    t.data()[i] =
        static_cast<float>(static_cast<std::int32_t>(core::random_bits(3, stream, i))) * 0x1p-31f;
  return t;
}

/// With `packs`, the packing of the weight is timed too, as in the products of the backward pass.
void BM_float_product(benchmark::State& state) {
  const auto m = static_cast<std::size_t>(state.range(0));
  const auto k = static_cast<std::size_t>(state.range(1));
  const auto n = static_cast<std::size_t>(state.range(2));
  const bool packs = state.range(3) != 0;
  Tensor<float> x = random_matrix(1, m, k), w = random_matrix(2, n, k), y({m, n}), eigen_y({m, n});
  Tensor<float> panels(Shape{panel_elements(n, k)});
  const core::executor_reference serial;
  const auto pack = [&] { pack_panels(serial, w.view().matrix(), panels.data()); };
  const auto multiply = [&] {
    if (packs) pack();
    float_product<float>(serial, TensorView<const float>(x.view()).matrix(), {panels.data(), n, k},
                         y.view().matrix());
    benchmark::ClobberMemory();
  };
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto map = [](Tensor<float>& t) {
    return Eigen::Map<matrix>(t.data(), static_cast<Eigen::Index>(t.rows()),
                              static_cast<Eigen::Index>(t.cols()));
  };
  const auto multiply_eigen = [&] {
    map(eigen_y).noalias() = map(x) * map(w).transpose();
    benchmark::ClobberMemory();
  };
  pack();
  multiply();
  multiply_eigen();
  const float difference = (map(y) - map(eigen_y)).cwiseAbs().maxCoeff();
  if (!(difference <= 1e-6f * static_cast<float>(k)))
    return state.SkipWithError("differs from Eigen");
  benchmarking::Alternation turns({.thread_time = true}, multiply, multiply_eigen);
  for ([[maybe_unused]] auto _ : state) state.SetIterationTime(turns.round());
  state.counters["x_eigen"] = turns.ratio(1, 0);
  state.counters["GFLOP/s"] = 2e-9 * static_cast<double>(m * n * k) / turns.median(0);
  state.counters["spread"] = turns.spread(0);
}

}  // namespace

BENCHMARK(BM_float_product)
    ->Args({2048, 288, 288, 0})
    ->Args({2048, 288, 768, 0})
    ->Args({2048, 768, 288, 0})
    ->Args({2048, 288, 4096, 0})
    ->Args({64, 288, 4096, 0})
    ->Args({1, 288, 768, 0})
    ->Args({288, 2048, 288, 1})
    ->Args({2048, 288, 768, 1})
    ->Args({512, 2048, 2048, 0})
    ->ArgNames({"M", "K", "N", "packs"})
    ->UseManualTime()
    ->Iterations(25);
