#include <qat/io/tokenizer.hpp>
#include <qat/io/tokenizer_json.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <tests/io/tokenizer_files.hpp>

using namespace qat::io;

namespace {

Tokenizer golden(const std::string& name) {
  const std::string bytes = qat::testing::golden_bytes("tokenizer_" + name + ".json");
  return tokenizer_from_json(qat::testing::as_bytes(bytes), name);
}

std::uint32_t next_random(std::uint32_t& state) {
  state = state * 1664525u + 1013904223u;
  return state >> 16;
}

/// The lowest rank first, the leftmost of equals, found by scanning all pairs.
std::vector<std::int32_t> scanned(const std::vector<detail::bpe_merge>& merges,
                                  std::vector<std::int32_t> word) {
  while (true) {
    const detail::bpe_merge* best = nullptr;
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < word.size(); ++i) {
      const detail::bpe_merge* found = nullptr;
      for (const detail::bpe_merge& merge : merges)
        if (merge.left == word[i] && merge.right == word[i + 1])
          found = &merge;  // the last one counts
      if (found == nullptr || (best != nullptr && found->rank >= best->rank)) continue;
      best = found;
      at = i;
    }
    if (best == nullptr) return word;
    word[at] = best->result;
    word.erase(word.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

}  // namespace

TEST_CASE("BpeMerger: merging with a heap gives what scanning all pairs gives") {
  std::uint32_t state = 7;
  for (int round = 0; round < 300; ++round) {
    // 3 letters; the merges join any two symbols to a longer one. Ranks are shuffled, some are equal.
    const auto symbols = static_cast<std::int32_t>(4 + next_random(state) % 40);
    std::vector<detail::bpe_merge> merges;
    for (std::int32_t result = 3; result < symbols; ++result) {
      const auto before = std::min(static_cast<std::uint32_t>(result), 8u);
      merges.push_back({static_cast<std::int32_t>(next_random(state) % before),
                        static_cast<std::int32_t>(next_random(state) % before),
                        next_random(state) % 8, result});
    }
    const detail::MergeTable table(merges, static_cast<std::size_t>(symbols));
    detail::BpeMerger merger;
    for (int words = 0; words < 5; ++words) {
      std::vector<std::int32_t> word(next_random(state) % 40);
      for (std::int32_t& symbol : word) symbol = static_cast<std::int32_t>(next_random(state) % 3);
      std::vector<std::int32_t> merged = word;
      merger.merge(table, merged);
      CAPTURE(round);
      CHECK(merged == scanned(merges, word));
    }
  }
}

TEST_CASE("Tokenizer: a word of a million letters takes n log n steps") {
  // 2^20 letters: quadratic merging would take 10^12 steps here, and the test would not end.
  const std::string word(std::size_t{1} << 20, 'a');
  for (const char* name : {"gpt2", "metaspace"}) {
    const Tokenizer tokenizer = golden(name);
    const std::vector<std::int32_t> ids = tokenizer.encode(word, false);
    CHECK(tokenizer.decode(ids) == word);
  }
  const std::string spaces(std::size_t{1} << 18, ' ');
  const Tokenizer tokenizer = golden("llama3");
  CHECK(tokenizer.decode(tokenizer.encode(spaces + "x", false)) == spaces + "x");
}

TEST_CASE("AddedTokens: spaces taken along cost no more than the text is long") {
  detail::AddedTokens tokens;
  detail::added_token space;
  space.lstrip = true;
  space.rstrip = true;
  tokens.insert(" ", space);
  std::size_t found = 0;
  const std::string text(std::size_t{1} << 18, ' ');  // quadratic would be 3 10^10 steps
  tokens.cut(
      text, false, [](std::size_t, std::size_t) {}, [&](std::int32_t) { ++found; });
  CHECK(found == text.size());
}

TEST_CASE("AddedTokens: matches do not overlap and the longest of the leftmost counts") {
  detail::AddedTokens tokens;
  for (const char* content : {"aa", "aab", "b", "cc"}) {
    detail::added_token token;
    token.id = static_cast<std::int32_t>(std::string(content).size());
    token.single_word = content[0] == 'c';
    tokens.insert(content, token);
  }
  std::string found;
  const auto cut = [&](std::string_view text) {
    found.clear();
    tokens.cut(
        text, false,
        [&](std::size_t begin, std::size_t end) {
          found += '[';
          found += text.substr(begin, end - begin);
          found += ']';
        },
        [&](std::int32_t id) { found += std::to_string(id); });
    return found;
  };
  CHECK(cut("aaaa") == "22");
  CHECK(cut("aaaab") == "23");
  CHECK(cut("aaa b") == "2[a ]1");
  CHECK(cut("ccc") == "[ccc]");  // refused whole: the last two letters are not tried
  CHECK(cut("") == "");
}

TEST_CASE("Tokenizer: decode gives back every text where the format loses nothing") {
  const std::vector<std::string> atoms = {"a",
                                          "The",
                                          " ",
                                          "  ",
                                          "\n",
                                          "\t",
                                          "'s",
                                          "12",
                                          "\xc3\xa9",
                                          "e\xcc\x81",
                                          "\xf0\x9f\x98\x80",
                                          "\xe6\xbc\xa2",
                                          "\xc2\xa0",
                                          "<0x41>",
                                          "!",
                                          "\x01"};
  std::uint32_t state = 3;
  for (const char* name : {"gpt2", "llama3", "smollm2", "metaspace"}) {
    const Tokenizer tokenizer = golden(name);
    for (int round = 0; round < 200; ++round) {
      std::string text;
      for (std::uint32_t i = next_random(state) % 10; i > 0; --i)
        text += atoms[next_random(state) % atoms.size()];
      if (std::string(name) == "metaspace" &&
          (text.find(' ') == 0 || text.find("<0x41>") != text.npos))
        continue;
      CAPTURE(name);
      CAPTURE(text);
      CHECK(tokenizer.decode(tokenizer.encode(text, false), special_in_output::shown) == text);
    }
  }
}

TEST_CASE("Tokenizer: malformed bytes count as replacement characters") {
  const Tokenizer tokenizer = golden("gpt2");
  CHECK(tokenizer.encode("a\xff\xe2\x82z", false) ==
        tokenizer.encode("a\xef\xbf\xbd\xef\xbf\xbdz", false));
}

TEST_CASE("Tokenizer: BOS and EOS of the model's configuration replace those of the file") {
  const Tokenizer tokenizer = golden("smollm2");
  CHECK(!tokenizer.bos().has_value());
  CHECK(!tokenizer.adds_bos());
  CHECK_THROWS_WITH_AS(static_cast<void>(tokenizer.encode("a", true)), doctest::Contains("BOS"),
                       qat::ContractViolation);
  const Tokenizer other = tokenizer.with_bos_eos(1, 2);
  CHECK(other.bos() == 1);
  CHECK(other.eos() == 2);
  CHECK(other.encode("a", true).front() == 1);
  CHECK(other.is_special(1));
  CHECK(other.piece(1) == "<|im_start|>");
  const auto last = static_cast<std::int32_t>(tokenizer.vocabulary_size());
  CHECK_THROWS_AS(static_cast<void>(tokenizer.with_bos_eos(last, 2)), qat::ContractViolation);
  CHECK_THROWS_AS(static_cast<void>(tokenizer.with_bos_eos(1, -1)), qat::ContractViolation);
  CHECK_THROWS_AS(static_cast<void>(tokenizer.piece(last)), qat::ContractViolation);
  CHECK_THROWS_AS(static_cast<void>(tokenizer.is_special(-1)), qat::ContractViolation);
  CHECK_THROWS_AS(static_cast<void>(tokenizer.decode(std::vector<std::int32_t>{-1})),
                  qat::ContractViolation);
}

TEST_CASE("TokenStream: text comes as soon as its characters are whole") {
  const Tokenizer tokenizer = golden("gpt2");
  const std::string text = "a\xf0\x9f\x98\x80z";
  TokenStream stream(tokenizer);
  std::string given;
  for (const std::int32_t id : tokenizer.encode(text, false)) {
    given += stream.push(id);
    // All that has been given is a beginning of the text that ends between characters.
    CHECK(text.compare(0, given.size(), given) == 0);
    CHECK(is_utf8(given));
  }
  CHECK(given == text);
  CHECK(stream.finish() == "");

  // Byte tokens of a metaspace tokenizer: 3 + byte.
  TokenStream bytes(golden("metaspace"));
  CHECK(bytes.push(3 + 0xf0) == "");
  CHECK(bytes.push(3 + 0x9f) == "");
  CHECK(bytes.push(3 + 0x98) == "");
  CHECK(bytes.push(3 + 0x80) == "\xf0\x9f\x98\x80");
  CHECK(bytes.push(3 + 0xc3) == "");
  CHECK(bytes.finish() == "\xef\xbf\xbd");
}

TEST_CASE("TokenStream: a run of bytes that ends malformed keeps the characters already given") {
  const Tokenizer tokenizer = golden("metaspace");
  const std::vector<std::int32_t> ids = {3 + 'h', 3 + 0xff};
  CHECK(tokenizer.decode(ids) == "\xef\xbf\xbd\xef\xbf\xbd");
  TokenStream stream(tokenizer);
  CHECK(stream.push(ids[0]) == "h");
  CHECK(stream.push(ids[1]) == "");
  CHECK(stream.finish() == "\xef\xbf\xbd");
}

TEST_CASE("TokenStream: the tables outlive the tokenizer") {
  TokenStream stream = [] { return TokenStream(golden("gpt2")); }();
  const Tokenizer tokenizer = golden("gpt2");
  std::string text;
  for (const std::int32_t id : tokenizer.encode("still here", false)) text += stream.push(id);
  CHECK(text == "still here");
}
