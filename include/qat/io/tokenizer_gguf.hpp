#pragma once

#include <qat/io/detail/score_merges.hpp>
#include <qat/io/detail/tokenizer_tables.hpp>
#include <qat/io/format_error.hpp>
#include <qat/io/gguf_value.hpp>
#include <qat/io/tokenizer.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// The tokenizer inside a GGUF file.

namespace qat::io {

/// The keys tokenizer.ggml.* of a GGUF file, as its reader found them.
struct gguf_vocabulary {
  std::string model;                           ///< tokenizer.ggml.model: "llama" or "gpt2"
  std::string pre;                             ///< pre: the rule of words of "gpt2"; may be empty
  std::vector<std::string> tokens;             ///< tokens
  std::vector<float> scores;                   ///< scores: of "llama", one a token
  std::vector<std::int32_t> token_types;       ///< token_type, one a token, or none: all normal
  std::vector<std::string> merges;             ///< merges: of "gpt2", "a b"
  std::optional<std::int32_t> bos;             ///< bos_token_id
  std::optional<std::int32_t> eos;             ///< eos_token_id
  std::optional<std::int32_t> unknown;         ///< unknown_token_id
  std::optional<bool> add_bos = std::nullopt;  ///< add_bos_token
  bool add_space_prefix = true;                ///< add_space_prefix: of "llama"
};

namespace detail {

/// tokenizer.ggml.token_type.
enum gguf_token_type : std::int32_t {
  gguf_normal = 1,
  gguf_unknown = 2,
  gguf_control = 3,
  gguf_user_defined = 4,
  gguf_unused = 5,
  gguf_byte = 6
};

struct gguf_split {
  std::string_view pre;
  split_rule rule;
  bool digits_alone;   ///< each number is cut out first
  bool ignore_merges;  ///< a word that is a token is that token
  bool adds_bos;       ///< where the file does not say
};

/// Null for a rule we do not have. A missing name and "default" are taken as GPT-2, for which such files were made.
inline const gguf_split* find_gguf_split(std::string_view pre) {
  static constexpr gguf_split known[] = {{"", split_rule::gpt2, false, false, false},
                                         {"default", split_rule::gpt2, false, false, false},
                                         {"gpt-2", split_rule::gpt2, false, false, false},
                                         {"smollm", split_rule::gpt2, true, false, false},
                                         {"starcoder", split_rule::gpt2, true, false, false},
                                         {"llama3", split_rule::llama3, false, true, true},
                                         {"llama-v3", split_rule::llama3, false, true, true},
                                         {"llama-bpe", split_rule::llama3, false, true, true},
                                         {"qwen2", split_rule::qwen2, false, false, false}};
  for (const gguf_split& split : known)
    if (split.pre == pre) return &split;
  return nullptr;
}

inline void read_gguf_merges(const gguf_vocabulary& source, const std::string& path,
                             tokenizer_tables& tables) {
  std::vector<bpe_merge> merges;
  merges.reserve(source.merges.size());
  for (std::size_t i = 0; i < source.merges.size(); ++i) {
    const std::string& text = source.merges[i];
    const std::string place = "tokenizer.ggml.merges[" + std::to_string(i) + "]";
    const std::size_t space = text.find(' ', 1);
    if (text.empty() || space == text.npos)
      throw FormatError(path, 0, "two tokens at " + place, detail::in_quotes(text));
    const std::string left = text.substr(0, space);
    const std::string right = text.substr(space + 1);
    const auto id = [&](const std::string& piece) {
      const auto found = tables.find(piece);
      if (!found)
        throw FormatError(path, 0, "tokens of the vocabulary at " + place,
                          detail::in_quotes(piece));
      return *found;
    };
    merges.push_back({id(left), id(right), static_cast<std::uint32_t>(i), id(left + right)});
  }
  tables.merges = MergeTable(std::move(merges), tables.pieces.size());
}

/// Every character inside a piece is a symbol, token or not: tokens may be reached through characters that are none.
inline void add_characters(tokenizer_tables& tables) {
  for (const auto& [piece, id] : tables.ids) {
    for (std::size_t at = 0; at < piece.size();) {
      const code_point point = decode_utf8(piece, at);
      if (point.well_formed && tables.symbol(point.value) < 0) {
        tables.add_symbol(point.value, static_cast<std::int32_t>(tables.pieces.size() +
                                                                 tables.expansions.size()));
        tables.expansions.emplace_back(piece.substr(at, point.length));
      }
      at += point.length;
    }
  }
}

}  // namespace detail

/// A tokenizer from the vocabulary of a GGUF file.
///
///   "llama"  SentencePiece: a space in front (add_space_prefix), spaces become U+2581, neighbours merge by score; unknown
///            characters become byte tokens. Decoding drops the space at the beginning and after BOS. Runs of spaces
///            stay (SentencePiece's remove_extra_whitespaces is not in such files).
///   "gpt2"   byte-level BPE: words by `pre` (gpt-2, default or none, smollm, starcoder, llama-bpe, llama3, llama-v3, qwen2),
///            merges by rank
///
/// Control, unknown and user-defined tokens are recognised in the text, the leftmost, then longest; the first two are special.
/// Of equal tokens the last one counts. For "llama" missing ids are BOS 1, EOS 2, unknown 0.
///
/// Throws  FormatError if the vocabulary contradicts itself or names a model or a rule that is not in the list.
/// Source  ggml-org/llama.cpp: llama-vocab.cpp.
[[nodiscard]] inline Tokenizer tokenizer_from_gguf_vocabulary(const gguf_vocabulary& source,
                                                              const std::string& path) {
  const auto refuse = [&](const std::string& expected, const std::string& found) {
    throw FormatError(path, 0, expected, found);
  };
  const bool by_scores = source.model == "llama";
  if (!by_scores && source.model != "gpt2")
    refuse("tokenizer.ggml.model llama or gpt2", detail::in_quotes(source.model));
  const detail::gguf_split* split = by_scores ? nullptr : detail::find_gguf_split(source.pre);
  if (!by_scores && split == nullptr)
    refuse("a known tokenizer.ggml.pre", detail::in_quotes(source.pre));
  const std::size_t size = source.tokens.size();
  if (size == 0 || size > detail::most_tokens)
    refuse("1 to " + std::to_string(detail::most_tokens) + " tokens", std::to_string(size));
  if (!source.token_types.empty() && source.token_types.size() != size)
    refuse(std::to_string(size) + " token types", std::to_string(source.token_types.size()));
  if (by_scores && source.scores.size() != size)
    refuse(std::to_string(size) + " scores", std::to_string(source.scores.size()));

  auto tables = std::make_shared<detail::tokenizer_tables>();
  const auto special_id = [&](const char* name, const std::optional<std::int32_t>& id,
                              std::int32_t otherwise) -> std::optional<std::int32_t> {
    if (id && (*id < 0 || static_cast<std::size_t>(*id) >= size))
      refuse(std::string("tokenizer.ggml.") + name + "_token_id below " + std::to_string(size),
             std::to_string(*id));
    if (id || !by_scores || static_cast<std::size_t>(otherwise) >= size) return id;
    return otherwise;
  };
  tables->bos = special_id("bos", source.bos, 1);
  tables->eos = special_id("eos", source.eos, 2);
  tables->unknown = special_id("unknown", source.unknown, 0);
  tables->adds_bos = source.add_bos.value_or(by_scores || split->adds_bos);

  tables->pieces = source.tokens;
  tables->special.assign(size, 0);
  std::size_t added_bytes = 0;
  std::vector<std::int32_t> found_in_text;
  for (std::size_t id = 0; id < size; ++id) {
    const std::string& piece = tables->pieces[id];
    if (piece.empty()) continue;
    const auto number = static_cast<std::int32_t>(id);
    tables->ids[piece] = number;
    const std::int32_t type =
        source.token_types.empty() ? detail::gguf_normal : source.token_types[id];
    if (type < detail::gguf_normal || type > detail::gguf_byte)
      refuse("a token type from 1 to 6 of token " + std::to_string(id), std::to_string(type));
    if (by_scores && !std::isfinite(source.scores[id]))
      refuse("a finite score of token " + std::to_string(id), std::to_string(source.scores[id]));
    if (by_scores && piece.size() > detail::most_scored_bytes)
      refuse("at most 1024 bytes of token " + std::to_string(id), std::to_string(piece.size()));
    const bool is_special = type == detail::gguf_control || type == detail::gguf_unknown;
    if (!is_special && type != detail::gguf_user_defined) continue;
    added_bytes += piece.size();
    if (added_bytes > detail::most_added_bytes)
      refuse("control and user-defined tokens of at most 4 MiB together", "more");
    tables->special[id] = is_special ? 1 : 0;
    found_in_text.push_back(number);
  }
  // AddedTokens keeps the first of equals.
  for (auto id = found_in_text.rbegin(); id != found_in_text.rend(); ++id) {
    const auto at = static_cast<std::size_t>(*id);
    detail::added_token token;
    token.id = *id;
    token.special = tables->special[at] != 0;
    tables->added.insert(tables->pieces[at], token);
  }
  tables->index_symbols();

  using step = detail::decode_step;
  if (by_scores) {
    constexpr const char* space = "\xe2\x96\x81";  // U+2581
    tables->byte_fallback = true;
    detail::add_characters(*tables);
    if (source.add_space_prefix)
      tables->normalizer.push_back({detail::text_step::kind::prepend, "", " "});
    tables->normalizer.push_back({detail::text_step::kind::replace, " ", space});
    tables->decoder = {step{step::kind::replace, space, " ", 0}, step{step::kind::fuse, "", "", 0}};
    if (source.add_space_prefix) tables->decoder.push_back({step::kind::strip, " ", "", 1});
    tables->decoder.push_back({step::kind::raw_bytes, "", "", 0});
    tables->restart_at_bos = true;
    detail::merge_by_scores(*tables, source.scores, -std::numeric_limits<float>::infinity());
  } else {
    detail::split_step words;
    if (split->digits_alone) {
      words.rule = split_rule::single_digits;
      tables->splits.push_back(words);
    }
    if (split->rule != split_rule::gpt2) {
      words.rule = split->rule;
      tables->splits.push_back(words);
    }
    words.what = detail::split_step::kind::byte_level;
    words.split = split->rule == split_rule::gpt2;
    tables->splits.push_back(words);
    tables->ignore_merges = split->ignore_merges;
    tables->decoder = {step{step::kind::byte_level, "", "", 0}};
    detail::read_gguf_merges(source, path, *tables);
  }
  return Tokenizer(std::move(tables));
}

/// The tokenizer keys of a GGUF file.
///
/// Throws  FormatError naming the key that is missing or of another kind.
[[nodiscard]] inline gguf_vocabulary vocabulary_of(const GgufMetadata& metadata) {
  const std::string prefix = "tokenizer.ggml.";
  const auto id = [&](const char* name) -> std::optional<std::int32_t> {
    const std::string key = prefix + name + "_token_id";
    if (!metadata.has(key)) return std::nullopt;
    return static_cast<std::int32_t>(std::min<std::uint64_t>(metadata.number(key), 0x7fffffff));
  };
  gguf_vocabulary v;
  v.model = metadata.text(prefix + "model", "");
  v.pre = metadata.text(prefix + "pre", "");
  v.tokens = metadata.texts(prefix + "tokens");
  if (metadata.has(prefix + "scores")) v.scores = metadata.numbers<float>(prefix + "scores");
  if (metadata.has(prefix + "token_type"))
    v.token_types = metadata.numbers<std::int32_t>(prefix + "token_type");
  if (metadata.has(prefix + "merges")) v.merges = metadata.texts(prefix + "merges");
  v.bos = id("bos");
  v.eos = id("eos");
  v.unknown = id("unknown");
  if (metadata.has(prefix + "add_bos_token"))
    v.add_bos = metadata.flag(prefix + "add_bos_token", false);
  v.add_space_prefix = metadata.flag(prefix + "add_space_prefix", true);
  return v;
}

/// The tokenizer of a GGUF file.
///
/// Throws  as vocabulary_of and tokenizer_from_gguf_vocabulary.
[[nodiscard]] inline Tokenizer tokenizer_from_gguf(const GgufMetadata& metadata) {
  return tokenizer_from_gguf_vocabulary(vocabulary_of(metadata), metadata.path());
}

}  // namespace qat::io
