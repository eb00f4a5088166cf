#include <qat/llama/hugging_face_config.hpp>

#include <doctest/doctest.h>

#include <string>

#include <tests/support/llamas.hpp>

using qat::io::FormatError;
using qat::io::JsonField;
using qat::llama::config_from_hugging_face;
using qat::llama::hugging_face_config;
using qat::llama::llama_config;

namespace {

llama_config config_of(const std::string& json) {
  const nlohmann::json document = nlohmann::json::parse(json);
  return config_from_hugging_face(JsonField(document, "config.json"));
}

const char* const minimal =
    R"({"vocab_size":53,"hidden_size":36,"intermediate_size":50,"num_hidden_layers":2,)"
    R"("num_attention_heads":6)";

}  // namespace

TEST_CASE("config_from_hugging_face: the config of every family that the keys tell apart") {
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
  CHECK(config_of(minimal + std::string(R"(,"model_type":"qwen2"})")).attention_bias);
}

TEST_CASE("config_from_hugging_face: what the model cannot do is refused by the name of the key") {
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

TEST_CASE("hugging_face_config: what is written is read back") {
  llama_config plain = qat::testing::tiny_llama;
  plain.attention_bias = false;
  plain.bos = 1;
  plain.eos = 2;
  llama_config linear = plain;
  linear.rope.scaling = qat::rope_scaling::linear;
  linear.rope.factor = 2.5f;
  linear.tied_head = true;
  llama_config llama3 = plain;
  llama3.rope = {.theta = 500000.0f,
                 .scaling = qat::rope_scaling::llama3,
                 .factor = 8.0f,
                 .low_frequency_factor = 1.5f,
                 .high_frequency_factor = 5.0f,
                 .original_context = 64};
  for (const llama_config& c : {plain, linear, llama3, qat::testing::tiny_llama})
    CHECK(config_of(hugging_face_config(c, "float32").dump()) == c);
  CHECK(hugging_face_config(plain, "float32").dump().find("\"rms_norm_eps\":1e-05") !=
        std::string::npos);
  llama_config interleaved = plain;
  interleaved.rope.layout = qat::rope_layout::interleaved;
  CHECK_THROWS_WITH_AS(static_cast<void>(hugging_face_config(interleaved, "float32")),
                       doctest::Contains("interleaved"), qat::ContractViolation);
}
