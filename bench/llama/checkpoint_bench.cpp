#include <qat/llama/checkpoint.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include <bench/support/alternate.hpp>
#include <tests/support/gguf_builder.hpp>

// Loading a GGUF file of 135 million parameters (SmolLM2-135M's shapes, Q4_1 and a Q8_0 embedding) that lies in the page
// cache, into fp32. Counters:
//   seconds   from the path to the parameters
//   x_fill    its time over that of writing as many fp32 numbers into new memory

namespace {

using namespace qat;

std::string gguf_file(const llama::llama_config& c) {
  testing::GgufBuilder file;
  file.add_text("general.architecture", "llama");
  const auto add = [&](const char* key, std::size_t value) {
    file.add_u32(std::string("llama.") + key, static_cast<std::uint32_t>(value));
  };
  add("embedding_length", c.hidden);
  add("feed_forward_length", c.intermediate);
  add("block_count", c.layers);
  add("attention.head_count", c.heads);
  add("attention.head_count_kv", c.kv_heads);
  add("context_length", c.context);
  file.add_f32("llama.attention.layer_norm_rms_epsilon", c.rms_epsilon);
  const auto matrix = [&](const std::string& name, std::size_t rows, std::size_t cols, bool q8) {
    std::string data(rows * cols / 32 * (q8 ? 34 : 20), '\0');
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 37 % 61);
    file.add_tensor(name, {cols, rows}, q8 ? 8 : 3, data);
  };
  const auto norm = [&](const std::string& name) {
    file.add_tensor(name, {c.hidden}, 0, std::string(4 * c.hidden, '\x3f'));
  };
  matrix("token_embd.weight", c.vocabulary, c.hidden, true);
  norm("output_norm.weight");
  for (std::size_t i = 0; i < c.layers; ++i) {
    const std::string layer = "blk." + std::to_string(i) + ".";
    norm(layer + "attn_norm.weight");
    norm(layer + "ffn_norm.weight");
    matrix(layer + "attn_q.weight", c.query_width(), c.hidden, false);
    matrix(layer + "attn_k.weight", c.kv_width(), c.hidden, false);
    matrix(layer + "attn_v.weight", c.kv_width(), c.hidden, false);
    matrix(layer + "attn_output.weight", c.hidden, c.query_width(), false);
    matrix(layer + "ffn_gate.weight", c.intermediate, c.hidden, false);
    matrix(layer + "ffn_up.weight", c.intermediate, c.hidden, false);
    matrix(layer + "ffn_down.weight", c.hidden, c.intermediate, false);
  }
  return file.bytes();
}

void BM_load_gguf(benchmark::State& state) {
  const testing::TemporaryFolder folder;
  const std::string path = folder / "model.gguf";
  const llama::llama_config config{.vocabulary = 49152,
                                   .hidden = 576,
                                   .intermediate = 1536,
                                   .layers = 30,
                                   .heads = 9,
                                   .kv_heads = 3,
                                   .head_size = 64,
                                   .context = 8192,
                                   .tied_head = true};
  testing::write_file(path, gguf_file(config));
  std::size_t parameters = 0;
  benchmarking::Alternation turns(
      {.slice_seconds = 1e-6},
      [&] {
        const auto loaded = llama::load_parameters(path);
        benchmark::DoNotOptimize(loaded.embedding.data()[0]);
        parameters = llama::parameter_count(loaded.config);
      },
      [&] {
        std::vector<float> filled(134515008, 1.0f);
        benchmark::DoNotOptimize(filled.data());
      });
  for ([[maybe_unused]] auto _ : state) state.SetIterationTime(turns.round());
  state.counters["seconds"] = turns.median(0);
  state.counters["x_fill"] = turns.ratio(0, 1);
  state.counters["parameters"] = static_cast<double>(parameters);
}

}  // namespace

BENCHMARK(BM_load_gguf)->UseManualTime()->Iterations(5)->Unit(benchmark::kMillisecond);
