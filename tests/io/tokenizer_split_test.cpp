#include <qat/io/tokenizer_split.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace qat::io;

namespace {

std::string pieces(split_rule rule, std::string_view text) {
  std::string joined;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = piece_end(rule, text, at);
    if (end <= at || end > text.size()) return joined + "<stuck>";
    joined += '[';
    joined += text.substr(at, end - at);
    joined += ']';
    at = end;
  }
  return joined;
}

}  // namespace

TEST_CASE("piece_end: the rule of GPT-2 cuts contractions and words and numbers and symbols") {
  const auto gpt2 = [](std::string_view text) { return pieces(split_rule::gpt2, text); };
  CHECK(gpt2("Hello world") == "[Hello][ world]");
  CHECK(gpt2("it's we'll I'D") == "[it]['s][ we]['ll][ I]['][D]");
  CHECK(gpt2("'tis 're") == "['t][is][ '][re]");
  CHECK(gpt2("a1b22 333") == "[a][1][b][22][ 333]");
  CHECK(gpt2("!? #x") == "[!?][ #][x]");
  CHECK(gpt2("\xc3\xa9t\xc3\xa9 \xc2\xbd") == "[\xc3\xa9t\xc3\xa9][ \xc2\xbd]");
  CHECK(gpt2("'") == "[']");
  CHECK(gpt2("'r") == "['][r]");
}

TEST_CASE("piece_end: a run of spaces leaves its last one to the word behind it") {
  for (const split_rule rule : {split_rule::gpt2, split_rule::llama3}) {
    CHECK(pieces(rule, "a   b") == "[a][  ][ b]");
    CHECK(pieces(rule, "a   ") == "[a][   ]");
    CHECK(pieces(rule, "  ") == "[  ]");
    CHECK(pieces(rule, " ") == "[ ]");
    CHECK(pieces(rule, "a \xc2\xa0!") == "[a][ ][\xc2\xa0][!]");
  }
  CHECK(pieces(split_rule::gpt2, "a \t b") == "[a][ \t][ b]");
  CHECK(pieces(split_rule::gpt2, "a\t\tb") == "[a][\t][\t][b]");
  CHECK(pieces(split_rule::llama3, "a\t\tb") == "[a][\t][\tb]");
}

TEST_CASE("piece_end: the rule of Llama 3 ignores case in contractions and takes three digits") {
  const auto llama3 = [](std::string_view text) { return pieces(split_rule::llama3, text); };
  CHECK(llama3("IT'S it'\xc5\xbf x'LLy") == "[IT]['S][ it]['\xc5\xbf][ x]['LL][y]");
  CHECK(llama3("'\xc5\xbfx") == "['\xc5\xbf][x]");  // long s folds to s
  CHECK(llama3("1234567") == "[123][456][7]");
  CHECK(llama3("(word \"x") == "[(word][ \"][x]");
  CHECK(llama3("!!\n\nx") == "[!!\n\n][x]");
  CHECK(llama3(" \n \n  x") == "[ \n \n][ ][ x]");
  CHECK(llama3("\r\n  ") == "[\r\n][  ]");
  CHECK(llama3("\na") == "[\n][a]");
  CHECK(pieces(split_rule::qwen2, "a12\n") == "[a][1][2][\n]");
}

TEST_CASE("piece_end: numbers are cut out alone or as runs") {
  CHECK(pieces(split_rule::single_digits, "ab12 \xc2\xb2") == "[ab][1][2][ ][\xc2\xb2]");
  CHECK(pieces(split_rule::digit_runs, "ab12 \xc2\xb2") == "[ab][12][ ][\xc2\xb2]");
  CHECK(pieces(split_rule::digit_runs, "12") == "[12]");
}

TEST_CASE("piece_end: the pieces cover every text") {
  // All texts of up to 5 of these: letter and number and symbol and each kind of space and the letters of contractions.
  const std::vector<std::string> atoms = {"a", "'", "s", "l", "7", "!", " ", "\n", "\xc2\xa0"};
  std::vector<std::string> texts = {""};
  for (std::size_t begin = 0, length = 0; length < 5; ++length) {
    const std::size_t end = texts.size();
    for (; begin < end; ++begin)
      for (const std::string& atom : atoms) texts.push_back(texts[begin] + atom);
  }
  std::size_t wrong = 0;
  for (const split_rule rule : {split_rule::gpt2, split_rule::llama3, split_rule::qwen2,
                                split_rule::single_digits, split_rule::digit_runs})
    for (const std::string& text : texts) {
      std::size_t at = 0;
      while (at < text.size()) {
        const std::size_t end = piece_end(rule, text, at);
        if (end <= at || end > text.size()) {
          ++wrong;
          break;
        }
        at = end;
      }
    }
  CHECK(texts.size() == 66430);  // 9^0 + ... + 9^5
  CHECK(wrong == 0);
}
