#pragma once

#include <qat/io/detail/unicode_table.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// UTF-8 as tokenizers see it: code points, their properties, and what becomes of malformed bytes.

namespace qat::io {

/// The replacement character, U+FFFD, in UTF-8.
inline constexpr std::string_view replacement_character = "\xef\xbf\xbd";

/// One step through UTF-8.
struct code_point {
  char32_t value = 0xfffd;   ///< U+FFFD where the bytes are malformed
  std::uint32_t length = 0;  ///< bytes taken, at least 1
  bool well_formed = false;
  bool cut_off = false;  ///< malformed, but more bytes behind the end could complete it
};

/// The code point at text[at].
///
/// Valid   at < text.size(). Malformed bytes give one step for each maximal subpart: the longest beginning of a
///         well-formed sequence, else one byte. Surrogates, overlong forms and values above U+10FFFF are malformed.
/// Source  The Unicode Standard, table 3-7 and "U+FFFD Substitution of Maximal Subparts".
[[nodiscard]] constexpr code_point decode_utf8(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i]));
  };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {static_cast<char32_t>(lead), 1, true, false};
  if (lead < 0xc2 || lead > 0xf4) return {0xfffd, 1, false, false};
  const std::uint32_t length = lead < 0xe0 ? 2 : (lead < 0xf0 ? 3 : 4);
  // The second byte alone rules out overlong forms, surrogates and values that are too large.
  const std::uint32_t low = lead == 0xe0 ? 0xa0 : (lead == 0xf0 ? 0x90 : 0x80);
  const std::uint32_t high = lead == 0xed ? 0x9f : (lead == 0xf4 ? 0x8f : 0xbf);
  std::uint32_t value = lead & (0xffu >> (length + 1));
  for (std::uint32_t i = 1; i < length; ++i) {
    if (at + i >= text.size()) return {0xfffd, i, false, true};
    const std::uint32_t next = byte(i);
    if (next < (i == 1 ? low : 0x80) || next > (i == 1 ? high : 0xbf))
      return {0xfffd, i, false, false};
    value = value << 6 | (next & 0x3f);
  }
  return {static_cast<char32_t>(value), length, true, false};
}

/// Appends the UTF-8 form of a code point; U+FFFD for a surrogate or a value above U+10FFFF.
inline void append_utf8(std::string& text, char32_t value) {
  const auto put = [&](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  const std::uint32_t v = value;
  if (v < 0x80) {
    put(v);
  } else if (v < 0x800) {
    put(0xc0 | v >> 6);
    put(0x80 | (v & 0x3f));
  } else if ((v >= 0xd800 && v < 0xe000) || v > 0x10ffff) {
    text += replacement_character;
  } else if (v < 0x10000) {
    put(0xe0 | v >> 12);
    put(0x80 | (v >> 6 & 0x3f));
    put(0x80 | (v & 0x3f));
  } else {
    put(0xf0 | v >> 18);
    put(0x80 | (v >> 12 & 0x3f));
    put(0x80 | (v >> 6 & 0x3f));
    put(0x80 | (v & 0x3f));
  }
}

/// Whether text is well-formed UTF-8.
[[nodiscard]] constexpr bool is_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const code_point point = decode_utf8(text, at);
    if (!point.well_formed) return false;
    at += point.length;
  }
  return true;
}

/// text with each maximal malformed subpart replaced by U+FFFD: Python's bytes.decode("utf-8", errors="replace").
[[nodiscard]] inline std::string replace_malformed(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const code_point point = decode_utf8(text, at);
    if (point.well_formed) {
      result += text.substr(at, point.length);
    } else {
      result += replacement_character;
    }
    at += point.length;
  }
  return result;
}

namespace detail {

/// text in quotes, for messages.
[[nodiscard]] inline std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  result += replace_malformed(text);
  result += '"';
  return result;
}

constexpr std::uint32_t run_class(char32_t value) noexcept {
  const auto after = std::upper_bound(unicode_runs.begin(), unicode_runs.end(), value << 8 | 0xffu);
  return *(after - 1) & 0xffu;
}

inline constexpr std::array<std::uint8_t, 128> ascii_classes = [] {
  std::array<std::uint8_t, 128> classes{};
  for (char32_t value = 0; value < 128; ++value)
    classes[value] = static_cast<std::uint8_t>(run_class(value));
  return classes;
}();

/// The unicode_bits of a code point; those of U+10FFFF above it.
[[nodiscard]] constexpr std::uint32_t unicode_class(char32_t value) noexcept {
  return value < 128 ? ascii_classes[value] : run_class(value > 0x10ffff ? 0x10ffff : value);
}

}  // namespace detail

/// Category L: \p{L} of the reference tokenizers (Unicode 16).
[[nodiscard]] constexpr bool is_letter(char32_t value) noexcept {
  return (detail::unicode_class(value) & detail::unicode_letter) != 0;
}
/// Category N: \p{N} (Unicode 16).
[[nodiscard]] constexpr bool is_number(char32_t value) noexcept {
  return (detail::unicode_class(value) & detail::unicode_number) != 0;
}
/// White_Space: \s.
[[nodiscard]] constexpr bool is_space(char32_t value) noexcept {
  return (detail::unicode_class(value) & detail::unicode_space) != 0;
}
/// \w of UTS 18 (Unicode 16): what `single_word` of an added token calls a word.
[[nodiscard]] constexpr bool is_word(char32_t value) noexcept {
  return (detail::unicode_class(value) & detail::unicode_word) != 0;
}

}  // namespace qat::io
