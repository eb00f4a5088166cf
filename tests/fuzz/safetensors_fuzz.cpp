// Feeds bytes to the reader of safetensors and, where they begin with a brace, to that of config.json.
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -I. tests/fuzz/safetensors_fuzz.cpp -o safetensors_fuzz
//   ./safetensors_fuzz <a folder for findings> tests/fuzz/corpus/safetensors

#include <qat/io/safetensors.hpp>
#include <qat/llama/hugging_face_config.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

#include <tests/fuzz/target.hpp>
#include <tests/fuzz/tensors.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace qat::io;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  try {
    if (size != 0 && data[0] == '{') {
      const auto json = parse_json({reinterpret_cast<const char*>(data), size}, "fuzz");
      qat::llama::check_config(qat::llama::config_from_hugging_face(JsonField(json, "fuzz")));
    } else {
      qat::testing::use_tensors(SafetensorsFile(bytes, "fuzz"));
    }
  } catch (const FormatError&) {
  } catch (const qat::ContractViolation&) {  // sizes that no LLaMA has
  }
  return 0;
}
