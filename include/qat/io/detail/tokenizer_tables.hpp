#pragma once

#include <qat/io/detail/added_tokens.hpp>
#include <qat/io/detail/bpe_merges.hpp>
#include <qat/io/detail/byte_level.hpp>
#include <qat/io/detail/decode_chain.hpp>
#include <qat/io/tokenizer_split.hpp>
#include <qat/io/unicode.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// \file
/// Everything a tokenizer knows, whatever file it came from.

namespace qat::io::detail {

/// Eight times the largest published vocabulary.
inline constexpr std::size_t most_tokens = std::size_t{1} << 21;

/// A change of the text before it is cut into words.
struct text_step {
  enum class kind {
    prepend,  ///< `to` before a text that is not empty
    replace   ///< every `from` becomes `to`
  };
  kind what = kind::replace;
  std::string from;
  std::string to;
};

/// The text after the steps.
[[nodiscard]] inline std::string normalized(std::string_view text,
                                            const std::vector<text_step>& steps) {
  std::string result(text);
  for (const text_step& step : steps) {
    if (step.what == text_step::kind::replace) {
      result = replace_all(result, step.from, step.to);
    } else if (!result.empty()) {
      result.insert(0, step.to);
    }
  }
  return result;
}

/// A cut into words.
struct split_step {
  enum class kind {
    rule,       ///< the pieces of `rule`
    metaspace,  ///< spaces become `replacement`, which may also be put in front; each begins a piece
    byte_level  ///< bytes become characters; always the last step
  };
  enum class prefix { never, first, always };
  kind what = kind::rule;
  split_rule rule = split_rule::gpt2;
  std::string replacement;
  prefix scheme = prefix::never;
  bool split = true;  ///< metaspace: cuts; byte_level: by the rule of GPT-2
};

/// Immutable once loaded.
struct tokenizer_tables {
  tokenizer_tables() {
    byte_ids.fill(-1);
    byte_symbols.fill(-1);
    ascii_symbols.fill(-1);
  }
  tokenizer_tables(const tokenizer_tables&) = delete;  // the maps point into `pieces`
  tokenizer_tables& operator=(const tokenizer_tables&) = delete;
  ~tokenizer_tables() = default;

  // Vocabulary
  std::vector<std::string> pieces;                         ///< by id; empty where there is none
  std::vector<std::uint8_t> special;                       ///< by id
  std::unordered_map<std::string_view, std::int32_t> ids;  ///< the model's pieces
  std::unordered_map<std::string_view, std::int32_t> added_ids;
  std::optional<std::int32_t> bos;
  std::optional<std::int32_t> eos;
  bool adds_bos = false;  ///< the file says that a text begins with BOS

  // Text to words
  AddedTokens added;             ///< recognised in the text
  AddedTokens added_normalized;  ///< recognised after `normalizer`
  std::vector<text_step> normalizer;
  std::vector<split_step> splits;

  // Words to tokens. A symbol is an id, or vocabulary + i for expansions[i].
  MergeTable merges;
  bool ignore_merges = false;  ///< a word that is a token is that token
  bool byte_fallback = false;  ///< an unknown character becomes its bytes if all of them are tokens
  bool fuse_unknown = false;
  std::optional<std::int32_t> unknown;
  std::array<std::int32_t, 256> byte_ids{};       ///< <0xNN>, or -1
  std::array<std::int32_t, 256> byte_symbols{};   ///< of byte_characters, or -1
  std::array<std::int32_t, 128> ascii_symbols{};  ///< of one code point, or -1
  std::unordered_map<char32_t, std::int32_t> symbols;
  std::vector<std::string> expansions;

  // Tokens to text
  std::vector<decode_step> decoder;
  bool restart_at_bos = false;  ///< the token after BOS decodes as the first

  [[nodiscard]] std::optional<std::int32_t> find(std::string_view piece) const {
    const auto at = ids.find(piece);
    return at == ids.end() ? std::nullopt : std::optional(at->second);
  }

  [[nodiscard]] std::int32_t symbol(char32_t value) const {
    if (value < ascii_symbols.size()) return ascii_symbols[value];
    const auto at = symbols.find(value);
    return at == symbols.end() ? -1 : at->second;
  }

  /// Fills what follows from `ids`: the symbols of single code points and of bytes.
  void index_symbols() {
    for (const auto& [piece, id] : ids) {
      if (const auto byte = byte_of_token(piece); byte && piece[3] != '+' && piece == hex(*byte))
        byte_ids[*byte] = id;
      if (piece.empty()) continue;
      const code_point point = decode_utf8(piece, 0);
      if (point.well_formed && point.length == piece.size()) add_symbol(point.value, id);
    }
    for (std::size_t byte = 0; byte < 256; ++byte)
      byte_symbols[byte] = symbol(byte_characters[byte]);
  }

  void add_symbol(char32_t value, std::int32_t id) {
    if (value < ascii_symbols.size()) {
      ascii_symbols[value] = id;
    } else {
      symbols[value] = id;
    }
  }

 private:
  /// The name of a byte's token: <0x0A>, capitals only.
  static std::string hex(std::uint8_t byte) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    return std::string("<0x") + digits[byte >> 4] + digits[byte & 15] + '>';
  }
};

}  // namespace qat::io::detail
