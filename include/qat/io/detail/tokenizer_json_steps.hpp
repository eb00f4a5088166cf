#pragma once

#include <qat/io/detail/decode_chain.hpp>
#include <qat/io/detail/tokenizer_tables.hpp>
#include <qat/io/json_field.hpp>
#include <qat/io/tokenizer_split.hpp>
#include <qat/io/unicode.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// The components of a tokenizer.json around its model: normalizers, pre-tokenizers, decoders.

namespace qat::io::detail {

/// Sequences may stand in sequences; files do so once.
inline constexpr int most_nesting = 8;

/// A component and those inside a Sequence, in order: calls use(component).
template <class Use>
void each_component(const JsonField& component, const char* list, Use&& use,
                    int nesting = most_nesting) {
  if (component["type"].text() != "Sequence") return use(component);
  if (nesting == 0) component.refuse("at most 8 sequences in each other", "more");
  const JsonField parts = component[list];
  for (std::size_t i = 0; i < parts.size(); ++i) each_component(parts[i], list, use, nesting - 1);
}

/// Bounds on what steps do to a text, far above those of published files: a small file must not blow a small text up.
inline constexpr std::size_t most_steps = 64;
inline constexpr std::size_t most_growth = 256;

/// Refuses a step if there are most_steps before it, or if replacing all of `from` by `to` after the growth of the steps before
/// lengthens a text more than most_growth times.
inline void check_growth(const JsonField& part, std::size_t steps, std::size_t& growth,
                         std::size_t from, std::size_t to) {
  if (steps >= most_steps) part.refuse("at most 64 steps", "more");
  growth *= to <= from ? 1 : std::min((to + from - 1) / from, most_growth + 1);
  if (growth > most_growth) part.refuse("steps that lengthen a text at most 256 times", "more");
}

/// The text of {"String": text}; a Regex is refused.
inline std::string literal_pattern(const JsonField& component) {
  const JsonField pattern = component["pattern"];
  if (!pattern.has("String")) pattern.refuse("a pattern that is a String");
  return pattern["String"].some_text();
}

/// One code point.
inline std::string single_character(const JsonField& field) {
  const std::string& text = field.some_text();
  if (decode_utf8(text, 0).length != text.size()) field.refuse("one character");
  return text;
}

inline void read_normalizer(const JsonField& component, std::vector<text_step>& steps) {
  std::size_t growth = 1;
  each_component(component, "normalizers", [&](const JsonField& part) {
    const std::string& type = part["type"].text();
    if (type == "Prepend") {
      const std::string& prefix = part["prepend"].text();
      check_growth(part, steps.size(), growth, 1, 1 + prefix.size());
      steps.push_back({text_step::kind::prepend, "", prefix});
    } else if (type == "Replace") {
      const std::string pattern = literal_pattern(part);
      const std::string& content = part["content"].text();
      check_growth(part, steps.size(), growth, pattern.size(), content.size());
      steps.push_back({text_step::kind::replace, pattern, content});
    } else {
      part.refuse("a normalizer that is Prepend or Replace or a Sequence of them", type);
    }
  });
}

struct known_regex {
  std::string_view text;
  split_rule rule;
};

/// The regular expressions of the rules, in the ways in which published files write them.
inline constexpr known_regex known_regexes[] = {
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
     split_rule::gpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
     split_rule::gpt2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     split_rule::llama3},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     split_rule::qwen2}};

inline std::optional<split_rule> rule_of_regex(std::string_view regex) {
  for (const known_regex& entry : known_regexes)
    if (entry.text == regex) return entry.rule;
  return std::nullopt;
}

/// Empty for a rule that is not in the list.
inline std::string_view regex_of_rule(split_rule rule) {
  for (const known_regex& entry : known_regexes)
    if (entry.rule == rule) return entry.text;
  return {};
}

inline split_step read_split(const JsonField& part) {
  const JsonField pattern = part["pattern"];
  if (!pattern.has("Regex")) pattern.refuse("a Split whose pattern is a Regex");
  const auto rule = rule_of_regex(pattern["Regex"].text());
  if (!rule) pattern["Regex"].refuse("the regular expression of GPT-2, Llama 3 or Qwen 2");
  // The pieces of these expressions cover the text: matches isolated, or all that does not match removed, is the same.
  const std::string& behavior = part["behavior"].text();
  const bool inverted = part.flag("invert", false);
  if (!(behavior == "Isolated" && !inverted) && !(behavior == "Removed" && inverted))
    part["behavior"].refuse("Isolated, or Removed inverted",
                            behavior + (inverted ? ", inverted" : ""));
  split_step step;
  step.rule = *rule;
  return step;
}

