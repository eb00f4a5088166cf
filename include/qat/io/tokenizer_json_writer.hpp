#pragma once

#include <qat/io/detail/tokenizer_json_steps.hpp>
#include <qat/io/tokenizer_gguf.hpp>
#include <qat/io/unicode.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

/// \file
/// Tokenizers out: tokenizer.json for models that come from other files.

namespace qat::io {

namespace detail {

/// How words are cut, as pre_tokenizer.
inline nlohmann::json pre_tokenizer_json(const gguf_split& split) {
  nlohmann::json steps = nlohmann::json::array();
  if (split.digits_alone) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
  if (split.rule != split_rule::gpt2)
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", regex_of_rule(split.rule)}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  steps.push_back({{"type", "ByteLevel"},
                   {"add_prefix_space", false},
                   {"trim_offsets", true},
                   {"use_regex", split.rule == split_rule::gpt2}});
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

/// BOS in front of a text.
inline nlohmann::json bos_template_json(const std::string& bos, std::int32_t id) {
  const nlohmann::json first{{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
  const auto text = [](const char* name, int type) {
    return nlohmann::json{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  return {{"type", "TemplateProcessing"},
          {"single", {first, text("A", 0)}},
          {"pair", {first, text("A", 0), text("B", 1)}},
          {"special_tokens", {{bos, {{"id", bos}, {"ids", {id}}, {"tokens", {bos}}}}}}};
}

}  // namespace detail

/// A tokenizer.json with the tokens of a "gpt2" vocabulary of a GGUF file: tokenizer_from_json of it encodes as
/// tokenizer_from_gguf_vocabulary does. Nothing for a vocabulary that such a file cannot say: one that merges by score
/// ("llama"), two tokens that are written alike, or a token that is no UTF-8.
///
/// Valid   what tokenizer_from_gguf_vocabulary takes.
/// Source  huggingface/tokenizers.
[[nodiscard]] inline std::optional<std::string> tokenizer_json_of(const gguf_vocabulary& source) {
  const detail::gguf_split* const split =
      source.model == "gpt2" ? detail::find_gguf_split(source.pre) : nullptr;
  if (split == nullptr) return std::nullopt;
  nlohmann::json vocabulary = nlohmann::json::object();
  nlohmann::json added = nlohmann::json::array();
  for (std::size_t id = 0; id < source.tokens.size(); ++id) {
    const std::string& piece = source.tokens[id];
    if (piece.empty()) continue;
    if (!is_utf8(piece) || vocabulary.contains(piece)) return std::nullopt;
    vocabulary[piece] = id;
    const std::int32_t type =
        source.token_types.empty() ? detail::gguf_normal : source.token_types[id];
    const bool special = type == detail::gguf_control || type == detail::gguf_unknown;
    if (special || type == detail::gguf_user_defined)
      added.push_back({{"id", id},
                       {"content", piece},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", special}});
  }
  const bool begins = source.add_bos.value_or(split->adds_bos) && source.bos.has_value();
  const nlohmann::json model{{"type", "BPE"},
                             {"dropout", nullptr},
                             {"unk_token", nullptr},
                             {"continuing_subword_prefix", nullptr},
                             {"end_of_word_suffix", nullptr},
                             {"fuse_unk", false},
                             {"byte_fallback", false},
                             {"ignore_merges", split->ignore_merges},
                             {"vocab", vocabulary},
                             {"merges", source.merges}};
  const nlohmann::json document{
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", detail::pre_tokenizer_json(*split)},
      {"post_processor",
       begins ? detail::bos_template_json(source.tokens[static_cast<std::size_t>(*source.bos)],
                                          *source.bos)
              : nlohmann::json()},
      {"decoder",
       {{"type", "ByteLevel"},
        {"add_prefix_space", false},
        {"trim_offsets", true},
        {"use_regex", true}}},
      {"model", model}};
  return document.dump() + "\n";
}

}  // namespace qat::io
