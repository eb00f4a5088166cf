#pragma once

#include <qat/core/contracts.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// \file
/// From texts to the sequences on which a model is scored.

namespace qat::eval {

/// Token sequences, each scored on its own: token t + 1 is predicted from the tokens up to t.
using sequences = std::vector<std::vector<std::int32_t>>;

/// Each text is a sequence with BOS first, cut after `context` tokens. Texts that leave nothing to predict are dropped.
///
/// Throws  ContractViolation for a context below 2.
[[nodiscard]] inline sequences documents(std::span<const std::vector<std::int32_t>> texts_with_bos,
                                         std::size_t context) {
  QAT_EXPECTS(context >= 2, std::to_string(context) + " tokens");
  sequences all;
  for (const std::vector<std::int32_t>& text : texts_with_bos) {
    if (text.size() < 2) continue;
    const std::size_t count = text.size() < context ? text.size() : context;
    all.emplace_back(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return all;
}

/// One long text, tokenized without BOS, in blocks of `context` tokens, the first `limit` of them (0: all); the remainder
/// is dropped.
///
/// Throws  ContractViolation for a context below 2.
[[nodiscard]] inline sequences blocks(std::span<const std::int32_t> text, std::size_t context,
                                      std::size_t limit = 0) {
  QAT_EXPECTS(context >= 2, std::to_string(context) + " tokens");
  sequences all;
  for (std::size_t at = 0; text.size() - at >= context && (limit == 0 || all.size() < limit);
       at += context)
    all.emplace_back(text.begin() + static_cast<std::ptrdiff_t>(at),
                     text.begin() + static_cast<std::ptrdiff_t>(at + context));
  return all;
}

}  // namespace qat::eval
