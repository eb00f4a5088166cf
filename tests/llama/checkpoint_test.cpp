#include <qat/llama/checkpoint.hpp>

#include <doctest/doctest.h>

#include <string>

#include <tests/support/files.hpp>
#include <tests/support/gguf_builder.hpp>
#include <tests/support/llamas.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::FormatError;
using qat::llama::llama_config;

namespace {

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

void check_equal(const qat::llama::llama_parameters<float>& a,
                 const qat::llama::llama_parameters<float>& b) {
  std::size_t compared = 0;
  qat::llama::for_each_parameter(
      a,
      [&](const std::string& name, const qat::Tensor<float>& x, const qat::Tensor<float>& y) {
        INFO(name);
        REQUIRE(x.shape() == y.shape());
        CHECK(std::equal(x.data(), x.data() + x.size(), y.data()));
        ++compared;
      },
      b);
  CHECK(compared == 1 + a.layers.size() * (a.config.attention_bias ? 12 : 9) + 2);
}

/// ggml's name of a tensor: the inverse of hugging_face_name, found by trying.
std::string ggml_name(const std::string& ours) {
  for (const char* name : {"token_embd.weight", "output_norm.weight", "output.weight"})
    if (qat::llama::hugging_face_name(name) == ours) return name;
  for (const char* layer : {"blk.0.", "blk.1."})
    for (const char* name :
         {"attn_norm.weight", "attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_q.bias",
          "attn_k.bias", "attn_v.bias", "attn_output.weight", "ffn_norm.weight", "ffn_gate.weight",
          "ffn_up.weight", "ffn_down.weight"})
      if (qat::llama::hugging_face_name(layer + std::string(name)) == ours)
        return layer + std::string(name);
  return "";
}

/// A GGUF file of fp32 tensors; `interleave` orders rows as llama.cpp's conversion of LLaMA does.
std::string gguf_of(const qat::llama::llama_parameters<float>& parameters, bool interleave) {
  const llama_config& c = parameters.config;
  const std::string family = c.attention_bias ? "qwen2" : "llama";
  GgufBuilder file;
  file.add_text("general.architecture", family);
  const auto add = [&](const char* key, std::size_t value) {
    file.add_u32(family + "." + key, static_cast<std::uint32_t>(value));
  };
  add("embedding_length", c.hidden);
  add("feed_forward_length", c.intermediate);
  add("block_count", c.layers);
  add("attention.head_count", c.heads);
  add("attention.head_count_kv", c.kv_heads);
  add("context_length", c.context);
  file.add_f32(family + ".attention.layer_norm_rms_epsilon", c.rms_epsilon);
  qat::llama::for_each_parameter(parameters, [&](std::string name, const qat::Tensor<float>& t) {
    const bool rotated = interleave && (name.find("q_proj") != std::string::npos ||
                                        name.find("k_proj") != std::string::npos);
    std::string data;
    for (std::size_t r = 0; r < t.rows(); ++r) {
      const std::size_t in_head = r % c.head_size;
      const std::size_t half = c.head_size / 2;
      const std::size_t from = rotated ? r - in_head + in_head % 2 * half + in_head / 2 : r;
      data.append(reinterpret_cast<const char*>(t.row(from)), t.cols() * sizeof(float));
    }
    std::vector<std::uint64_t> extents{t.cols()};
    if (t.shape().rank() == 2) extents.push_back(t.rows());
    file.add_tensor(ggml_name(name), extents, 0, data);
  });
  return file.bytes();
}

}  // namespace

TEST_CASE("checkpoint: a GGUF file gives back the parameters that were written") {
  const TemporaryFolder folder;
  llama_config llama = tiny_llama;
  llama.attention_bias = false;
  for (const llama_config& config : {llama, tiny_llama}) {
    const auto parameters = random_parameters(config);
    // By its name or by its first bytes.
    for (const std::string name : {"model.gguf", "model.bin"}) {
      write_file(folder / name, gguf_of(parameters, !config.attention_bias));
      const qat::llama::Checkpoint checkpoint(folder / name);
      CHECK(checkpoint.config() == config);
      REQUIRE(checkpoint.gguf_metadata() != nullptr);
      check_equal(checkpoint.parameters(), parameters);
    }
  }
  write_file(folder / "model.gguf", "GGU");
  CHECK_THROWS_AS(qat::llama::Checkpoint(folder / "model.gguf"), FormatError);
}

TEST_CASE("checkpoint: a folder gives back the parameters that were written") {
  const TemporaryFolder folder;
  const auto parameters = random_parameters(tiny_llama);
  write_file(folder / "config.json", tiny_qwen);
  write_file(folder / "model.safetensors", file_of(parameters, [](auto&, auto&) { return true; }));
  const auto loaded = qat::llama::load_parameters(folder.path());
  CHECK(loaded.config == tiny_llama);
  check_equal(loaded, parameters);
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
