#pragma once

#include <qat/io/unicode.hpp>

#include <cstddef>
#include <string_view>

/// \file
/// The regular expressions by which byte-level tokenizers cut a text into words, as scanners over code points.

namespace qat::io {

/// A rule that cuts a text into pieces; the pieces cover the text.
enum class split_rule {
  /// GPT-2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  gpt2,
  /// Llama 3: (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
  llama3,
  /// Qwen 2: Llama 3's with \p{N} instead of \p{N}{1,3}
  qwen2,
  /// Each code point of category N alone, what lies between them whole
  single_digits,
  /// Runs of code points of category N, what lies between them whole
  digit_runs
};

namespace detail {

/// The code point at `at`, or 0 with length 0 at the end of the text.
constexpr code_point peek(std::string_view text, std::size_t at) noexcept {
  return at < text.size() ? decode_utf8(text, at) : code_point{0, 0, true, false};
}

/// The end of the run from `at` whose code points satisfy `belongs`, at most `most` of them.
template <class Predicate>
constexpr std::size_t run_end(std::string_view text, std::size_t at, Predicate belongs,
                              std::size_t most = static_cast<std::size_t>(-1)) {
  while (at < text.size() && most-- > 0) {
    const code_point point = decode_utf8(text, at);
    if (!belongs(point.value)) break;
    at += point.length;
  }
  return at;
}

/// Neither space nor letter nor number.
constexpr bool is_symbol(char32_t value) noexcept {
  return (unicode_class(value) & (unicode_letter | unicode_number | unicode_space)) == 0;
}

/// A letter without its case. U+017F (long s) folds to s; no other code point folds to a letter of a contraction.
constexpr char32_t folded(char32_t value) noexcept {
  if (value >= U'A' && value <= U'Z') return value + (U'a' - U'A');
  return value == U'\u017f' ? U's' : value;
}

/// The bytes of 's 't 're 've 'm 'll 'd at `at`, or 0.
constexpr std::size_t contraction(std::string_view text, std::size_t at, bool any_case) noexcept {
  if (text[at] != '\'') return 0;
  const auto letter = [&](const code_point& point) {
    return any_case ? folded(point.value) : point.value;
  };
  const code_point first = peek(text, at + 1);
  const char32_t a = letter(first);
  if (first.length == 0) return 0;
  if (a == U's' || a == U't' || a == U'm' || a == U'd') return 1 + first.length;
  const code_point second = peek(text, at + 1 + first.length);
  const char32_t b = letter(second);
  const bool found = ((a == U'r' || a == U'v') && b == U'e') || (a == U'l' && b == U'l');
  return found && second.length != 0 ? 1 + first.length + second.length : 0;
}

/// \s+(?!\S)|\s+ at a space: the run without its last code point unless the run ends the text or is that one.
constexpr std::size_t spaces_end(std::string_view text, std::size_t at) noexcept {
  std::size_t last = at;
  std::size_t end = at;
  while (end < text.size()) {
    const code_point point = decode_utf8(text, end);
    if (!is_space(point.value)) return last == at ? end : last;
    last = end;
    end += point.length;
  }
  return end;
}

constexpr std::size_t gpt2_end(std::string_view text, std::size_t at) noexcept {
  if (const std::size_t length = contraction(text, at, false)) return at + length;
  const std::size_t word = text[at] == ' ' ? at + 1 : at;  // " ?" of each alternative
  if (word < text.size()) {
    const char32_t first = decode_utf8(text, word).value;
    if (is_letter(first)) return run_end(text, word, is_letter);
    if (is_number(first)) return run_end(text, word, is_number);
    if (is_symbol(first)) return run_end(text, word, is_symbol);
  }
  return spaces_end(text, at);
}

constexpr std::size_t llama3_end(std::string_view text, std::size_t at,
                                 std::size_t digits) noexcept {
  if (const std::size_t length = contraction(text, at, true)) return at + length;
  const auto is_break = [](char32_t value) { return value == U'\r' || value == U'\n'; };
  const code_point first = decode_utf8(text, at);
  if (is_letter(first.value)) return run_end(text, at, is_letter);
  if (is_number(first.value)) return run_end(text, at, is_number, digits);
  const std::size_t second = at + first.length;
  if (!is_break(first.value) && second < text.size() && is_letter(decode_utf8(text, second).value))
    return run_end(text, second, is_letter);
  const std::size_t symbols = first.value == U' ' ? second : at;
  if (symbols < text.size() && is_symbol(decode_utf8(text, symbols).value))
    return run_end(text, run_end(text, symbols, is_symbol), is_break);
  // \s*[\r\n]+ reaches the last line break of the run of spaces.
  std::size_t after_break = at;
  for (std::size_t end = at; end < text.size();) {
    const code_point point = decode_utf8(text, end);
    if (!is_space(point.value)) break;
    end += point.length;
    if (is_break(point.value)) after_break = end;
  }
  return after_break != at ? after_break : spaces_end(text, at);
}

constexpr std::size_t digits_end(std::string_view text, std::size_t at, bool single) noexcept {
  const code_point first = decode_utf8(text, at);
  if (is_number(first.value)) return single ? at + first.length : run_end(text, at, is_number);
  return run_end(text, at, [](char32_t value) { return !is_number(value); });
}

}  // namespace detail

/// The end of the piece of `text` that begins at `at`.
///
/// Valid   text well-formed UTF-8, at < text.size() on a code point that begins a piece (0, or the end of another).
///         What lies behind the text counts as its end: cut first at added tokens, then by the rule.
/// Cost    linear in the piece; gpt2, llama3 and qwen2 read a run of spaces once more.
/// Source  the tokenizers of openai/gpt-2, Llama 3 and Qwen 2; properties as PyPI tokenizers 0.22 has them.
[[nodiscard]] constexpr std::size_t piece_end(split_rule rule, std::string_view text,
                                              std::size_t at) noexcept {
  switch (rule) {
    case split_rule::gpt2:
      return detail::gpt2_end(text, at);
    case split_rule::llama3:
      return detail::llama3_end(text, at, 3);
    case split_rule::qwen2:
      return detail::llama3_end(text, at, 1);
    case split_rule::single_digits:
      return detail::digits_end(text, at, true);
    case split_rule::digit_runs:
      return detail::digits_end(text, at, false);
  }
  return text.size();
}

}  // namespace qat::io
