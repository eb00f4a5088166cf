#pragma once

#include <qat/io/unicode.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Tokens that are recognised in a text before it is cut into words.

namespace qat::io::detail {

/// How one added token is recognised.
struct added_token {
  std::int32_t id = 0;
  bool single_word = false;  ///< only where no word character stands beside it
  bool lstrip = false;       ///< takes the spaces on its left along
  bool rstrip = false;       ///< takes the spaces on its right along
  bool special = false;
};

/// The trie takes some 60 bytes for each byte of them: files with more are refused.
inline constexpr std::size_t most_added_bytes = std::size_t{1} << 22;

/// A set of strings with the added token of each: finds the leftmost, then longest.
class AddedTokens {
 public:
  AddedTokens() : nodes_(1) {}

  /// Adds a string that is not empty, unless it is there.
  void insert(std::string_view content, const added_token& token) {
    std::size_t node = 0;
    for (const char c : content) {
      const std::size_t child = step(node, c);
      if (child != 0) {
        node = child;
        continue;
      }
      const std::size_t created = nodes_.size();
      auto& children = nodes_[node].children;
      const auto entry = std::pair(c, static_cast<std::uint32_t>(created));
      children.insert(std::upper_bound(children.begin(), children.end(), entry), entry);
      nodes_.emplace_back();
      node = created;
    }
    if (nodes_[node].token >= 0) return;
    nodes_[node].token = static_cast<std::int32_t>(tokens_.size());
    tokens_.push_back(token);
  }

  [[nodiscard]] bool empty() const { return tokens_.empty(); }

  /// Cuts text: calls on_text(begin, end) for what lies between the tokens (never empty), on_token(id) for each token.
  ///
  /// Matches do not overlap and are found left to right; one that `single_word` or `skip_special` refuses is passed over
  /// whole. Spaces that a token takes along may reach to the token before it, not further.
  /// Cost    per byte of text at most the length of the longest string.
  template <class OnText, class OnToken>
  void cut(std::string_view text, bool skip_special, OnText&& on_text, OnToken&& on_token) const {
    std::size_t done = 0;
    for (std::size_t at = 0; !tokens_.empty() && at < text.size();) {
      const auto [end, found] = longest(text, at);
      if (found == nullptr) {
        ++at;
        continue;
      }
      std::size_t begin = at;
      at = end;
      if (skip_special && found->special) continue;
      if (found->single_word && (ends_with_word(text.substr(0, begin)) ||
                                 (end < text.size() && is_word(decode_utf8(text, end).value))))
        continue;
      if (found->lstrip) begin = std::max(spaces_before(text, begin, done), done);
      std::size_t stop = end;
      if (found->rstrip) {
        stop = std::max(end, done);  // what the token before took along are spaces
        while (stop < text.size() && is_space(decode_utf8(text, stop).value))
          stop += decode_utf8(text, stop).length;
      }
      if (done < begin) on_text(done, begin);
      on_token(found->id);
      done = stop;
    }
    if (done < text.size()) on_text(done, text.size());
  }

 private:
  struct trie_node {
    std::vector<std::pair<char, std::uint32_t>> children;  // sorted
    std::int32_t token = -1;
  };

  /// The child of a node, or 0.
  [[nodiscard]] std::size_t step(std::size_t node, char c) const {
    const auto& children = nodes_[node].children;
    const auto at = std::lower_bound(children.begin(), children.end(), std::pair(c, 0u));
    return at != children.end() && at->first == c ? at->second : 0;
  }

  [[nodiscard]] std::pair<std::size_t, const added_token*> longest(std::string_view text,
                                                                   std::size_t at) const {
    std::pair<std::size_t, const added_token*> found{at, nullptr};
    std::size_t node = 0;
    while (at < text.size() && (node = step(node, text[at])) != 0) {
      ++at;
      if (nodes_[node].token >= 0)
        found = {at, &tokens_[static_cast<std::size_t>(nodes_[node].token)]};
    }
    return found;
  }

  /// The beginning of the last code point of a well-formed text.
  static std::size_t last_begin(std::string_view text) {
    std::size_t at = text.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0u) == 0x80) --at;
    return at;
  }
  static bool ends_with_word(std::string_view text) {
    return !text.empty() && is_word(decode_utf8(text, last_begin(text)).value);
  }
  static std::size_t spaces_before(std::string_view text, std::size_t end, std::size_t low) {
    while (end > low) {
      const std::size_t last = last_begin(text.substr(0, end));
      if (!is_space(decode_utf8(text, last).value)) break;
      end = last;
    }
    return end;
  }

  std::vector<trie_node> nodes_;
  std::vector<added_token> tokens_;
};

}  // namespace qat::io::detail
