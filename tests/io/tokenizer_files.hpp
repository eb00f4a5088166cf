#pragma once

#include <qat/io/format_error.hpp>
#include <qat/io/tokenizer_gguf.hpp>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <tests/support/files.hpp>
#include <tests/support/inputs.hpp>

/// \file
/// What the tests of the tokenizers read: data files, goldens, texts as rows.

namespace qat::testing {

/// The bytes of a file, or nothing if it cannot be opened.
inline std::optional<std::string> file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// The bytes of a file of QAT_TEST_DATA, or nothing, after saying that the test case was skipped.
inline std::optional<std::string> data_bytes(const std::string& name) {
  const auto path = data_file(name);
  return path ? file_bytes(*path) : std::nullopt;
}

/// The bytes of a file of tests/golden.
inline std::string golden_bytes(const std::string& name) {
  const std::string here = __FILE__;
  return file_bytes(here.substr(0, here.rfind("io/")) + "golden/" + name).value();
}

/// The message of the FormatError that a call throws; empty if it throws none.
template <class Call>
std::string format_error(Call&& call) {
  try {
    call();
  } catch (const qat::io::FormatError& error) {
    return error.what();
  }
  return "";
}

inline std::string from_hex(const std::string& digits) {
  std::string text;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    text.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  return text;
}

inline std::vector<std::int32_t> ids_of(const std::string& field) {
  std::istringstream in(field);
  std::vector<std::int32_t> ids;
  std::int32_t id = 0;
  while (in >> id) ids.push_back(id);
  return ids;
}

/// FNV-1a, 64 bits.
class Fnv {
 public:
  void add(std::uint8_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3u; }
  void add_word(std::uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8) add(static_cast<std::uint8_t>(word >> shift));
  }
  [[nodiscard]] std::string hex() const {
    std::ostringstream out;
    out << std::hex;
    out.width(16);
    out.fill('0');
    out << hash_;
    return out.str();
  }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325u;
};

/// The rows of a text: of a .jsonl the fields `text` of its lines, else the text. Only the first `size` bytes count; a line
/// that they cut is dropped.
inline std::vector<std::string> rows_of(const std::string& name, const std::string& bytes,
                                        std::size_t size) {
  if (name.find(".jsonl") == name.npos) return {bytes.substr(0, size)};
  std::vector<std::string> rows;
  std::istringstream in(bytes.substr(0, size));
  std::string line;
  while (std::getline(in, line)) {
    if (in.eof() && size < bytes.size()) break;
    rows.push_back(nlohmann::json::parse(line).at("text").get<std::string>());
  }
  return rows;
}

/// Number of tokens and hash, as the goldens have them: 4 bytes a token, ffffffff behind a row.
template <class Tokenizer>
std::pair<std::size_t, std::string> summary(const Tokenizer& tokenizer,
                                            const std::vector<std::string>& rows) {
  std::size_t count = 0;
  Fnv hash;
  for (const std::string& row : rows) {
    const std::vector<std::int32_t> ids = tokenizer.encode(row, false);
    count += ids.size();
    for (const std::int32_t id : ids) hash.add_word(static_cast<std::uint32_t>(id));
    hash.add_word(0xffffffffu);
  }
  return {count, hash.hex()};
}

/// Whether the tokens of rows 0 to 99 of tinystories_dev.jsonl, BOS first and cut at 512, are those of the table; says what
/// differs.
template <class Tokenizer>
std::string differing_rows(const Tokenizer& tokenizer, const std::string& table,
                           const std::string& texts) {
  const std::vector<std::string> rows = rows_of(".jsonl", texts, texts.size());
  std::istringstream in(table);
  std::string line;
  std::string differing;
  std::size_t compared = 0;
  std::getline(in, line);  // line, n_pred, sum_nll, token_ids
  while (std::getline(in, line)) {
    const std::size_t row = std::stoul(line);
    const std::vector<std::int32_t> expected = ids_of(line.substr(line.rfind('\t') + 1));
    std::vector<std::int32_t> ids = tokenizer.encode(rows.at(row), true);
    if (ids.size() > 512) ids.resize(512);
    if (ids != expected) differing.append(" row ").append(std::to_string(row));
    ++compared;
  }
  return compared == 100 ? differing : " only " + std::to_string(compared) + " rows";
}

/// The byte-level vocabulary of tests/golden/tokenizer_<name>.json as a GGUF file has it.
inline io::gguf_vocabulary byte_level_vocabulary(const std::string& name, const std::string& pre) {
  const auto document = nlohmann::json::parse(golden_bytes("tokenizer_" + name + ".json"));
  io::gguf_vocabulary source;
  source.model = "gpt2";
  source.pre = pre;
  const auto put = [&](std::size_t id, const std::string& piece, std::int32_t type) {
    if (id >= source.tokens.size()) {
      source.tokens.resize(id + 1);
      source.token_types.resize(id + 1, 5);
    }
    source.tokens[id] = piece;
    source.token_types[id] = type;
  };
  for (const auto& [piece, id] : document["model"]["vocab"].items()) put(id, piece, 1);
  for (const auto& token : document["added_tokens"])
    put(token["id"], token["content"], token["special"] ? 3 : 4);
  for (const auto& merge : document["model"]["merges"])
    source.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  return source;
}

}  // namespace qat::testing
