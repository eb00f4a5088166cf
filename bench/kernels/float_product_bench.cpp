#include <qat/core/executor_reference.hpp>
#include <qat/core/philox.hpp>
#include <qat/kernels/float_product.hpp>
#include <qat/tensor/tensor.hpp>

#include <Eigen/Core>
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>

#include <bench/support/alternate.hpp>
#include <bench/support/fma_peak.hpp>

// The fp32 products of a linear layer y (M, N) = x (M, K) w (N, K)^T against Eigen's, one thread: forward with packed
// weights; the gradients dx += dy w and dw += dy^T x with the packing that they do on every step. Counters:
//   x_eigen   Eigen's time over ours: above 1 we are faster
//   of_peak   rate of our product over that of fused multiply-adds from registers, measured beside it
//   GFLOP/s   2 M N K / time
//   spread    median absolute deviation of our time over its median

namespace {

using namespace qat;

using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<matrix> map(Tensor<float>& t) {
  return {t.data(), static_cast<Eigen::Index>(t.rows()), static_cast<Eigen::Index>(t.cols())};
}

Tensor<float> random_matrix(std::uint64_t stream, std::size_t rows, std::size_t cols) {
  Tensor<float> t({rows, cols});
  for (std::size_t i = 0; i < t.size(); ++i)
    t.data()[i] =
        static_cast<float>(static_cast<std::int32_t>(core::random_bits(3, stream, i))) * 0x1p-31f;
  return t;
}

struct layer {
  std::size_t m, k, n;
  explicit layer(const benchmark::State& state)
      : m(static_cast<std::size_t>(state.range(0))),
        k(static_cast<std::size_t>(state.range(1))),
        n(static_cast<std::size_t>(state.range(2))) {}
};

/// Both results, from zero, are a sum of `depth` products, each side off by at most depth 2^-24 sum |a b| (to first
/// order, in any order of the sum): so they differ by twice that at most.
bool agree(Tensor<float>& ours, Tensor<float>& eigen, const matrix& sums_of_sizes,
           std::size_t depth) {
  const float roundings = 2.0f * static_cast<float>(depth) * 0x1p-24f;
  return ((map(ours) - map(eigen)).array().abs() <= roundings * sums_of_sizes.array()).all();
}

template <class Ours, class Theirs>
void compare(benchmark::State& state, const layer& l, Ours ours, Theirs theirs) {
  const double operations =
      2.0 * static_cast<double>(l.m) * static_cast<double>(l.n) * static_cast<double>(l.k);
  benchmarking::Alternation turns({.thread_time = true}, ours, theirs,
                                  [] { benchmarking::run_fma_peak(); });
  for ([[maybe_unused]] auto _ : state) state.SetIterationTime(turns.round());
  state.counters["x_eigen"] = turns.ratio(1, 0);
  state.counters["of_peak"] = operations / benchmarking::fma_peak_operations / turns.ratio(0, 2);
  state.counters["GFLOP/s"] = 1e-9 * operations / turns.median(0);
  state.counters["spread"] = turns.spread(0);
}

void BM_float_product(benchmark::State& state) {
  const layer l(state);
  Tensor<float> x = random_matrix(1, l.m, l.k), w = random_matrix(2, l.n, l.k);
  Tensor<float> y({l.m, l.n}), eigen_y({l.m, l.n}), panels(Shape{panel_elements(l.n, l.k)});
  const core::executor_reference serial;
  const float_panels<float> packed = pack_panels(serial, w.view().matrix(), panels.data());
  const auto ours = [&] {
    float_product<float>(serial, TensorView<const float>(x.view()).matrix(), packed,
                         y.view().matrix());
    benchmark::ClobberMemory();
  };
  const auto theirs = [&] {
    map(eigen_y).noalias() = map(x) * map(w).transpose();
    benchmark::ClobberMemory();
  };
  ours();
  theirs();
  if (!agree(y, eigen_y, map(x).cwiseAbs() * map(w).cwiseAbs().transpose(), l.k))
    return state.SkipWithError("differs from Eigen");
  compare(state, l, ours, theirs);
}

void BM_input_gradient(benchmark::State& state) {
  const layer l(state);
  Tensor<float> dy = random_matrix(1, l.m, l.n), w = random_matrix(2, l.n, l.k);
  Tensor<float> dx({l.m, l.k}), eigen_dx({l.m, l.k}), panels(Shape{panel_elements(l.k, l.n)});
  const core::executor_reference serial;
  const auto ours = [&] {
    const auto packed =
        pack_panels(serial, TensorView<const float>(w.view()).transposed(), panels.data());
    float_product<float>(serial, TensorView<const float>(dy.view()).matrix(), packed,
                         dx.view().matrix(), product_start::from_y);
    benchmark::ClobberMemory();
  };
  const auto theirs = [&] {
    map(eigen_dx).noalias() += map(dy) * map(w);
    benchmark::ClobberMemory();
  };
  ours();
  theirs();
  if (!agree(dx, eigen_dx, map(dy).cwiseAbs() * map(w).cwiseAbs(), l.n))
    return state.SkipWithError("differs from Eigen");
  compare(state, l, ours, theirs);
}

void BM_weight_gradient(benchmark::State& state) {
  const layer l(state);
  Tensor<float> dy = random_matrix(1, l.m, l.n), x = random_matrix(2, l.m, l.k);
  Tensor<float> dw({l.n, l.k}), eigen_dw({l.n, l.k}), panels(Shape{panel_elements(l.k, l.m)});
  const core::executor_reference serial;
  const auto ours = [&] {
    const auto packed =
        pack_panels(serial, TensorView<const float>(x.view()).transposed(), panels.data());
    float_product<float>(serial, TensorView<const float>(dy.view()).transposed(), packed,
                         dw.view().matrix(), product_start::from_y);
    benchmark::ClobberMemory();
  };
  const auto theirs = [&] {
    map(eigen_dw).noalias() += map(dy).transpose() * map(x);
    benchmark::ClobberMemory();
  };
  ours();
  theirs();
  if (!agree(dw, eigen_dw, map(dy).cwiseAbs().transpose() * map(x).cwiseAbs(), l.m))
    return state.SkipWithError("differs from Eigen");
  compare(state, l, ours, theirs);
}

/// The layers of the small model and its head, for a whole batch and an eighth of it.
void small_layers(benchmark::internal::Benchmark* b) {
  b->ArgNames({"M", "K", "N"})->UseManualTime()->Iterations(25);
  for (const int m : {2048, 256}) {
    b->Args({m, 288, 288});
    b->Args({m, 288, 768});
    b->Args({m, 768, 288});
    b->Args({m, 288, 4096});
  }
}

}  // namespace

BENCHMARK(BM_float_product)
    ->Apply(small_layers)
    ->Args({64, 288, 4096})
    ->Args({1, 288, 768})
    ->Args({512, 2048, 2048});
BENCHMARK(BM_input_gradient)->Apply(small_layers);
BENCHMARK(BM_weight_gradient)->Apply(small_layers);
