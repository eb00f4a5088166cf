#pragma once

#include <qat/policy/concepts.hpp>

/// \file
/// How a scale takes a value to units and a level back to a value. V is float or a batch of floats.

namespace qat {

/// units = x * (1 / scale), the reciprocal computed once a group by a true division; value = level * scale. Default.
struct reciprocal : policy_of<policy_kind::scale_application> {
  static constexpr bool value_is_product = true;
  QAT_HOST_DEVICE static constexpr float units_operand(float scale) noexcept {
    return 1.0f / scale;
  }
  template <class V>
  QAT_HOST_DEVICE static constexpr V to_units(V x, V operand) noexcept {
    return x * operand;
  }
  QAT_HOST_DEVICE static constexpr float value_operand(float scale) noexcept { return scale; }
  template <class V>
  QAT_HOST_DEVICE static constexpr V to_value(V level, V operand) noexcept {
    return level * operand;
  }
};

/// units = x / scale, a true division an element (ONNX QuantizeLinear); value = level * scale.
struct divide : policy_of<policy_kind::scale_application> {
  static constexpr bool value_is_product = true;
  QAT_HOST_DEVICE static constexpr float units_operand(float scale) noexcept { return scale; }
  template <class V>
  QAT_HOST_DEVICE static constexpr V to_units(V x, V operand) noexcept {
    return x / operand;
  }
  QAT_HOST_DEVICE static constexpr float value_operand(float scale) noexcept { return scale; }
  template <class V>
  QAT_HOST_DEVICE static constexpr V to_value(V level, V operand) noexcept {
    return level * operand;
  }
};

/// The arithmetic of the LLM-QAT release in fp32, bit-equal to torch: the "scale" is the multiplier
///
///   s = (1 / (m + 1e-6)) * qmax,   units = x * s,   value = level / (s + 1e-6)
///
/// Its values are not code * scale, so they cannot ship as codes with a scale; for comparison only. Exists for
/// symmetric, absmax, round_nearest_even, fp32_scale.
/// Source  Liu et al. 2023 (arXiv 2305.17888), released arithmetic as torch evaluates scalar / tensor.
struct llmqat_reference : policy_of<policy_kind::scale_application> {
  static constexpr bool value_is_product = false;
  QAT_HOST_DEVICE static constexpr float multiplier(float absmax, int qmax) noexcept {
    return (1.0f / (absmax + 1e-6f)) * static_cast<float>(qmax);
  }
  QAT_HOST_DEVICE static constexpr float units_operand(float scale) noexcept { return scale; }
  template <class V>
  QAT_HOST_DEVICE static constexpr V to_units(V x, V operand) noexcept {
    return x * operand;
  }
  QAT_HOST_DEVICE static constexpr float value_operand(float scale) noexcept {
    return scale + 1e-6f;
  }
  template <class V>
  QAT_HOST_DEVICE static constexpr V to_value(V level, V operand) noexcept {
    return level / operand;
  }
};

}  // namespace qat
