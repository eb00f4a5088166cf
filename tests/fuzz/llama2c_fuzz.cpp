// Feeds bytes to the reader of llama2.c checkpoints.
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -I. tests/fuzz/llama2c_fuzz.cpp -o llama2c_fuzz
//   ./llama2c_fuzz <a folder for findings> tests/fuzz/corpus/llama2c

#include <qat/io/llama2c.hpp>
#include <qat/llama/checkpoint.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

#include <tests/fuzz/target.hpp>
#include <tests/fuzz/tensors.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace qat::io;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  try {
    const Llama2cFile file(bytes, "fuzz");
    qat::testing::use_tensors(file);
    qat::llama::check_config(qat::llama::config_from_llama2c(file.header()));
  } catch (const FormatError&) {
  } catch (const qat::ContractViolation&) {  // sizes that no LLaMA has
  }
  return 0;
}
