#include <qat/io/tokenizer_json.hpp>
#include <qat/io/tokenizer_json_writer.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <string>

#include <tests/io/tokenizer_files.hpp>
#include <tests/support/golden.hpp>

using namespace qat::io;
using qat::testing::byte_level_vocabulary;

TEST_CASE("tokenizer_json_of: encodes and decodes as the vocabulary of the GGUF file does") {
  struct kind {
    const char* words;
    const char* pre;
    bool add_bos;
  };
  for (const kind& k : {kind{"llama3", "llama-bpe", true}, kind{"llama3", "qwen2", false},
                        kind{"smollm2", "smollm", false}, kind{"smollm2", "gpt-2", true}}) {
    CAPTURE(k.pre);
    gguf_vocabulary source = byte_level_vocabulary(k.words, k.pre);
    source.tokens.push_back("");  // an id without a piece
    source.token_types.push_back(5);
    source.bos = 1;
    source.add_bos = k.add_bos;
    const Tokenizer expected = tokenizer_from_gguf_vocabulary(source, "t.gguf");
    const auto json = tokenizer_json_of(source);
    REQUIRE(json.has_value());
    const Tokenizer written =
        tokenizer_from_json(std::as_bytes(std::span(*json)), "tokenizer.json");
    std::size_t cases = 0;
    for (const auto& line : qat::testing::golden_lines("tokenizer_cases.txt")) {
      if (line[0] != "case") continue;
      const std::string text = qat::testing::from_hex(line[2]);
      CAPTURE(text);
      const auto ids = expected.encode(text, k.add_bos);
      CHECK(written.encode(text, k.add_bos) == ids);
      CHECK(written.decode(ids) == expected.decode(ids));
      ++cases;
    }
    CHECK(cases > 50);
  }
}

TEST_CASE("tokenizer_json_of: nothing where the file cannot say it") {
  gguf_vocabulary source = byte_level_vocabulary("smollm2", "smollm");
  CHECK(tokenizer_json_of(source).has_value());
  gguf_vocabulary alike = source;
  alike.tokens.push_back(alike.tokens[300]);
  alike.token_types.push_back(1);
  CHECK(!tokenizer_json_of(alike).has_value());
  gguf_vocabulary malformed = source;
  malformed.tokens.push_back("\xff");
  malformed.token_types.push_back(4);
  CHECK(!tokenizer_json_of(malformed).has_value());
  source.model = "llama";
  CHECK(!tokenizer_json_of(source).has_value());
}
