#include <qat/core/thread_executor.hpp>
#include <qat/eval/protocol.hpp>
#include <qat/eval/score.hpp>
#include <qat/io/tokenizer_json.hpp>
#include <qat/llama/checkpoint.hpp>
#include <qat/llama/scheme.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <tests/support/files.hpp>
#include <tests/support/inputs.hpp>

/// \file
/// Round-to-nearest of a real model with the released code's quantizers against the same in PyTorch.

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

template <int Bits, class Granularity>
using released =
    qat::Quantizer<qat::bits<Bits>, Granularity, qat::fp32_scale, qat::llmqat_reference>;

template <int Weight, int KeyValue>
using released_scheme = qat::scheme<released<Weight, qat::per_channel>, released<8, qat::per_token>,
                                    released<KeyValue, qat::per_token>, false>;

/// Rows 600 to 699 of the text, BOS first, cut at 512.
qat::eval::sequences rows_of(const std::string& text, const std::string& tokenizer_path) {
  const qat::io::MappedFile file(tokenizer_path);
  const auto tokenizer = qat::io::tokenizer_from_json(file.bytes(), tokenizer_path);
  std::ifstream lines(text);
  std::string line;
  std::vector<std::vector<std::int32_t>> rows;
  for (int i = 0; i < 700 && std::getline(lines, line); ++i)
    if (i >= 600)
      rows.push_back(
          tokenizer.encode(nlohmann::json::parse(line).at("text").get<std::string>(), true));
  return qat::eval::documents(rows, 512);
}

}  // namespace

TEST_CASE("round-to-nearest: tinystories656k loses what the released quantizers lose in PyTorch") {
  const std::string model = data_file("models/tinystories656k/model.safetensors").value_or("");
  const std::string words = data_file("models/tinystories656k/tokenizer.json").value_or("");
  const std::string text = data_file("text/tinystories_dev.jsonl").value_or("");
  if (model.empty() || words.empty() || text.empty()) return;
  if constexpr (runs_whole_models) {
    const qat::eval::sequences rows = rows_of(text, words);
    REQUIRE(rows.size() == 100);
    auto parameters = qat::llama::load_parameters(model.substr(0, model.rfind('/')));
    qat::core::ThreadExecutor threads(2);
    const qat::llama::Llama<qat::full_precision> original(parameters, threads);
    qat::eval::TeacherStates teacher(original);
    const auto check = [&]<class Scheme>(std::type_identity<Scheme>, double nll, double kl) {
      const qat::llama::Llama<Scheme> rounded(parameters, threads);
      const auto score = qat::eval::mean_of(
          qat::eval::score_sequences(rounded, &teacher, std::span(rows), threads));
      CHECK(score.predictions == 31409);
      // What roundings of 1e-6 move these by, several times over: they draw the noise of quantization anew.
      CHECK(std::abs(score.nll - nll) <= 0.002);
      CHECK(std::abs(score.kl - kl) <= 0.003);
    };
    check(std::type_identity<released_scheme<8, 4>>{}, 2.93204, 0.0501);
    check(std::type_identity<released_scheme<4, 4>>{}, 3.04367, 0.1682);
  }
}
