// Feeds bytes to the readers of tokenizer.json and tokenizer.bin, then encodes and decodes with what they accept.
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -I. tests/fuzz/tokenizer_fuzz.cpp -o tokenizer_fuzz
//   ./tokenizer_fuzz -dict=tests/fuzz/tokenizer.dict <a folder for findings> tests/fuzz/corpus/tokenizer

#include <qat/io/tokenizer_gguf.hpp>
#include <qat/io/tokenizer_json.hpp>
#include <qat/io/tokenizer_llama2c.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <tests/fuzz/target.hpp>

namespace {

using namespace qat::io;
using qat::testing::must;

void use(const Tokenizer& tokenizer, std::string_view text) {
  const auto size = static_cast<std::int32_t>(tokenizer.vocabulary_size());
  for (const special_in_text special : {special_in_text::recognised, special_in_text::plain}) {
    std::vector<std::int32_t> ids = tokenizer.encode(text, tokenizer.bos().has_value(), special);
    for (const std::int32_t id : ids) must(id >= 0 && id < size);
    // Any tokens decode, those of no text too.
    for (std::size_t i = 0; i < text.size() && i < 64; ++i)
      ids.push_back(static_cast<std::int32_t>(static_cast<unsigned char>(text[i])) *
                    (i % 5 == 0 ? 7 : 1));
    const std::string shown = tokenizer.decode(ids, special_in_output::shown);
    must(is_utf8(shown) && is_utf8(tokenizer.decode(ids)));
    TokenStream stream(tokenizer, special_in_output::shown);
    std::string streamed;
    for (const std::int32_t id : ids) {
      const std::string part = stream.push(id);
      must(is_utf8(part));
      streamed += part;
    }
    streamed += stream.finish();
    must(is_utf8(streamed));
    // Only malformed byte tokens may make a difference, and they leave a replacement character.
    must(streamed == shown || shown.find(replacement_character) != shown.npos);
  }
}

/// The tokens that the lengths in a tokenizer.bin lead through.
std::size_t count_records(const std::uint8_t* data, std::size_t size) {
  std::size_t count = 0;
  for (std::size_t at = 4; at < size && size - at >= 8; ++count) {
    std::uint32_t length = 0;
    std::memcpy(&length, data + at + 4, 4);
    at += 8;
    if (length > size - at) break;
    at += length;
  }
  return count;
}

/// A vocabulary out of lines: each is a token, its first byte the type and the score.
gguf_vocabulary vocabulary_of_lines(std::string_view text) {
  gguf_vocabulary source;
  source.model = text.size() % 2 == 0 ? "llama" : "gpt2";
  source.pre = text.size() % 3 == 0 ? "llama-bpe" : "smollm";
  source.add_space_prefix = text.size() % 5 != 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.size() > 2 && line[0] == ' ') {
      source.merges.push_back(line.substr(1));
    } else {
      source.tokens.push_back(line.empty() ? line : line.substr(1));
      source.token_types.push_back(line.empty() ? 1 : 1 + (line[0] & 7) % 6);
      source.scores.push_back(line.empty() ? 0.0f : -static_cast<float>(line[0] & 15));
    }
  }
  return source;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  const std::string_view sample = text.substr(size - std::min<std::size_t>(size, 64));
  const auto attempt = [&](auto read) {
    try {
      const Tokenizer tokenizer = read();
      use(tokenizer, sample);
      use(tokenizer, "It's <s> 12\xe6\xbc\xa2 \xff  a\n");
      use(tokenizer, "");
    } catch (const FormatError&) {
    }
  };
  attempt([&] { return tokenizer_from_json(bytes, "fuzz"); });
  attempt([&] {
    return tokenizer_from_llama2c(bytes, "fuzz",
                                  std::max<std::size_t>(259, count_records(data, size)));
  });
  attempt([&] { return tokenizer_from_gguf_vocabulary(vocabulary_of_lines(text), "fuzz"); });
  return 0;
}