inline split_step read_metaspace(const JsonField& part) {
  split_step step;
  step.what = split_step::kind::metaspace;
  step.replacement = single_character(part["replacement"]);
  step.scheme = split_step::prefix::always;
  step.split = part.flag("split", true);
  // Older files say add_prefix_space; where both are given, false only goes with never.
  const bool adds = part.flag("add_prefix_space", true);
  if (part.has("prepend_scheme")) {
    const std::string& scheme = part["prepend_scheme"].text();
    if (scheme == "never") {
      step.scheme = split_step::prefix::never;
    } else if (scheme == "first") {
      step.scheme = split_step::prefix::first;
    } else if (scheme != "always") {
      part["prepend_scheme"].refuse("first, always or never");
    }
    if (!adds && scheme != "never")
      part["prepend_scheme"].refuse("never beside add_prefix_space false");
  } else if (!adds) {
    step.scheme = split_step::prefix::never;
  }
  return step;
}

inline void read_pre_tokenizer(const JsonField& component, std::vector<split_step>& steps) {
  each_component(component, "pretokenizers", [&](const JsonField& part) {
    const std::string& type = part["type"].text();
    if (steps.size() >= most_steps) part.refuse("at most 64 steps", "more");
    if (!steps.empty() && steps.back().what == split_step::kind::byte_level)
      part.refuse("ByteLevel as the last pre-tokenizer", type + " behind it");
    if (type == "ByteLevel") {
      split_step step;
      step.what = split_step::kind::byte_level;
      step.scheme =
          part["add_prefix_space"].flag() ? split_step::prefix::always : split_step::prefix::never;
      step.split = part.flag("use_regex", true);
      steps.push_back(step);
    } else if (type == "Split") {
      steps.push_back(read_split(part));
    } else if (type == "Digits") {
      split_step step;
      step.rule =
          part["individual_digits"].flag() ? split_rule::single_digits : split_rule::digit_runs;
      steps.push_back(step);
    } else if (type == "Metaspace") {
      steps.push_back(read_metaspace(part));
      if (steps.size() > 1 && steps.back().scheme == split_step::prefix::first)
        part.refuse("Metaspace with prepend_scheme first as the first pre-tokenizer",
                    "others before it");
    } else {
      part.refuse(
          "a pre-tokenizer that is ByteLevel or Split or Digits or Metaspace or a Sequence of them",
          type);
    }
  });
}

inline void read_decoder(const JsonField& component, std::vector<decode_step>& steps) {
  using kind = decode_step::kind;
  std::size_t growth = 1;
  each_component(component, "decoders", [&](const JsonField& part) {
    const std::string& type = part["type"].text();
    check_growth(part, steps.size(), growth, 1, 1);
    bool fused = false;
    for (const decode_step& step : steps) {
      fused = fused || step.what == kind::fuse;
      if (step.what == kind::byte_level)
        part.refuse("ByteLevel as the last decoder", type + " behind it");
    }
    if (type == "Replace") {
      const std::string from = literal_pattern(part);
      if (fused && decode_utf8(from, 0).length != from.size())
        part["pattern"].refuse("one character behind the decoder Fuse", from);
      const std::string& content = part["content"].text();
      check_growth(part, steps.size(), growth, from.size(), content.size());
      steps.push_back({kind::replace, from, content, 0});
    } else if (type == "ByteFallback") {
      if (fused) part.refuse("ByteFallback before the decoder Fuse", "behind it");
      steps.push_back({kind::byte_fallback, "", "", 0});
    } else if (type == "Fuse") {
      steps.push_back({kind::fuse, "", "", 0});
    } else if (type == "Strip") {
      if (part["stop"].count(1) != 0) part["stop"].refuse("0");
      const std::size_t start = part["start"].count(1u << 20);
      steps.push_back(
          {kind::strip, single_character(part["content"]), "", static_cast<std::uint32_t>(start)});
    } else if (type == "Metaspace") {
      const split_step space = read_metaspace(part);
      steps.push_back({kind::metaspace, space.replacement, "",
                       space.scheme == split_step::prefix::never ? 0u : 1u});
    } else if (type == "ByteLevel") {
      if (fused) part.refuse("ByteLevel without the decoder Fuse before it", "Fuse before it");
      steps.push_back({kind::byte_level, "", "", 0});
    } else {
      part.refuse(
          "a decoder that is Replace or ByteFallback or Fuse or Strip or Metaspace or ByteLevel or "
          "a Sequence of them",
          type);
    }
  });
}

}  // namespace qat::io::detail
