#include <qat/llama/gguf_config.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>

#include <tests/support/gguf_builder.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::FormatError;
using qat::io::GgufFile;
using qat::llama::config_from_gguf;
using qat::llama::hugging_face_name;
using qat::llama::llama_config;

namespace {

/// The keys of a model of 4 heads of 8 and 2 of K and V.
GgufBuilder model_keys(const std::string& family) {
  GgufBuilder file;
  file.add_text("general.architecture", family);
  const auto add = [&](const char* key, std::uint32_t value) {
    file.add_u32(family + "." + key, value);
  };
  add("embedding_length", 32);
  add("feed_forward_length", 48);
  add("block_count", 2);
  add("attention.head_count", 4);
  add("attention.head_count_kv", 2);
  add("context_length", 128);
  file.add_f32(family + ".attention.layer_norm_rms_epsilon", 1e-5f);
  return file;
}

llama_config config_of(GgufBuilder file) {
  file.add_tensor("token_embd.weight", {32, 11}, 0, std::string(32 * 11 * 4, '\0'));
  const std::string bytes = file.bytes();
  return config_from_gguf(GgufFile(as_bytes(bytes), "file"));
}

}  // namespace

TEST_CASE("config_from_gguf: what the keys and the tensors say") {
  const llama_config c = config_of(model_keys("llama"));
  CHECK(c == llama_config{.vocabulary = 11,
                          .hidden = 32,
                          .intermediate = 48,
                          .layers = 2,
                          .heads = 4,
                          .kv_heads = 2,
                          .head_size = 8,
                          .context = 128,
                          .rms_epsilon = 1e-5f,
                          .tied_head = true});
  GgufBuilder file = model_keys("llama");
  file.add_f32("llama.rope.freq_base", 5e5f);
  file.add_text("llama.rope.scaling.type", "linear");
  file.add_f32("llama.rope.scaling.factor", 2.0f);
  file.add_u32("llama.attention.key_length", 16);
  file.add_u32("llama.attention.value_length", 16);
  file.add_u32("tokenizer.ggml.bos_token_id", 1);
  file.add_u32("tokenizer.ggml.eos_token_id", 2);
  file.add_tensor("output.weight", {32, 11}, 0, std::string(32 * 11 * 4, '\0'));
  const llama_config other = config_of(file);
  CHECK(other.rope.theta == 5e5f);
  CHECK(other.rope.scaling == qat::rope_scaling::linear);
  CHECK(other.rope.factor == 2.0f);
  CHECK(other.head_size == 16);
  CHECK(other.bos == 1);
  CHECK(other.eos == 2);
  CHECK(!other.tied_head);
  CHECK(!other.attention_bias);
  CHECK(config_of(model_keys("qwen2")).attention_bias);
}

TEST_CASE("config_from_gguf: Llama 3's rotation is recognised by its factors") {
  const qat::rope_config plain{.theta = 5e5f};
  qat::rope_config scaled = plain;
  scaled.scaling = qat::rope_scaling::llama3;
  scaled.factor = 32.0f;
  const auto with_factors = [&](float changed) {
    GgufBuilder file = model_keys("llama");
    file.add_f32("llama.rope.freq_base", 5e5f);
    std::string factors;
    for (std::size_t i = 0; i < 4; ++i)
      factors += bytes_of(qat::rope_frequency(plain, i, 8) / qat::rope_frequency(scaled, i, 8) *
                          (i == 1 ? changed : 1.0f));
    file.add_tensor("rope_freqs.weight", {4}, 0, factors);
    return config_of(file);
  };
  CHECK(with_factors(1.0f).rope == scaled);
  CHECK_THROWS_WITH_AS(static_cast<void>(with_factors(1.001f)),
                       doctest::Contains("the factors of Llama 3's rotation"), FormatError);
}

TEST_CASE("config_from_gguf: what the model cannot do is refused by the name of the key") {
  const auto refuses = [](const std::function<void(GgufBuilder&)>& change, const char* why) {
    GgufBuilder file = model_keys("llama");
    change(file);
    CHECK_THROWS_WITH_AS(static_cast<void>(config_of(file)), doctest::Contains(why), FormatError);
  };
  refuses([](auto& f) { f.add_u32("llama.expert_count", 8); }, "a model without experts; found 8");
  refuses([](auto& f) { f.add_text("llama.rope.scaling.type", "yarn"); },
          "llama.rope.scaling.type none or linear; found yarn");
  refuses([](auto& f) { f.add_u32("llama.rope.dimension_count", 4); }, "8 channels a head");
  refuses([](auto& f) { f.add_tensor("rope_freqs.weight", {3}, 0, std::string(12, '\0')); },
          "4 elements of rope_freqs.weight; found 3");
  refuses([](auto& f) { f = model_keys("gemma"); }, "llama or qwen2; found gemma");
  refuses([](auto& f) { f = GgufBuilder{}; }, "llama or qwen2; found none");
  GgufBuilder empty;
  empty.add_text("general.architecture", "llama");
  CHECK_THROWS_WITH_AS(static_cast<void>(config_of(empty)),
                       doctest::Contains("the key llama.embedding_length"), FormatError);
}

TEST_CASE("hugging_face_name: every tensor of a LLaMA and no other") {
  CHECK(hugging_face_name("token_embd.weight") == "model.embed_tokens.weight");
  CHECK(hugging_face_name("output.weight") == "lm_head.weight");
  CHECK(hugging_face_name("blk.12.attn_q.bias") == "model.layers.12.self_attn.q_proj.bias");
  CHECK(hugging_face_name("blk.0.ffn_down.weight") == "model.layers.0.mlp.down_proj.weight");
  for (const char* none : {"", "blk.", "blk.0", "blk.0.", "blk.0.ffn_gate_inp.weight", "output"})
    CHECK(hugging_face_name(none).empty());
}
