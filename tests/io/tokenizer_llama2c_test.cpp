#include <qat/io/tokenizer_llama2c.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <tests/io/tokenizer_files.hpp>

using namespace qat::io;
using qat::testing::as_bytes;
using qat::testing::format_error;

namespace {

struct token {
  std::string piece;
  float score = 0;
};

/// <unk>, BOS, EOS, the bytes, then what the caller adds.
std::vector<token> vocabulary(const std::vector<token>& more) {
  std::vector<token> tokens = {{"<unk>", 0}, {"\n<s>\n", 0}, {"\n</s>\n", 0}};
  constexpr const char* digits = "0123456789ABCDEF";
  for (std::size_t byte = 0; byte < 256; ++byte)
    tokens.push_back({std::string("<0x") + digits[byte >> 4] + digits[byte & 15] + ">", 0});
  tokens.insert(tokens.end(), more.begin(), more.end());
  return tokens;
}

std::string file_of(const std::vector<token>& tokens) {
  std::string bytes;
  const auto put = [&](const auto& value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  std::int32_t longest = 0;
  for (const token& t : tokens)
    longest = std::max(longest, static_cast<std::int32_t>(t.piece.size()));
  put(longest);
  for (const token& t : tokens) {
    put(t.score);
    put(static_cast<std::int32_t>(t.piece.size()));
    bytes += t.piece;
  }
  return bytes;
}

Tokenizer load(const std::vector<token>& tokens) {
  const std::string bytes = file_of(tokens);
  return tokenizer_from_llama2c(as_bytes(bytes), "t.bin", tokens.size());
}

/// The definition, step by step: all pairs are scanned for the best one, again and again.
std::vector<std::int32_t> scanned(const std::vector<token>& tokens, const std::string& text) {
  const auto find = [&](const std::string& piece) {
    for (std::size_t id = 0; id < tokens.size(); ++id)
      if (tokens[id].piece == piece) return static_cast<std::int32_t>(id);
    return -1;
  };
  std::vector<std::int32_t> ids;
  const std::string padded = text.empty() ? "" : " " + text;
  for (std::size_t at = 0; at < padded.size();) {
    const std::size_t length = decode_utf8(padded, at).length;
    const std::int32_t id = find(padded.substr(at, length));
    if (id >= 0) ids.push_back(id);
    for (std::size_t i = 0; id < 0 && i < length; ++i)
      ids.push_back(3 + static_cast<unsigned char>(padded[at + i]));
    at += length;
  }
  while (true) {
    float best_score = -1e10f;
    std::size_t best = ids.size();
    std::int32_t best_id = -1;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const std::int32_t id = find(tokens[static_cast<std::size_t>(ids[i])].piece +
                                   tokens[static_cast<std::size_t>(ids[i + 1])].piece);
      if (id < 0 || tokens[static_cast<std::size_t>(id)].score <= best_score) continue;
      best_score = tokens[static_cast<std::size_t>(id)].score;
      best = i;
      best_id = id;
    }
    if (best_id < 0) return ids;
    ids[best] = best_id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

}  // namespace

TEST_CASE("tokenizer_from_llama2c: the stories of the reference run have its token ids") {
  const auto file = qat::testing::data_bytes("models/stories260K/tok512.bin");
  const auto table =
      qat::testing::data_bytes("vectors/reference/stories260K_first100stories.nll.tsv");
  const auto texts = qat::testing::data_bytes("text/tinystories_dev.jsonl");
  if (!file || !table || !texts) return;
  const Tokenizer tokenizer = tokenizer_from_llama2c(as_bytes(*file), "tok512.bin", 512);
  CHECK(tokenizer.vocabulary_size() == 512);
  CHECK(tokenizer.bos() == 1);
  CHECK(tokenizer.eos() == 2);
  CHECK(qat::testing::differing_rows(tokenizer, *table, *texts) == "");
  std::size_t differing = 0;
  for (const std::string& row : qat::testing::rows_of(".jsonl", *texts, texts->size()))
    if (tokenizer.decode(tokenizer.encode(row, true)) != row) ++differing;
  CHECK(differing == 0);
}

TEST_CASE("tokenizer_from_llama2c: merges go by score as the search for the best pair does") {
  // Equal scores; a token with a score too low to merge; one whose halves are no tokens; bytes that merge; an equal piece.
  const auto tokens = vocabulary({{" ", -1},
                                  {"a", -2},
                                  {"b", -3},
                                  {"\xc3\xa9", -4},
                                  {"aa", -5},
                                  {"ab", -5},
                                  {"ba", -5},
                                  {"aab", -6},
                                  {" a", -5},
                                  {"bab", -4},
                                  {"  ", -7},
                                  {"bb", -2e10f},
                                  {"xyz", 1},
                                  {"<0xE6><0xBC>", -1},
                                  {"\xc3\xa9"
                                   "a",
                                   -5.5f},
                                  {"ab", 3}});
  const Tokenizer tokenizer = load(tokens);
  std::uint32_t state = 1;
  const std::vector<std::string> atoms = {"a", "b", "a", "b", " ", "\xc3\xa9", "\xe6\xbc\xa2", "x"};
  for (int round = 0; round < 300; ++round) {
    std::string text;
    const std::uint32_t length = round < 3 ? static_cast<std::uint32_t>(round) : 1 + state % 12;
    for (std::uint32_t i = 0; i < length; ++i) {
      state = state * 1664525u + 1013904223u;
      text += atoms[(state >> 24) % atoms.size()];
    }
    CAPTURE(text);
    const std::vector<std::int32_t> ids = tokenizer.encode(text, false);
    CHECK(ids == scanned(tokens, text));
    // A space in front is lost; so is a character whose bytes have merged.
    if (text.find(' ') != 0 && text.find("\xe6") == text.npos) CHECK(tokenizer.decode(ids) == text);
  }
}

TEST_CASE("tokenizer_from_llama2c: one leading space is dropped at the beginning and after BOS") {
  const Tokenizer tokenizer = load(vocabulary({{" ", -1}, {"a", -2}, {" a", -3}, {"  ", -4}}));
  const std::int32_t space = 259;
  const std::int32_t a = 260;
  const std::int32_t space_a = 261;
  const std::int32_t spaces = 262;
  const auto decode = [&](const std::vector<std::int32_t>& ids) { return tokenizer.decode(ids); };
  CHECK(decode({1, space_a, space_a}) == "a a");
  CHECK(decode({space_a, space_a}) == "a a");
  CHECK(decode({1, spaces, a}) == " a");
  CHECK(decode({1, space, space_a}) == " a");
  CHECK(decode({1, a, 1, space_a}) == "aa");
  CHECK(decode({a, 2, space_a}) == "a a");
  CHECK(decode({1, 3 + 0x20, a}) == " a");
  CHECK(tokenizer.decode(std::vector<std::int32_t>{1, space_a}, special_in_output::shown) ==
        "\n<s>\na");
}

TEST_CASE("tokenizer_from_llama2c: byte tokens become characters when they are whole") {
  const Tokenizer tokenizer = load(vocabulary({{" ", -1}, {"a", -2}}));
  CHECK(tokenizer.encode("\xe6\xbc\xa2", false) ==
        std::vector<std::int32_t>{259, 3 + 0xe6, 3 + 0xbc, 3 + 0xa2});
  TokenStream stream(tokenizer);
  CHECK(stream.push(3 + 0xe6) == "");
  CHECK(stream.push(3 + 0xbc) == "");
  CHECK(stream.push(3 + 0xa2) == "\xe6\xbc\xa2");
  CHECK(stream.push(3 + 0xe6) == "");
  CHECK(stream.push(260) ==
        "\xef\xbf\xbd"
        "a");
  CHECK(stream.push(3 + 0xf0) == "");
  CHECK(stream.finish() == "\xef\xbf\xbd");
  CHECK(stream.finish() == "");
}

TEST_CASE(
    "tokenizer_from_llama2c: a file that is not whole or not right is refused with its offset") {
  const auto tokens = vocabulary({{" ", -1}, {"a", -2}});
  const std::string whole = file_of(tokens);
  const auto error = [](const std::string& bytes, std::size_t size) {
    return format_error(
        [&] { static_cast<void>(tokenizer_from_llama2c(as_bytes(bytes), "t.bin", size)); });
  };
  CHECK(error(whole, tokens.size()) == "");
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < whole.size(); ++size)
    if (error(whole.substr(0, size), tokens.size()).find("t.bin at byte ") != 0) ++accepted;
  CHECK(accepted == 0);
  CHECK(error(whole, tokens.size() - 1).find("9 bytes more") != std::string::npos);
  CHECK(error(whole, tokens.size() + 1).find("t.bin at byte ") == 0);
  CHECK(error(whole, std::size_t{1} << 60).find("1152921504606846976 tokens") != std::string::npos);
  CHECK_THROWS_AS(error(whole, 258), qat::ContractViolation);

  const auto with = [&](std::size_t offset, auto value) {
    std::string bytes = whole;
    std::memcpy(bytes.data() + offset, &value, sizeof(value));
    return error(bytes, tokens.size());
  };
  CHECK(with(0, std::int32_t{-1}).find("longest piece") != std::string::npos);
  CHECK(with(0, std::int32_t{0}).find("longest piece") != std::string::npos);
  CHECK(with(0, std::int32_t{2000000000}).find("longest piece") != std::string::npos);
  CHECK(with(4, std::numeric_limits<float>::quiet_NaN())
            .find("at byte 4: expected a finite score of token 0") != std::string::npos);
  CHECK(with(4, std::numeric_limits<float>::infinity()).find("finite") != std::string::npos);
  CHECK(with(8, std::int32_t{-1}).find("at byte 8: expected a length of token 0") !=
        std::string::npos);
  CHECK(with(8, std::int32_t{2000000000}).find("length of token 0") != std::string::npos);
  CHECK(with(whole.find("<0x07>") + 3, 'F').find("the token of byte 7") != std::string::npos);
}
