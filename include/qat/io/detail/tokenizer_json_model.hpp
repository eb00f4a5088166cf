#pragma once

#include <qat/io/detail/tokenizer_json_steps.hpp>
#include <qat/io/detail/tokenizer_tables.hpp>
#include <qat/io/json_field.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

/// \file
/// The vocabulary, the merges, the added tokens and the template of a tokenizer.json.

namespace qat::io::detail {

/// Fills pieces and ids from model.vocab and added_tokens.
inline void read_vocabulary(const JsonField& root, tokenizer_tables& tables) {
  const JsonField vocabulary = root["model"]["vocab"];
  const std::size_t added = root.has("added_tokens") ? root["added_tokens"].size() : 0;
  const std::size_t tokens = vocabulary.value().size() + added;
  if (tokens > most_tokens)
    vocabulary.refuse("at most " + std::to_string(most_tokens) + " tokens", std::to_string(tokens));
  // Ids may leave gaps, but a small file gets little memory.
  const std::size_t last = 2 * tokens + 1023;
  std::vector<std::uint8_t> taken(last + 1, 0);
  tables.pieces.resize(last + 1);
  std::size_t end = 0;
  const auto place = [&](std::size_t id, const std::string& piece) {
    tables.pieces[id] = piece;
    taken[id] = 1;
    end = std::max(end, id + 1);
  };
  vocabulary.each([&](const std::string& piece, const JsonField& field) {
    const std::size_t id = field.count(last);
    if (taken[id] != 0) field.refuse("one token for an id", std::to_string(id) + " twice");
    place(id, piece);
    if (!piece.empty()) tables.ids.emplace(tables.pieces[id], static_cast<std::int32_t>(id));
  });
  for (std::size_t i = 0; i < added; ++i) {
    const JsonField token = root["added_tokens"][i];
    const std::size_t id = token["id"].count(last);
    const std::string& content = token["content"].some_text();
    const auto known = tables.find(content);
    if (known && static_cast<std::size_t>(*known) != id)
      token["id"].refuse(
          "the id of " + in_quotes(content) + " in the vocabulary, " + std::to_string(*known),
          std::to_string(id));
    if (taken[id] != 0 && tables.pieces[id] != content)
      token["id"].refuse("an id that is free", std::to_string(id) + " of another token");
    if (taken[id] == 0) place(id, content);
  }
  // Shrinking in place: the maps keep pointing at the pieces.
  tables.pieces.resize(end);
  tables.special.assign(end, 0);
}

/// The two tokens of a merge: "a b" or ["a", "b"].
inline std::pair<std::string, std::string> merge_pair(const JsonField& merge) {
  if (merge.value().is_array()) {
    if (merge.size() != 2) merge.refuse("two tokens", std::to_string(merge.size()));
    return {merge[std::size_t{0}].text(), merge[std::size_t{1}].text()};
  }
  const std::string& text = merge.text();
  const std::size_t space = text.find(' ');
  if (space == text.npos || text.find(' ', space + 1) != text.npos)
    merge.refuse("two tokens with one space between them");
  return {text.substr(0, space), text.substr(space + 1)};
}

inline void read_model(const JsonField& model, tokenizer_tables& tables) {
  if (model.has("type") && model["type"].text() != "BPE") model["type"].refuse("a model BPE");
  if (model.has("dropout") && model["dropout"].value() != 0) model["dropout"].refuse("no dropout");
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (model.has(affix) && !model[affix].text().empty())
      model[affix].refuse("no affix of subwords");
  tables.byte_fallback = model.flag("byte_fallback", false);
  tables.fuse_unknown = model.flag("fuse_unk", false);
  tables.ignore_merges = model.flag("ignore_merges", false);
  if (model.has("unk_token")) {
    tables.unknown = tables.find(model["unk_token"].text());
    if (!tables.unknown) model["unk_token"].refuse("a token of the vocabulary");
  }
  tables.index_symbols();

  const JsonField list = model["merges"];
  std::vector<bpe_merge> merges;
  merges.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonField field = list[i];
    if (field.value().is_string() && field.text().rfind("#version", 0) == 0) continue;
    const auto [left, right] = merge_pair(field);
    bpe_merge merge;
    const auto id = [&](const std::string& piece) {
      const auto found = tables.find(piece);
      if (!found) field.refuse("tokens of the vocabulary", in_quotes(piece));
      return *found;
    };
    merge.left = id(left);
    merge.right = id(right);
    merge.result = id(left + right);
    merge.rank = static_cast<std::uint32_t>(merges.size());
    merges.push_back(merge);
  }
  tables.merges = MergeTable(std::move(merges), tables.pieces.size());
}

