#include <qat/llama/quantized_checkpoint.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include <tests/support/files.hpp>
#include <tests/support/llamas.hpp>

using namespace qat::llama;
using qat::testing::TemporaryFolder;

namespace {

const llama_config tied{.vocabulary = 19,
                        .hidden = 36,
                        .intermediate = 50,
                        .layers = 1,
                        .heads = 2,
                        .kv_heads = 1,
                        .head_size = 18,
                        .context = 16,
                        .tied_head = true};

template <int Bits, int Group>
using of_width = with_tables<qat::named_scheme<Bits, Group, 8, 4, true, false>>;

template <class Scheme>
void check_round_trip(const std::string& name, const used_tables& tables,
                      const std::string& method) {
  const TemporaryFolder folder;
  auto parameters = qat::testing::random_parameters(tied);
  save_quantized<Scheme>({}, parameters, folder.path(), name, tables, "{}");
  const auto kind = quantized_kind(folder.path());
  REQUIRE(kind.has_value());
  CHECK(kind->scheme == name);
  CHECK(kind->tables == tables);
  CHECK(qat::io::read_text(folder / "config.json").find("\"" + method + "\"") != std::string::npos);
  CHECK(qat::io::read_text(folder / "tokenizer.json") == "{}");
  const shipped_model<Scheme> model = load_quantized<Scheme>({}, folder.path(), tables);
  using W = typename Scheme::weight;
  const auto wanted = qat::quantized<W>({}, parameters.layers[0].down.view());
  const auto& found = model.matrices.at("model.layers.0.mlp.down_proj.weight");
  CHECK(found.parameters.scales == wanted.parameters.scales);
  for (std::size_t i = 0; i < wanted.codes.size(); ++i)
    CHECK(found.codes.data()[i] == wanted.codes.data()[i]);
  CHECK(model.parameters.norm.data()[3] == parameters.norm.data()[3]);
  CHECK((model.parameters.embedding.data()[3] == parameters.embedding.data()[3]) !=
        tables.embedding);
}

}  // namespace

TEST_CASE("quantized checkpoint: codes and scales of every width come back") {
  check_round_trip<of_width<4, 0>>("w4a8kv4h", {false, false}, "compressed-tensors");
  check_round_trip<of_width<4, 0>>("w4a8kv4h", {true, true}, "compressed-tensors");
  check_round_trip<of_width<4, 12>>("w4g12a8kv4h", {false, false}, "qat");  // 50 = 4 * 12 + 2
  check_round_trip<of_width<4, 2>>("w4g2a8kv4h", {false, false}, "compressed-tensors");
  check_round_trip<of_width<3, 0>>("w3a8kv4h", {false, false}, "qat");
}

TEST_CASE("quantized checkpoint: the words of compressed-tensors") {
  const TemporaryFolder folder;
  auto parameters = qat::testing::random_parameters(tied);
  using Scheme = of_width<4, 0>;
  save_quantized<Scheme>({}, parameters, folder.path(), "w4a8kv4h", {false, false}, std::nullopt);
  const qat::io::SafetensorsFile file(folder / "model.safetensors");
  const auto* const packed = file.find("model.layers.0.self_attn.q_proj.weight_packed");
  REQUIRE(packed != nullptr);
  CHECK(packed->type_name == "I32");
  CHECK(packed->shape == std::vector<std::uint64_t>{36, 5});  // 36 codes of 4 bits in words
  const auto wanted = qat::quantized<typename Scheme::weight>({}, parameters.layers[0].q.view());
  for (std::size_t r = 0; r < 36; ++r)
    for (std::size_t c = 0; c < 36; ++c) {
      std::uint32_t word;
      std::memcpy(&word, packed->bytes.data() + (r * 5 + c / 8) * 4, 4);
      CHECK(static_cast<int>(word >> (4 * (c % 8)) & 15) - 8 == wanted.codes.row(r)[c]);
    }
  CHECK(file.find("model.layers.0.self_attn.q_proj.weight_scale")->shape ==
        std::vector<std::uint64_t>{36, 1});
  CHECK(file.find("model.embed_tokens.weight")->type_name == "F32");
  using W = typename Scheme::weight;
  for (const auto& [codes, words] : {std::pair(1u, 1u), {8u, 1u}, {9u, 2u}, {64u, 8u}})
    CHECK(detail::row_words<W>(codes) == words);
}

TEST_CASE("quantized checkpoint: config.json says how each packed tensor is read") {
  const TemporaryFolder folder;
  llama_config config = tied;
  config.tied_head = false;
  auto parameters = qat::testing::random_parameters(config);
  using Scheme = of_width<4, 0>;
  const auto words = [&](const used_tables& tables) {
    save_quantized<Scheme>({}, parameters, folder.path(), "w4a8kv4h", tables, std::nullopt);
    return nlohmann::json::parse(qat::io::read_text(folder / "config.json"))["quantization_config"];
  };
  nlohmann::json found = words({false, false});
  CHECK(found["config_groups"].size() == 1);
  CHECK(found["config_groups"]["group_0"]["format"] == "pack-quantized");
  CHECK(found["config_groups"]["group_0"]["targets"] == nlohmann::json{"Linear"});
  CHECK(found["config_groups"]["group_0"]["weights"]["num_bits"] == 4);
  CHECK(found["ignore"] == nlohmann::json{"lm_head"});
  found = words({true, true});
  const nlohmann::json tables = found["config_groups"]["group_1"];
  CHECK(tables["targets"] == nlohmann::json{"re:.*embed_tokens$", "lm_head"});
  CHECK(tables["weights"]["num_bits"] == 8);
  CHECK(tables["weights"]["strategy"] == "channel");
  CHECK(!tables.contains("input_activations"));
  CHECK(found["ignore"].empty());
  CHECK(words({true, false})["ignore"] == nlohmann::json{"lm_head"});
}

TEST_CASE("quantized checkpoint: what is missing, cut or not an export is said") {
  const TemporaryFolder folder;
  auto parameters = qat::testing::random_parameters(tied);
  using Scheme = of_width<4, 0>;
  CHECK(!quantized_kind(folder.path()));
  CHECK_THROWS_AS(save_quantized<Scheme>({}, parameters, folder.path(), "w4a8kv4h", {true, false},
                                         std::nullopt),
                  qat::ContractViolation);
  save_quantized<Scheme>({}, parameters, folder.path(), "w4a8kv4h", {false, false}, std::nullopt);
  CHECK_THROWS_AS(static_cast<void>(load_quantized<Scheme>({}, folder.path(), {true, true})),
                  qat::io::FormatError);
  using Grouped = of_width<4, 32>;
  CHECK_THROWS_WITH_AS(
      static_cast<void>(load_quantized<Grouped>({}, folder.path(), {false, false})),
      doctest::Contains("weight_scale of F16 36x2"), qat::io::FormatError);
  std::string bytes = qat::io::read_text(folder / "model.safetensors");
  bytes.resize(bytes.size() - 1);
  qat::testing::write_file(folder / "model.safetensors", bytes);
  CHECK_THROWS_AS(static_cast<void>(load_quantized<Scheme>({}, folder.path(), {false, false})),
                  qat::io::FormatError);
}
