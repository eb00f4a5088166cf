// Feeds bytes to the reader of GGUF, then to those of its config and of its tokenizer.
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -I. tests/fuzz/gguf_fuzz.cpp -o gguf_fuzz
//   ./gguf_fuzz <a folder for findings> tests/fuzz/corpus/gguf

#include <qat/io/tokenizer_gguf.hpp>
#include <qat/llama/gguf_config.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

#include <tests/fuzz/target.hpp>
#include <tests/fuzz/tensors.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace qat::io;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  const auto attempt = [](auto&& read) {
    try {
      read();
    } catch (const FormatError&) {
    } catch (const qat::ContractViolation&) {  // sizes that no LLaMA has
    }
  };
  attempt([&] {
    const GgufFile file(bytes, "fuzz");
    qat::testing::use_tensors(file);
    attempt([&] { static_cast<void>(qat::llama::config_from_gguf(file)); });
    attempt([&] {
      const Tokenizer tokenizer = tokenizer_from_gguf(file.metadata());
      for (const std::int32_t id : tokenizer.encode("It's <s> 12\xe6\xbc\xa2 \xff  a\n", true))
        qat::testing::must(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocabulary_size());
    });
  });
  return 0;
}
