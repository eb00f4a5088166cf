#pragma once

#include <qat/core/contracts.hpp>
#include <qat/core/executor_reference.hpp>
#include <qat/kernels/arithmetic.hpp>
#include <qat/tensor/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

/// \file
/// AdamW in the form of PyTorch: decoupled decay, epsilon outside the corrected root.

namespace qat::nn {

/// Hyper-parameters of AdamW.
struct adamw_options {
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float weight_decay = 0.0f;

  friend constexpr bool operator==(const adamw_options&, const adamw_options&) = default;
};

/// The moments of one parameter.
template <class T>
struct adamw_state {
  Tensor<T> first;
  Tensor<T> second;

  adamw_state() = default;
  explicit adamw_state(const Shape& shape) : first(shape), second(shape) {}
};

/// The factors of one step, the same for all parameters.
///
///   1 - beta^t, in double by t products, so that a resumed run has the bits of one that was not stopped
struct adamw_step {
  float rate = 0.0f;        ///< learning rate
  float step_size = 0.0f;   ///< learning rate / (1 - beta1^t)
  float root_scale = 1.0f;  ///< sqrt(1 - beta2^t)
};

/// The factors of step t, t = 1 for the first.
///
/// Valid   0 <= beta < 1.
/// Error   each factor within an ulp of its exact value.
/// Throws  ContractViolation for t = 0.
/// Cost    t products of double.
[[nodiscard]] inline adamw_step make_adamw_step(const adamw_options& options, float rate,
                                                std::uint64_t t) {
  QAT_EXPECTS(t >= 1, "step " + std::to_string(t));
  double power1 = 1.0, power2 = 1.0;
  for (std::uint64_t i = 0; i < t && (power1 != 0.0 || power2 != 0.0); ++i) {
    power1 *= static_cast<double>(options.beta1);
    power2 *= static_cast<double>(options.beta2);
  }
  return {rate, static_cast<float>(static_cast<double>(rate) / (1.0 - power1)),
          static_cast<float>(std::sqrt(1.0 - power2))};
}

/// One update of a parameter.
///
///   m <- m + (1 - beta1) (g - m),  v <- beta2 v + (1 - beta2) g^2
///   w <- (1 - rate decay) w - step_size m / (sqrt(v) / root_scale + epsilon)
///
/// Shapes  w, g and the moments alike, without gaps.
/// Error   one rounding an operation, the sums as fma: fma(1 - beta1, g - m, m), fma(g (1 - beta2), g, beta2 v) with both
///         inner products rounded, fma(-step_size, m / denominator, (1 - rate decay) w).
/// Throws  ContractViolation if shapes differ.
/// Cost    four reads and three writes an element.
/// Source  Loshchilov and Hutter 2019 (arXiv 1711.05101), in PyTorch's order of operations.
template <class T, class Arch = core::default_arch>
void adamw_update(core::executor_reference executor, const adamw_options& options,
                  const adamw_step& step, const TensorView<T>& w, const TensorView<const T>& g,
                  adamw_state<T>& state) {
  QAT_EXPECTS(w.shape() == g.shape() && w.shape() == state.first.shape() &&
                  w.shape() == state.second.shape(),
              to_string(w.shape()) + " with a gradient of " + to_string(g.shape()) +
                  " and moments of " + to_string(state.first.shape()));
  using row = arithmetic::rows<T, Arch>;
  using V = typename row::lanes;
  const T one = T{1};
  const V first_rate(one - static_cast<T>(options.beta1));
  const V second_rate(one - static_cast<T>(options.beta2));
  const V beta2(static_cast<T>(options.beta2));
  const V keep(
      one - arithmetic::product(static_cast<T>(step.rate), static_cast<T>(options.weight_decay)));
  const V epsilon(static_cast<T>(options.epsilon));
  const V root_scale(static_cast<T>(step.root_scale));
  const V minus_step(-static_cast<T>(step.step_size));
  core::parallel_for(
      executor, w.size(), std::size_t{1} << 14, [&](std::size_t begin, std::size_t end) {
        const std::size_t n = end - begin;
        T* const m = state.first.data() + begin;
        T* const v = state.second.data() + begin;
        T* const out = w.data() + begin;
        const T* const in = g.data() + begin;
        row::map(
            n, m, [&](V a, V d) { return arithmetic::fma(first_rate, V(d - a), a); },
            static_cast<const T*>(m), in);
        row::map(
            n, v,
            [&](V a, V d) {
              return arithmetic::fma(arithmetic::product(d, second_rate), d,
                                     arithmetic::product(beta2, a));
            },
            static_cast<const T*>(v), in);
        row::map(
            n, out,
            [&](V a, V mean, V square) {
              const V denominator =
                  arithmetic::opaque(arithmetic::divide(arithmetic::sqrt(square), root_scale)) +
                  epsilon;
              return arithmetic::fma(minus_step, arithmetic::divide(mean, denominator),
                                     arithmetic::product(keep, a));
            },
            static_cast<const T*>(out), static_cast<const T*>(m), static_cast<const T*>(v));
      });
}

}  // namespace qat::nn
