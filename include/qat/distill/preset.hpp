#pragma once

#include <qat/distill/generate_data.hpp>
#include <qat/distill/trainer.hpp>

#include <optional>
#include <string_view>

/// \file
/// The named recipes: this library's own, the paper with its defects mended, the paper, and the released code.

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
  llama::kv_gradient kv_gradient;
};

/// llmqat-ref, llmqat-paper, llmqat-fix, and qat: llmqat-fix with two changes. Its gradients reach K and V through their scales
/// too, and its AdamW forgets squares of gradients after some twenty steps, for runs of hundreds.
///
/// Source  Liu et al. 2023 (arXiv 2305.17888), and its released code for llmqat-ref.
inline constexpr preset presets[] = {{"qat", "w4a8kv4h", false, true, false, 0, false, 0.0, false,
                                      0.95f, llama::kv_gradient::through_scale},
                                     {"llmqat-fix", "w4a8kv4h", false, true, false, 0, false, 0.0,
                                      false, 0.999f, llama::kv_gradient::as_scheme},
                                     {"llmqat-paper", "w4a8kv4", false, true, false, 0, false, 0.0,
                                      false, 0.999f, llama::kv_gradient::as_scheme},
                                     {"llmqat-ref", "w4a8kv4", true, false, true, 50, true, 1.0,
                                      true, 0.999f, llama::kv_gradient::as_scheme}};

/// Null for an unknown name.
[[nodiscard]] constexpr const preset* find_preset(std::string_view name) {
  for (const preset& p : presets)
    if (p.name == name) return &p;
  return nullptr;
}

}  // namespace qat::distill