/// Special tokens are sought before the others, those of `normalized` in the normalized text.
inline void read_added_tokens(const JsonField& list, tokenizer_tables& tables) {
  std::size_t total = 0;
  for (const bool special : {true, false}) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const JsonField field = list[i];
      added_token token;
      token.special = field["special"].flag();
      if (token.special != special) continue;
      token.id = static_cast<std::int32_t>(field["id"].count(tables.pieces.size()));
      token.single_word = field["single_word"].flag();
      token.lstrip = field["lstrip"].flag();
      token.rstrip = field["rstrip"].flag();
      const std::string& piece = tables.pieces[static_cast<std::size_t>(token.id)];
      if (!tables.added_ids.emplace(piece, token.id).second)
        field["content"].refuse("each added token once");
      if (token.special) tables.special[static_cast<std::size_t>(token.id)] = 1;
      const bool normalizes = field["normalized"].flag();
      const std::string content = normalizes ? normalized(piece, tables.normalizer) : piece;
      if (content.empty()) field["content"].refuse("a token that the normalizer does not erase");
      total += content.size();
      if (total > most_added_bytes) field.refuse("added tokens of at most 4 MiB together", "more");
      (normalizes ? tables.added_normalized : tables.added).insert(content, token);
    }
  }
}

/// The id of a special token of a template.
inline std::int32_t template_token(const JsonField& processor, const JsonField& piece,
                                   const tokenizer_tables& tables) {
  const JsonField ids = processor["special_tokens"][piece["SpecialToken"]["id"].text()]["ids"];
  if (ids.size() != 1) ids.refuse("one id", std::to_string(ids.size()));
  if (tables.pieces.empty()) ids.refuse("a token of the vocabulary");
  return static_cast<std::int32_t>(ids[std::size_t{0}].count(tables.pieces.size() - 1));
}

inline void read_post_processor(const JsonField& component, tokenizer_tables& tables) {
  each_component(component, "processors", [&](const JsonField& part) {
    const std::string& type = part["type"].text();
    if (type == "ByteLevel") return;
    if (type != "TemplateProcessing")
      part.refuse("a post-processor that is TemplateProcessing or ByteLevel or a Sequence of them",
                  type);
    const JsonField single = part["single"];
    std::size_t texts = 0;
    std::size_t in_front = 0;
    std::size_t behind = 0;
    for (std::size_t i = 0; i < single.size(); ++i) {
      const JsonField piece = single[i];
      if (piece.has("Sequence")) {
        ++texts;
      } else if (piece.has("SpecialToken")) {
        (texts == 0 ? tables.bos : tables.eos) = template_token(part, piece, tables);
        ++(texts == 0 ? in_front : behind);
      } else {
        piece.refuse("a SpecialToken or a Sequence");
      }
    }
    if (texts != 1 || in_front > 1 || behind > 1)
      single.refuse("one Sequence with at most one SpecialToken in front and one behind",
                    std::to_string(texts) + " with " + std::to_string(in_front) + " and " +
                        std::to_string(behind));
    tables.adds_bos = in_front == 1;
  });
}

}  // namespace qat::io::detail
