#include <qat/io/unicode.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include <tests/io/tokenizer_files.hpp>
#include <tests/support/golden.hpp>

using namespace qat::io;
using qat::testing::from_hex;

TEST_CASE("unicode: the properties of every code point are those of the reference tokenizers") {
  std::string expected;
  for (const auto& line : qat::testing::golden_lines("tokenizer_cases.txt"))
    if (line[0] == "properties") expected = line[1];
  qat::testing::Fnv hash;
  for (char32_t value = 0; value <= 0x10ffff; ++value) {
    if (value >= 0xd800 && value < 0xe000) continue;
    const int bits = (is_letter(value) ? 1 : 0) | (is_number(value) ? 2 : 0) |
                     (is_word(value) ? 4 : 0) | (is_space(value) ? 8 : 0);
    hash.add(static_cast<std::uint8_t>(bits));
  }
  CHECK(hash.hex() == expected);
  CHECK(!is_letter(0x110000));
  CHECK(!is_word(0xffffffffu));
}

TEST_CASE("unicode: every code point survives append_utf8 and decode_utf8") {
  std::size_t wrong = 0;
  for (char32_t value = 0; value <= 0x10ffff; ++value) {
    std::string text = "x";
    append_utf8(text, value);
    const code_point point = decode_utf8(text, 1);
    const bool surrogate = value >= 0xd800 && value < 0xe000;
    const char32_t expected = surrogate ? 0xfffd : value;
    if (point.value != expected || !point.well_formed || point.length != text.size() - 1) ++wrong;
  }
  CHECK(wrong == 0);
  std::string text;
  append_utf8(text, 0x110000);
  CHECK(text == replacement_character);
}

TEST_CASE("unicode: each maximal malformed subpart becomes one replacement character") {
  // Bytes and how many U+FFFD they give; the letters around them stay.
  const std::vector<std::pair<std::string, std::size_t>> cases = {
      {"80", 1},           // a continuation alone
      {"c3", 1},           // cut off
      {"e282", 1},         // cut off after two
      {"f09f98", 1},       // cut off after three
      {"c0af", 2},         // overlong: never a lead
      {"e08080", 3},       // overlong: the second byte is out of range
      {"eda080", 3},       // surrogate
      {"f4908080", 4},     // above U+10FFFF
      {"f8888080", 4},     // five bytes
      {"ff", 1},           // never in UTF-8
      {"e2c3", 2},         // a lead cuts another off
      {"f09f98f09f98", 2}  // twice the beginning of the same
  };
  for (const auto& given : cases) {
    const std::string& digits = given.first;
    CAPTURE(digits);
    std::string expected = "a";
    for (std::size_t i = 0; i < given.second; ++i) expected += replacement_character;
    std::string text = "a";
    text += from_hex(digits);
    CHECK(replace_malformed(text) == expected);
    CHECK(replace_malformed(text + "b") == expected + "b");
    CHECK(!is_utf8(from_hex(digits)));
  }
  const std::string well = "a\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80";
  CHECK(replace_malformed(well) == well);
  CHECK(is_utf8(well));
  CHECK(is_utf8(""));
}

TEST_CASE("unicode: only a beginning at the end of the text counts as cut off") {
  CHECK(decode_utf8("\xf0\x9f\x98", 0).cut_off);
  CHECK(decode_utf8("\xe2", 0).cut_off);
  CHECK(!decode_utf8("\xe2z", 0).cut_off);
  CHECK(!decode_utf8("\xff", 0).cut_off);
  CHECK(!decode_utf8("\xed\xa0", 0).cut_off);
  CHECK(!decode_utf8("\xc3\xa9", 0).cut_off);
}
