#pragma once

#include <qat/io/detail/tokenizer_tables.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// From text to tokens.

namespace qat::io::detail {

/// One call of encode: walks the text through the steps and appends to `ids`.
class Encoding {
 public:
  Encoding(const tokenizer_tables& tables, std::vector<std::int32_t>& ids)
      : tables_(&tables), ids_(&ids) {}

  /// Valid  text well-formed UTF-8.
  void run(std::string_view text, bool special_as_text) {
    tables_->added.cut(
        text, special_as_text,
        [&](std::size_t begin, std::size_t end) {
          const std::string normal =
              normalized(text.substr(begin, end - begin), tables_->normalizer);
          tables_->added_normalized.cut(
              normal, special_as_text,
              [&](std::size_t from, std::size_t to) {
                split(0, std::string_view(normal).substr(from, to - from), begin == 0 && from == 0);
              },
              [&](std::int32_t id) { ids_->push_back(id); });
        },
        [&](std::int32_t id) { ids_->push_back(id); });
  }

 private:
  /// Cuts a piece by the steps from `index` on. `at_start`: it begins the text.
  void split(std::size_t index, std::string_view piece, bool at_start) {
    if (piece.empty()) return;
    if (index == tables_->splits.size()) return characters(piece);
    const split_step& step = tables_->splits[index];
    switch (step.what) {
      case split_step::kind::rule:
        for (std::size_t at = 0; at < piece.size();) {
          const std::size_t end = piece_end(step.rule, piece, at);
          split(index + 1, piece.substr(at, end - at), at_start && at == 0);
          at = end;
        }
        return;
      case split_step::kind::metaspace:
        return metaspace(index, step, piece, at_start);
      case split_step::kind::byte_level: {
        std::string prefixed;
        if (step.scheme == split_step::prefix::always && piece.front() != ' ') {
          prefixed = ' ';
          prefixed += piece;
          piece = prefixed;
        }
        if (!step.split) return bytes(piece);
        for (std::size_t at = 0; at < piece.size();) {
          const std::size_t end = piece_end(split_rule::gpt2, piece, at);
          bytes(piece.substr(at, end - at));
          at = end;
        }
        return;
      }
    }
  }

  void metaspace(std::size_t index, const split_step& step, std::string_view piece, bool at_start) {
    std::string text = replace_all(piece, " ", step.replacement);
    const bool prepends = step.scheme == split_step::prefix::always ||
                          (step.scheme == split_step::prefix::first && at_start);
    if (prepends && text.compare(0, step.replacement.size(), step.replacement) != 0)
      text.insert(0, step.replacement);
    if (!step.split) return split(index + 1, text, at_start);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(step.replacement, at + 1), text.size());
      split(index + 1, std::string_view(text).substr(at, end - at), at_start && at == 0);
      at = end;
    }
  }

  /// A word of characters.
  void characters(std::string_view word) {
    if (tables_->ignore_merges && whole(word)) return;
    for (std::size_t at = 0; at < word.size();) {
      const code_point point = decode_utf8(word, at);
      add(tables_->symbol(point.value), word.substr(at, point.length));
      at += point.length;
    }
    finish_word();
  }

  /// A word of bytes, each of which is a character of the vocabulary.
  void bytes(std::string_view word) {
    if (tables_->ignore_merges && whole(characters_of_bytes(word))) return;
    for (std::size_t at = 0; at < word.size(); ++at) {
      const std::int32_t symbol = tables_->byte_symbols[static_cast<unsigned char>(word[at])];
      add(symbol, symbol < 0 ? characters_of_bytes(word.substr(at, 1)) : std::string());
    }
    finish_word();
  }

  bool whole(std::string_view word) {
    const auto id = tables_->find(word);
    if (id) ids_->push_back(*id);
    return id.has_value();
  }

  /// Appends a character's symbol to the word, or what stands for an unknown character.
  void add(std::int32_t symbol, std::string_view character) {
    if (symbol >= 0) {
      flush_unknown();
      word_.push_back(symbol);
      return;
    }
    if (tables_->byte_fallback && append_bytes(character, word_)) return;
    if (!tables_->unknown) return;
    if (!tables_->fuse_unknown) flush_unknown();
    unknown_pending_ = true;
  }

  /// As in the reference, an unknown token waits for the next known character: bytes overtake it.
  void flush_unknown() {
    if (unknown_pending_) word_.push_back(*tables_->unknown);
    unknown_pending_ = false;
  }

  bool append_bytes(std::string_view character, std::vector<std::int32_t>& out) const {
    const std::size_t before = out.size();
    for (const char c : character) {
      const std::int32_t id = tables_->byte_ids[static_cast<unsigned char>(c)];
      if (id < 0) {
        out.resize(before);
        return false;
      }
      out.push_back(id);
    }
    return true;
  }

  void finish_word() {
    flush_unknown();
    merger_.merge(tables_->merges, word_);
    const auto vocabulary = static_cast<std::int32_t>(tables_->pieces.size());
    for (const std::int32_t symbol : word_) {
      if (symbol < vocabulary) {
        ids_->push_back(symbol);
      } else if (!append_bytes(tables_->expansions[static_cast<std::size_t>(symbol - vocabulary)],
                               *ids_) &&
                 tables_->unknown) {
        ids_->push_back(*tables_->unknown);
      }
    }
    word_.clear();
  }

  const tokenizer_tables* tables_;
  std::vector<std::int32_t>* ids_;
  std::vector<std::int32_t> word_;
  bool unknown_pending_ = false;
  BpeMerger merger_;
};

}  // namespace qat::io::detail
