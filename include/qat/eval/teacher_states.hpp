#pragma once

#include <qat/llama/model.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

/// \file
/// What students are compared with.

namespace qat::eval {

/// A teacher's last hidden states, from which its head makes its logits. Remembers those of the batches that it has seen, as
/// far as they fit, for the next student that is scored on the same text. Borrows the model, which must stay as it is.
class TeacherStates {
 public:
  /// Bytes that are remembered: 256 MiB hold 300,000 tokens of a width of 224, or 16,000 of 4,096.
  static constexpr std::size_t default_capacity = std::size_t{1} << 28;

  explicit TeacherStates(const llama::Llama<full_precision>& teacher,
                         std::size_t capacity = default_capacity)
      : teacher_(teacher), room_(capacity / sizeof(float)) {}

  [[nodiscard]] const llama::Llama<full_precision>& model() const { return teacher_; }

  /// teacher.forward(tape, batch), or a constant with the same bits.
  ///
  /// Shapes  (tokens of the batch, width). The constant lives as long as this.
  /// Throws  as Llama::forward.
  [[nodiscard]] Variable<float> of(Tape<float>& tape, const llama::token_batch& batch) {
    auto key = key_of(batch);
    const auto found = seen_.find(key);
    const std::size_t width = teacher_.config().hidden;
    if (found != seen_.end())
      return tape.constant(
          TensorView<float>(found->second.data(), Shape{batch.tokens.size(), width}));
    const Variable<float> hidden = teacher_.forward(tape, batch);
    if (tape.computes() && hidden.value.size() <= room_) {
      room_ -= hidden.value.size();
      seen_.emplace(std::move(key), std::vector<float>(hidden.value.data(),
                                                       hidden.value.data() + hidden.value.size()));
    }
    return hidden;
  }

 private:
  /// Tokens, and where the documents end: all that the states depend on.
  using batch_key = std::pair<std::vector<std::int32_t>, std::vector<std::size_t>>;

  static batch_key key_of(const llama::token_batch& batch) {
    batch_key key{{batch.tokens.begin(), batch.tokens.end()}, {}};
    for (const document_rows& d : batch.documents) key.second.push_back(d.first + d.count);
    return key;
  }

  const llama::Llama<full_precision>& teacher_;
  std::size_t room_;
  std::map<batch_key, std::vector<float>> seen_;
};

}  // namespace qat::eval
