#include <qat/core/thread_executor.hpp>
#include <qat/io/mapped_file.hpp>
#include <qat/io/tokenizer_json.hpp>
#include <qat/llama/scheme_name.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>
#include <tests/support/files.hpp>
#include <tests/support/inputs.hpp>
#include <tests/support/training.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

/// The first 128 tokens of 20 stories.
training_batch stories(const std::string& tokenizer_path, const std::string& text_path) {
  const qat::io::MappedFile file(tokenizer_path);
  const qat::io::Tokenizer tokenizer = qat::io::tokenizer_from_json(file.bytes(), tokenizer_path);
  std::ifstream rows(text_path);
  training_batch batch;
  std::string line;
  for (int i = 0; i < 20 && std::getline(rows, line); ++i) {
    auto tokens = tokenizer.encode(nlohmann::json::parse(line)["text"].get<std::string>(), true);
    tokens.resize(std::min<std::size_t>(tokens.size(), 129));
    batch.add(tokens);
  }
  return batch;
}

/// The smallest loss within some steps on the stories of a model of two layers.
template <class Scheme>
float memorise(const training_batch& batch, int steps, float enough) {
  const qat::llama::llama_config config{.vocabulary = 2048,
                                        .hidden = 128,
                                        .intermediate = 256,
                                        .layers = 2,
                                        .heads = 4,
                                        .kv_heads = 2,
                                        .head_size = 32,
                                        .context = 128,
                                        .tied_head = true};
  qat::core::ThreadExecutor threads(2);
  Trainee<Scheme> trainee(config, threads);
  qat::Arena plan;
  static_cast<void>(trainee.differentiate(plan, batch));
  qat::Arena arena(plan.high_water());
  float best = 1e30f;
  for (int i = 1; i <= steps && best >= enough; ++i) {
    const float rate =
        6e-3f * std::min(1.0f, static_cast<float>(i) / 10.0f) * (i <= 60 ? 1.0f : 0.5f);
    best = std::min(best, trainee.step(arena, batch, rate));
  }
  CHECK(arena.high_water() == plan.high_water());
  return best;
}

}  // namespace

TEST_CASE("training: a model of two layers memorises 20 stories") {
  const auto tokenizer = data_file("models/tinystories656k/tokenizer.json");
  const auto text = data_file("text/tinystories_dev.jsonl");
  if (!tokenizer || !text || !runs_whole_models) return;
  const training_batch batch = stories(*tokenizer, *text);
  REQUIRE(batch.documents.size() == 20);
  SUBCASE("in full precision") {
    CHECK(memorise<qat::full_precision>(batch, 80, 0.05f) < 0.05f);
  }
  SUBCASE("with quantized weights, activations, keys and values") {
    CHECK(memorise<qat::named_scheme<4, 0, 8, 4, false, false>>(batch, 80, 0.3f) < 0.3f);
  }
}
