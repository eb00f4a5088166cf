#include <qat/io/llama2c.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <tests/support/files.hpp>
#include <tests/support/inputs.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::FormatError;
using qat::io::Llama2cFile;

namespace {

std::string numbers(std::initializer_list<std::int32_t> values) {
  std::string bytes;
  for (const std::int32_t v : values) bytes += bytes_of(v);
  return bytes;
}

/// dim 4, hidden 6, 1 layer, 2 heads of which 1 of keys, 3 tokens, 5 positions: floats 0, 1, 2, ...
std::string legacy(std::int32_t vocabulary) {
  std::string bytes = numbers({4, 6, 1, 2, 1, vocabulary, 5});
  const int head = vocabulary < 0 ? 12 : 0;
  const int count = 12 + 4 + 16 + 8 + 8 + 16 + 4 + 24 + 24 + 24 + 4 + 5 + 5 + head;
  for (int i = 0; i < count; ++i) bytes += bytes_of(static_cast<float>(i));
  return bytes;
}

float first_of(const Llama2cFile& file, const std::string& name) {
  std::vector<float> value(1);
  REQUIRE(file.find(name) != nullptr);
  qat::io::decode(*file.find(name), 0, value);
  return value[0];
}

}  // namespace

TEST_CASE("llama2c: tensors lie where the legacy layout says") {
  for (const std::int32_t vocabulary : {3, -3}) {
    const std::string bytes = legacy(vocabulary);
    const Llama2cFile file(as_bytes(bytes), "file");
    CHECK(file.header().vocab_size == 3);
    CHECK(file.header().shared_classifier == (vocabulary > 0));
    CHECK(first_of(file, "model.embed_tokens.weight") == 0.0f);
    CHECK(first_of(file, "model.layers.0.input_layernorm.weight") == 12.0f);
    CHECK(first_of(file, "model.layers.0.self_attn.q_proj.weight") == 16.0f);
    CHECK(first_of(file, "model.layers.0.self_attn.k_proj.weight") == 32.0f);
    CHECK(first_of(file, "model.layers.0.self_attn.v_proj.weight") == 40.0f);
    CHECK(first_of(file, "model.layers.0.self_attn.o_proj.weight") == 48.0f);
    CHECK(first_of(file, "model.layers.0.post_attention_layernorm.weight") == 64.0f);
    CHECK(first_of(file, "model.layers.0.mlp.gate_proj.weight") == 68.0f);
    CHECK(first_of(file, "model.layers.0.mlp.down_proj.weight") == 92.0f);
    CHECK(first_of(file, "model.layers.0.mlp.up_proj.weight") == 116.0f);
    CHECK(first_of(file, "model.norm.weight") == 140.0f);
    if (vocabulary < 0) CHECK(first_of(file, "lm_head.weight") == 154.0f);
    CHECK(qat::io::shape_of(*file.find("model.layers.0.mlp.down_proj.weight")) == "4x6");
  }
}

TEST_CASE("llama2c: a file that is too short or too long by any number of bytes is refused") {
  const std::string bytes = legacy(-3);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const std::string part = bytes.substr(0, n);
    CHECK_THROWS_AS(Llama2cFile(as_bytes(part), "file"), FormatError);
  }
  const std::string longer = bytes + "x";
  CHECK_THROWS_WITH_AS(Llama2cFile(as_bytes(longer), "file"), doctest::Contains("1 bytes more"),
                       FormatError);
}

TEST_CASE("llama2c: headers that no model has are refused before anything is read") {
  for (const auto& bad : {numbers({0, 6, 1, 2, 1, 3, 5}), numbers({4, -6, 1, 2, 1, 3, 5}),
                          numbers({4, 6, 1, 3, 1, 3, 5}), numbers({6, 6, 1, 2, 1, 3, 5}),
                          numbers({4, 6, 1, 2, 4, 3, 5}), numbers({2147483647, 6, 1, 2, 1, 3, 5}),
                          numbers({1 << 24, 1 << 24, 1 << 16, 1, 1, 1 << 24, 1 << 24}),
                          numbers({4, 6, 1, 2, 1, static_cast<std::int32_t>(0x80000000), 5}),
                          numbers({0x616b3432, 1, 4, 6, 1, 2, 1, 3, 5}),
                          numbers({0x616b3432, 2, 4, 6, 1, 2, 1, 3, 5}) + '\1' + numbers({0}) +
                              std::string(300, '\0'),
                          numbers({0x616b3432, 2, 4, 6, 1, 2, 1, 3, 5}) + '\1' + numbers({7}) +
                              std::string(900, '\0')})
    CHECK_THROWS_AS(Llama2cFile(as_bytes(bad), "file"), FormatError);
}

TEST_CASE("llama2c: the int8 export of stories260K is within half a scale of the fp32 file") {
  const std::string exact_path = data_file("models/stories260K/stories260K.bin").value_or("");
  const std::string coded_path =
      data_file("models/stories260K_q80/stories260K_q80_gs8.bin").value_or("");
  if (exact_path.empty() || coded_path.empty()) return;
  const Llama2cFile exact(exact_path), coded(coded_path);
  CHECK(exact.header().dim == 64);
  CHECK(exact.header().seq_len == 512);
  CHECK(coded.header().group_size == 8);
  CHECK(coded.tensors().size() == exact.tensors().size());
  for (const auto& entry : coded.tensors()) {
    const std::string& name = entry.first;
    const qat::io::named_tensor& t = entry.second;
    INFO(name);
    const auto size = static_cast<std::size_t>(t.size());
    std::vector<float> a(size), b(size);
    qat::io::decode(*exact.find(name), 0, a);
    qat::io::decode(t, 0, b);
    bool close = true;
    for (std::size_t i = 0; i < size; ++i) {
      const double scale =
          t.scales.empty() ? 0.0
                           : double(qat::io::detail::load_from<float>(t.scales.data() + i / 8 * 4));
      // x / scale and code * scale are rounded once each.
      const double bound = 0.5 * scale + std::abs(double(a[i])) * 2 * 0x1p-24;
      close = close && std::abs(double(a[i]) - double(b[i])) <= bound;
    }
    CHECK(close);
  }
}
