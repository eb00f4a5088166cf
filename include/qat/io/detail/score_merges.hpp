#pragma once

#include <qat/io/detail/tokenizer_tables.hpp>
#include <qat/io/format_error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// \file
/// SentencePiece vocabularies: any two neighbours whose joined text is a token may merge, the best score first.

namespace qat::io::detail {

/// The longest piece a scored vocabulary may have. Every piece is tried at every cut, so its length counts twice.
inline constexpr std::size_t most_scored_bytes = 1024;

/// Fills tables.merges from tables.ids and a finite score per id; scores that do not exceed `floor` never merge.
///
///   rank(left, right) = number of distinct scores above that of the token left + right
///
/// Symbols without a token of their own (tables.expansions) take part.
inline void merge_by_scores(tokenizer_tables& tables, std::span<const float> scores, float floor) {
  std::unordered_map<std::string_view, std::int32_t> symbols = tables.ids;
  for (std::size_t i = 0; i < tables.expansions.size(); ++i)
    symbols[tables.expansions[i]] = static_cast<std::int32_t>(tables.pieces.size() + i);

  std::vector<float> distinct(scores.begin(), scores.end());
  std::sort(distinct.begin(), distinct.end(), std::greater<>());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());

  std::vector<bpe_merge> merges;
  for (const auto& [piece, id] : tables.ids) {
    const float score = scores[static_cast<std::size_t>(id)];
    if (score <= floor) continue;
    const auto at = std::lower_bound(distinct.begin(), distinct.end(), score, std::greater<>());
    const auto rank = static_cast<std::uint32_t>(at - distinct.begin());
    for (std::size_t cut = 1; cut < piece.size(); ++cut) {
      const auto left = symbols.find(piece.substr(0, cut));
      if (left == symbols.end()) continue;
      const auto right = symbols.find(piece.substr(cut));
      if (right != symbols.end()) merges.push_back({left->second, right->second, rank, id});
    }
  }
  tables.merges = MergeTable(std::move(merges), tables.pieces.size() + tables.expansions.size());
}

}  // namespace qat::io::detail
