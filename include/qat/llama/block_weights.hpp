#pragma once

#include <qat/autograd/ops/quantized_linear.hpp>
#include <qat/core/executor_reference.hpp>
#include <qat/llama/parameters.hpp>
#include <qat/llama/scheme.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

/// \file
/// The linear layers of a block as their products read them.

namespace qat::llama {

/// The prepared weights of one block: of each layer quantized, or in fp32 where the scheme exempts it.
template <scheme_like Scheme>
class BlockWeights {
 public:
  using quantized_weights = LinearWeights<typename Scheme::weight, typename Scheme::activation>;
  using plain_weights = LinearWeights<not_quantized, not_quantized>;
  static constexpr bool may_exempt = !std::is_same_v<typename Scheme::exempt, exempt_none>;

  BlockWeights() = default;

  static constexpr std::size_t roles = 7;

  /// From layers that were prepared before, in the order of linear_role; none is exempted.
  explicit BlockWeights(std::array<quantized_weights, roles> prepared)
      : quantized_(std::move(prepared)) {}

  /// Block `layer` of `layers`.
  ///
  /// Cost  a read and a write of every weight.
  BlockWeights(core::executor_reference executor, const layer_parameters<float>& parameters,
               std::size_t layer, std::size_t layers) {
    for (std::size_t i = 0; i < roles; ++i) {
      const auto role = static_cast<linear_role>(i);
      const TensorView<const float> w = (parameters.*member_of(role)).view();
      if constexpr (may_exempt) {
        if (Scheme::exempt::exempts(layer, layers, role)) {
          exempted_[i].emplace(executor, w);
          continue;
        }
      }
      quantized_[i] = quantized_weights(executor, w);
    }
  }

  /// Where the weight of a role lies.
  [[nodiscard]] static constexpr auto member_of(linear_role role) {
    using L = layer_parameters<float>;
    constexpr Tensor<float> L::*members[] = {&L::q,    &L::k,  &L::v,   &L::o,
                                             &L::gate, &L::up, &L::down};
    return members[static_cast<std::size_t>(role)];
  }

  /// Null unless the scheme exempts the layer.
  [[nodiscard]] const plain_weights* exempted(linear_role role) const requires(may_exempt) {
    const auto& w = exempted_[static_cast<std::size_t>(role)];
    return w ? &*w : nullptr;
  }
  [[nodiscard]] const quantized_weights& quantized(linear_role role) const {
    return quantized_[static_cast<std::size_t>(role)];
  }

 private:
  struct nothing {};

  std::array<quantized_weights, roles> quantized_;
  [[no_unique_address]] std::conditional_t<may_exempt,
                                           std::array<std::optional<plain_weights>, roles>, nothing>
      exempted_;
};

}  // namespace qat::llama
