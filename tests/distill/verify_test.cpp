#include <qat/distill/verify.hpp>

#include <doctest/doctest.h>

#include <functional>

#include <tests/support/files.hpp>
#include <tests/support/llamas.hpp>

using namespace qat::distill;
using qat::llama::used_tables;
using Scheme = qat::llama::with_tables<qat::named_scheme<4, 0, 8, 4, true, false>>;

namespace {

/// With a head of its own.
const qat::llama::llama_config verified_llama = [] {
  qat::llama::llama_config config = qat::testing::trained_llama;
  config.tied_head = false;
  return config;
}();
const sequences texts{qat::testing::random_tokens(1, 20, 29),
                      qat::testing::random_tokens(2, 7, 29)};

/// Exports a student, lets `change` the bytes of the file, and verifies what is read back.
verification verified(const used_tables& tables, const std::function<void(std::string&)>& change) {
  const qat::testing::TemporaryFolder folder;
  auto trained = qat::testing::random_parameters(verified_llama);
  qat::llama::save_quantized<Scheme>({}, trained, folder.path(), "w4a8kv4h", tables, std::nullopt);
  std::string bytes = qat::io::read_text(folder / "model.safetensors");
  change(bytes);
  qat::testing::write_file(folder / "model.safetensors", bytes);
  auto shipped = qat::llama::load_quantized<Scheme>({}, folder.path(), tables);
  return verify<Scheme>({}, trained, shipped, tables, texts, [](std::size_t) {});
}

/// Flips one bit in the first byte of a tensor.
std::function<void(std::string&)> flip(const std::string& name, unsigned char bit) {
  return [=](std::string& bytes) {
    const qat::io::SafetensorsFile file(qat::testing::as_bytes(bytes), "m");
    const auto* const t = file.find(name);
    REQUIRE(t != nullptr);
    const auto at = reinterpret_cast<const char*>(t->bytes.data()) - bytes.data();
    bytes[static_cast<std::size_t>(at)] =
        static_cast<char>(static_cast<unsigned char>(bytes[static_cast<std::size_t>(at)]) ^ bit);
  };
}

}  // namespace

TEST_CASE("verify: an export is what was trained, to the last bit of every logit") {
  for (const used_tables tables : {used_tables{false, false}, used_tables{true, true}}) {
    const verification v = verified(tables, [](std::string&) {});
    CHECK(v.mismatches() == 0);
    CHECK(v.first_mismatch.empty());
    CHECK(v.weights_compared == qat::llama::parameter_count(verified_llama));
    CHECK(v.logits_compared == 2 * 27 * 29);
    CHECK(v.scales_compared > 0);
  }
}

TEST_CASE("verify: one changed bit of any kind of tensor is a mismatch") {
  const used_tables both{true, true}, none{false, false};
  for (const auto& [name, tables] : {std::pair("model.layers.1.mlp.up_proj.weight_packed", none),
                                     {"model.layers.0.self_attn.k_proj.weight_packed", none},
                                     {"model.layers.0.input_layernorm.weight", none},
                                     {"model.norm.weight", none},
                                     {"model.embed_tokens.weight", none},
                                     {"lm_head.weight", none},
                                     {"model.embed_tokens.weight_packed", both},
                                     {"lm_head.weight_packed", both}}) {
    const std::string tensor = name;
    INFO(tensor);
    const verification v = verified(tables, flip(tensor, 1));
    CHECK(v.weight_mismatches == 1);
    CHECK(v.first_mismatch.find(tensor.substr(0, 12)) != std::string::npos);
  }
  for (const auto& [name, tables] : {std::pair("model.layers.1.mlp.down_proj.weight_scale", none),
                                     {"lm_head.weight_scale", both}}) {
    const std::string tensor = name;
    INFO(tensor);
    const verification v = verified(tables, flip(tensor, 1));
    CHECK(v.scale_mismatches == 1);
    CHECK(v.logit_mismatches > 0);
  }
}
