#pragma once

#include <qat/io/unicode.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// The characters by which byte-level vocabularies write bytes.

namespace qat::io::detail {

/// Bytes that print (! to ~, U+00A1 to U+00AC, U+00AE to U+00FF) stand for themselves; the others, in ascending order, are
/// U+0100, U+0101 and so on, up to U+0143.
inline constexpr std::array<char32_t, 256> byte_characters = [] {
  std::array<char32_t, 256> characters{};
  char32_t next = 256;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool prints = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
    characters[byte] = prints ? byte : next++;
  }
  return characters;
}();

/// The byte of a character, or -1.
inline constexpr std::array<std::int16_t, 0x144> character_bytes = [] {
  std::array<std::int16_t, 0x144> bytes{};
  for (auto& byte : bytes) byte = -1;
  for (std::size_t byte = 0; byte < 256; ++byte)
    bytes[byte_characters[byte]] = static_cast<std::int16_t>(byte);
  return bytes;
}();

/// Each byte as its character.
[[nodiscard]] inline std::string characters_of_bytes(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes)
    append_utf8(text, byte_characters[static_cast<unsigned char>(byte)]);
  return text;
}

/// The bytes that the characters stand for; the text itself if one of them stands for none.
[[nodiscard]] inline std::string bytes_of_characters(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const code_point point = decode_utf8(text, at);
    if (!point.well_formed || point.value >= character_bytes.size() ||
        character_bytes[point.value] < 0)
      return std::string(text);
    bytes.push_back(static_cast<char>(character_bytes[point.value]));
    at += point.length;
  }
  return bytes;
}

}  // namespace qat::io::detail
