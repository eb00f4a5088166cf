#pragma once

#include <qat/core/contracts.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Byte pair encoding: the table of merges and the merging of one word.

namespace qat::io::detail {

/// "left right" becomes `result`; the lowest rank goes first.
struct bpe_merge {
  std::int32_t left = 0;
  std::int32_t right = 0;
  std::uint32_t rank = 0;
  std::int32_t result = 0;
};

/// Merges by pair. Sorted, so that no choice of pairs makes a look-up slow.
class MergeTable {
 public:
  MergeTable() = default;

  /// Where a pair occurs several times, the last one counts.
  /// Valid  0 <= left < symbols of every merge.
  MergeTable(std::vector<bpe_merge> merges, std::size_t symbols) {
    std::stable_sort(merges.begin(), merges.end(), [](const bpe_merge& a, const bpe_merge& b) {
      return std::pair(a.left, a.right) < std::pair(b.left, b.right);
    });
    first_.assign(symbols + 1, 0);
    for (std::size_t i = 0; i < merges.size(); ++i) {
      const bool is_last = i + 1 == merges.size() || merges[i].left != merges[i + 1].left ||
                           merges[i].right != merges[i + 1].right;
      if (!is_last) continue;
      entries_.push_back({merges[i].right, merges[i].rank, merges[i].result});
      ++first_[static_cast<std::size_t>(merges[i].left) + 1];
    }
    for (std::size_t s = 0; s < symbols; ++s) first_[s + 1] += first_[s];
  }

  struct entry {
    std::int32_t right = 0;
    std::uint32_t rank = 0;
    std::int32_t result = 0;
  };

  /// The merge of the pair, or null.
  [[nodiscard]] const entry* find(std::int32_t left, std::int32_t right) const {
    const auto begin = entries_.begin() + first_[static_cast<std::size_t>(left)];
    const auto end = entries_.begin() + first_[static_cast<std::size_t>(left) + 1];
    const auto at = std::lower_bound(
        begin, end, right, [](const entry& e, std::int32_t value) { return e.right < value; });
    return at != end && at->right == right ? &*at : nullptr;
  }

 private:
  std::vector<std::int32_t> first_ = {0};  // entries of left s: first_[s] .. first_[s + 1]
  std::vector<entry> entries_;
};

/// Merges words; keeps its memory from word to word.
class BpeMerger {
 public:
  /// Merges the neighbours of the lowest rank, the leftmost of equal ones, until no pair of neighbours is in the table.
  ///
  /// Shapes  word (n) symbols, replaced by at most n.
  /// Valid   every symbol known to the table.
  /// Throws  ContractViolation from 2^31 - 1 symbols on.
  /// Cost    O(n log n): a heap of candidate pairs over a linked list.
  void merge(const MergeTable& table, std::vector<std::int32_t>& word) {
    const std::size_t n = word.size();
    if (n < 2) return;
    QAT_EXPECTS(n < std::numeric_limits<std::int32_t>::max(), std::to_string(n) + " symbols");
    next_.resize(n);
    previous_.resize(n);
    heap_.clear();
    for (std::size_t i = 0; i < n; ++i) {
      next_[i] = i + 1 < n ? static_cast<std::int32_t>(i + 1) : -1;
      previous_[i] = static_cast<std::int32_t>(i) - 1;
      if (i + 1 < n) push(table, word, static_cast<std::int32_t>(i));
    }
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      const std::uint64_t top = heap_.back();
      heap_.pop_back();
      const auto at = static_cast<std::size_t>(top & 0xffffffffu);
      // A candidate is stale when its left symbol is gone or its pair has changed since.
      if (word[at] == gone || next_[at] < 0) continue;
      const auto right = static_cast<std::size_t>(next_[at]);
      const MergeTable::entry* found = table.find(word[at], word[right]);
      if (found == nullptr || found->rank != static_cast<std::uint32_t>(top >> 32)) continue;
      word[at] = found->result;
      word[right] = gone;
      next_[at] = next_[right];
      if (next_[at] >= 0) {
        previous_[static_cast<std::size_t>(next_[at])] = static_cast<std::int32_t>(at);
        if (push(table, word, static_cast<std::int32_t>(at)))
          std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
      }
      if (previous_[at] >= 0 && push(table, word, previous_[at]))
        std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }
    word.erase(std::remove(word.begin(), word.end(), gone), word.end());
  }

 private:
  static constexpr std::int32_t gone = -1;

  /// Appends the pair at `at` and its right neighbour to the candidates, if the table has it.
  bool push(const MergeTable& table, const std::vector<std::int32_t>& word, std::int32_t at) {
    const auto left = static_cast<std::size_t>(at);
    const MergeTable::entry* found =
        table.find(word[left], word[static_cast<std::size_t>(next_[left])]);
    if (found == nullptr) return false;
    heap_.push_back(static_cast<std::uint64_t>(found->rank) << 32 | left);
    return true;
  }

  std::vector<std::int32_t> next_;
  std::vector<std::int32_t> previous_;
  std::vector<std::uint64_t> heap_;  // rank << 32 | position of the left symbol; smallest first
};

}  // namespace qat::io::detail
