#pragma once

#include <qat/autograd/ops/token_loss.hpp>
#include <qat/core/contracts.hpp>
#include <qat/distill/order.hpp>
#include <qat/llama/model.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// From sequences to the rows of a step.

namespace qat::distill {

using sequences = std::vector<std::vector<std::int32_t>>;

/// All sequences one behind the other, cut into blocks of `length`; the remainder is dropped. A block may begin inside a
/// sequence.
///
/// Source  the released code of Liu et al. 2023 (arXiv 2305.17888).
[[nodiscard]] inline sequences concatenated_blocks(const sequences& all, std::size_t length) {
  QAT_EXPECTS(length > 0, "0");
  sequences blocks;
  std::vector<std::int32_t> block;
  for (const std::vector<std::int32_t>& sequence : all)
    for (const std::int32_t token : sequence) {
      block.push_back(token);
      if (block.size() < length) continue;
      blocks.push_back(std::move(block));
      block.clear();
    }
  return blocks;
}

/// The rows of some sequences, without padding: every token is a row.
struct training_rows {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t>
      targets;  ///< the next token; ignored_target behind the last of a sequence
  std::vector<std::uint32_t> positions;
  std::vector<document_rows> documents;

  void add(std::span<const std::int32_t> sequence) {
    documents.push_back({tokens.size(), sequence.size()});
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      tokens.push_back(sequence[i]);
      targets.push_back(i + 1 < sequence.size() ? sequence[i + 1] : ignored_target);
      positions.push_back(static_cast<std::uint32_t>(i));
    }
  }
  [[nodiscard]] llama::token_batch batch() const { return {tokens, positions, documents}; }
};

/// Which sequences each step reads: all of them once an epoch, each epoch in another order or always in their own.
class DataOrder {
 public:
  /// Throws  ContractViolation without a sequence.
  DataOrder(std::size_t count, bool shuffle, std::uint64_t seed)
      : count_(count), shuffle_(shuffle), seed_(seed) {
    QAT_EXPECTS(count > 0, "no sequence");
  }

  /// The sequence that is read as number `draw` of the run. Draws of one epoch after another are cheap.
  [[nodiscard]] std::size_t operator()(std::uint64_t draw) {
    if (!shuffle_) return static_cast<std::size_t>(draw % count_);
    if (order_.empty() || draw / count_ != epoch_) {
      epoch_ = draw / count_;
      order_ = shuffled(count_, seed_, epoch_);
    }
    return order_[static_cast<std::size_t>(draw % count_)];
  }

 private:
  std::size_t count_;
  bool shuffle_;
  std::uint64_t seed_;
  std::uint64_t epoch_ = 0;
  std::vector<std::uint32_t> order_;
};

}  // namespace qat::distill
