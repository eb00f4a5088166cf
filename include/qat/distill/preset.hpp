#pragma once

#include <qat/distill/generate_data.hpp>
#include <qat/distill/trainer.hpp>

#include <optional>
#include <string_view>

/// \file
/// The named recipes: the released code, the paper, and the paper with its defects mended.

namespace qat::distill {

/// What a name stands for; options that a user gives come after it.
struct preset {
  std::string_view name;
  std::string_view scheme;   ///< where none is given
  bool reference_quantizer;  ///< llmqat_reference with a gradient that is 0 outside (-2, 2)
  bool bos;                  ///< samples begin with BOS
  bool reference_order;      ///< of generation and of training
  std::size_t top_k;         ///< of sampling; 0: all
  bool concatenate;          ///< rows of a batch are blocks of the concatenated samples
  double clip;               ///< of the gradient norm, 0: none
  bool clip_per_token;
  float beta2;  ///< of AdamW
};

/// llmqat-ref, llmqat-paper and llmqat-fix. The published recipes have the beta2 of long runs; llmqat-fix forgets squares of
/// gradients after some twenty steps, for runs of hundreds.
///
/// Source  Liu et al. 2023 (arXiv 2305.17888), and its released code for llmqat-ref.
inline constexpr preset presets[] = {
    {"llmqat-fix", "w4a8kv4h", false, true, false, 0, false, 0.0, false, 0.95f},
    {"llmqat-paper", "w4a8kv4", false, true, false, 0, false, 0.0, false, 0.999f},
    {"llmqat-ref", "w4a8kv4", true, false, true, 50, true, 1.0, true, 0.999f}};

/// Null for an unknown name.
[[nodiscard]] constexpr const preset* find_preset(std::string_view name) {
  for (const preset& p : presets)
    if (p.name == name) return &p;
  return nullptr;
}

}  // namespace qat::distill
