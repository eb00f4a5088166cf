#pragma once

#include <bit>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

/// \file
/// Tables of tests/golden: lines of fields separated by " | ", the first line says who made them; and the numbers that their
/// scripts and the tests make alike.

namespace qat::testing {

using golden_line = std::vector<std::string>;

/// The lines of tests/golden/<name> after the first; throws if there is none.
inline std::vector<golden_line> golden_lines(const std::string& name) {
  const std::string here = __FILE__;
  const std::string path = here.substr(0, here.rfind("support")) + "golden/" + name;
  std::ifstream file(path);
  std::vector<golden_line> lines;
  std::string text;
  while (std::getline(file, text)) {
    if (text.empty() || text[0] == '#') continue;
    golden_line fields;
    std::size_t begin = 0;
    for (std::size_t bar = text.find(" | "); bar != std::string::npos;
         bar = text.find(" | ", begin)) {
      fields.push_back(text.substr(begin, bar - begin));
      begin = bar + 3;
    }
    fields.push_back(text.substr(begin));
    lines.push_back(fields);
  }
  if (lines.empty()) throw std::runtime_error("no golden lines in " + path);
  return lines;
}

/// 32 bits that look random, as the scripts of tests/golden make them from a counter.
constexpr std::uint32_t mixed(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

/// Hexadecimal words.
inline std::vector<std::uint32_t> words_of(const std::string& field) {
  std::istringstream in(field);
  std::vector<std::uint32_t> words;
  std::uint32_t word = 0;
  while (in >> std::hex >> word) words.push_back(word);
  return words;
}

/// Floats written as hexadecimal patterns.
inline std::vector<float> floats_of(const std::string& field) {
  std::vector<float> floats;
  for (const std::uint32_t word : words_of(field)) floats.push_back(std::bit_cast<float>(word));
  return floats;
}

}  // namespace qat::testing
