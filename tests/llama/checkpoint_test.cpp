#include <qat/llama/checkpoint.hpp>

#include <doctest/doctest.h>

#include <string>

#include <tests/support/files.hpp>
#include <tests/support/llamas.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::FormatError;
using qat::llama::config_from_hugging_face;
using qat::llama::llama_config;

namespace {

llama_config config_of(const std::string& json) {
  return config_from_hugging_face(nlohmann::json::parse(json), "config.json");
}

const char* const minimal =
    R"({"vocab_size":53,"hidden_size":36,"intermediate_size":50,"num_hidden_layers":2,)"
    R"("num_attention_heads":6)";

/// A safetensors file of fp32 tensors, `change` applied to each (name, shape) before it is written.
template <class Change>
std::string file_of(const qat::llama::llama_parameters<float>& parameters, Change&& change) {
  nlohmann::json header = nlohmann::json::object();
  std::string data;
  qat::llama::for_each_parameter(parameters, [&](std::string name, const qat::Tensor<float>& t) {
    std::vector<std::size_t> shape;
    for (std::size_t i = 0; i < t.shape().rank(); ++i) shape.push_back(t.shape()[i]);
    if (!change(name, shape)) return;
    const std::size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(t.data()), t.size() * sizeof(float));
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
  });
  const std::string text = header.dump();
  return bytes_of<std::uint64_t>(text.size()) + text + data;
}

const char* const tiny_qwen =
    R"({"model_type":"qwen2","vocab_size":53,"hidden_size":36,"intermediate_size":50,)"
    R"("num_hidden_layers":2,"num_attention_heads":6,"num_key_value_heads":2,"head_dim":6,)"
    R"("max_position_embeddings":80,"rms_norm_eps":1e-5})";

}  // namespace

TEST_CASE("checkpoint: the config of every family that the keys tell apart") {
  const llama_config plain = config_of(std::string(minimal) + "}");
  CHECK(plain.kv_heads == 6);
  CHECK(plain.head_size == 6);
  CHECK(plain.rope.theta == 10000.0f);
  CHECK(!plain.tied_head);
  const llama_config llama3 = config_of(
      std::string(minimal) +
      R"(,"num_key_value_heads":2,"rope_theta":500000.0,"tie_word_embeddings":true,"eos_token_id":[7,9],)"
      R"("rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,)"
      R"("high_freq_factor":4.0,"original_max_position_embeddings":8192}})");
  CHECK(llama3.kv_heads == 2);
  CHECK(llama3.rope.scaling == qat::rope_scaling::llama3);
  CHECK(llama3.rope.factor == 8.0f);
  CHECK(llama3.rope.original_context == 8192);
  CHECK(llama3.rope.theta == 500000.0f);
  CHECK(llama3.tied_head);
  CHECK(llama3.eos == 7);
  const llama_config linear =
      config_of(std::string(minimal) + R"(,"rope_scaling":{"type":"linear","factor":2.0}})");
  CHECK(linear.rope.scaling == qat::rope_scaling::linear);
  CHECK(config_of(tiny_qwen).attention_bias);
}

TEST_CASE("checkpoint: what the model cannot do is refused by the name of the key") {
  for (const char* bad :
       {R"(,"model_type":"mistral"})", R"(,"hidden_act":"gelu"})", R"(,"mlp_bias":true})",
        R"(,"attention_bias":true})", R"(,"rope_scaling":{"rope_type":"yarn","factor":2.0}})",
        R"(,"rms_norm_eps":"small"})", R"(,"tie_word_embeddings":1})", R"(,"bos_token_id":-1})"}) {
    const std::string json = minimal + std::string(bad);
    INFO(json);
    CHECK_THROWS_AS(config_of(json), FormatError);
  }
  CHECK_THROWS_WITH_AS(config_of("{}"), doctest::Contains("vocab_size"), FormatError);
  CHECK_THROWS_AS(config_of("[]"), FormatError);
}

TEST_CASE("checkpoint: a folder gives back the parameters that were written") {
  const TemporaryFolder folder;
  const auto parameters = random_parameters(tiny_llama);
  write_file(folder / "config.json", tiny_qwen);
  write_file(folder / "model.safetensors", file_of(parameters, [](auto&, auto&) { return true; }));
  const auto loaded = qat::llama::load_parameters(folder.path());
  CHECK(loaded.config == tiny_llama);
  std::size_t compared = 0;
  qat::llama::for_each_parameter(parameters, [&](const std::string& name, const auto& t) {
    qat::llama::for_each_parameter(loaded, [&](const std::string& other, const auto& u) {
      if (name != other) return;
      CHECK(std::equal(t.data(), t.data() + t.size(), u.data()));
      ++compared;
    });
  });
  CHECK(compared == 27);
}

TEST_CASE("checkpoint: a tensor that is missing or extra or of another shape is named") {
  const TemporaryFolder folder;
  const auto parameters = random_parameters(tiny_llama);
  write_file(folder / "config.json", tiny_qwen);
  const auto refuses = [&](auto&& change, const char* what) {
    write_file(folder / "model.safetensors", file_of(parameters, change));
    CHECK_THROWS_WITH_AS(static_cast<void>(qat::llama::load_parameters(folder.path())),
                         doctest::Contains(what), FormatError);
  };
  const std::string victim = "model.layers.1.mlp.up_proj.weight";
  refuses([&](std::string& name, auto&) { return name != victim; }, victim.c_str());
  refuses(
      [&](std::string& name, auto& shape) {
        if (name == victim) std::swap(shape[0], shape[1]);
        return true;
      },
      "model.layers.1.mlp.up_proj.weight of 50x36; found 36x50");
  refuses(
      [&](std::string& name, auto&) {
        if (name == "model.layers.0.self_attn.q_proj.bias") name = "model.layers.0.extra";
        return true;
      },
      "q_proj.bias");
  CHECK_THROWS_WITH_AS(static_cast<void>(qat::llama::load_parameters(folder / "nowhere")),
                       doctest::Contains("does not exist"), qat::io::FileError);
}

TEST_CASE("checkpoint: interleaved rows of a head become half-split ones") {
  qat::Tensor<float> w({8, 1});
  for (std::size_t r = 0; r < 8; ++r) w.row(r)[0] = static_cast<float>(r);
  qat::llama::detail::split_halves(w, 4);
  const float expected[] = {0, 2, 1, 3, 4, 6, 5, 7};
  CHECK(std::equal(w.data(), w.data() + 8, expected));
}
