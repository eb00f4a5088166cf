#include <qat/core/thread_executor.hpp>
#include <qat/eval/score.hpp>
#include <qat/llama/checkpoint.hpp>
#include <qat/llama/scheme_name.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <tests/support/files.hpp>
#include <tests/support/inputs.hpp>
#include <tests/support/llamas.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::llama::Llama;

namespace {

struct reference_rows {
  qat::eval::sequences sequences;
  std::vector<double> sums;
};

/// Rows "line, predictions, sum of negative log-likelihoods, token ids", tab-separated, behind a line of titles.
reference_rows read_reference(const std::string& path) {
  reference_rows rows;
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::size_t number = 0, predictions = 0;
    double sum = 0.0;
    fields >> number >> predictions >> sum;
    std::vector<std::int32_t> tokens;
    for (std::int32_t t = 0; fields >> t;) tokens.push_back(t);
    REQUIRE(tokens.size() == predictions + 1);
    rows.sequences.push_back(tokens);
    rows.sums.push_back(sum);
  }
  return rows;
}

void check_reference(const std::string& model, const std::string& reference, double mean) {
  const std::string model_path = data_file("models/" + model).value_or("");
  const std::string path = data_file("vectors/reference/" + reference).value_or("");
  if (model_path.empty() || path.empty()) return;
  const std::size_t rows = runs_whole_models ? 100 : 2;
  auto parameters = qat::llama::load_parameters(model_path);
  qat::core::ThreadExecutor threads(2);
  const Llama<qat::full_precision> llama(parameters, threads);
  const reference_rows expected = read_reference(path);
  REQUIRE(expected.sequences.size() == 100);
  const auto scores = qat::eval::score_sequences(
      llama, nullptr, std::span(expected.sequences).first(rows), threads);
  for (std::size_t i = 0; i < rows; ++i)
    // Two correct fp32 evaluations: the sums of these rows differ by some 1e-6 of a nat a prediction.
    CHECK(std::abs(scores[i].negative_log_likelihood - expected.sums[i]) <=
          5e-6 * static_cast<double>(scores[i].predictions));
  if (rows == 100) CHECK(std::abs(qat::eval::mean_of(scores).nll - mean) <= 5e-6);
}

}  // namespace

TEST_CASE("score: stories260K gives the likelihood that an independent implementation gives") {
  check_reference("stories260K/stories260K.bin", "stories260K_first100stories.nll.tsv", 1.394119);
}

TEST_CASE("score: tinystories656k gives the likelihood that an independent implementation gives") {
  check_reference("tinystories656k", "tinystories656k_first100stories.nll.tsv", 3.019997);
}

TEST_CASE("score: a sequence has the same score alone and among others and a model is itself") {
  auto parameters = random_parameters(tiny_llama);
  const Llama<qat::full_precision> original(parameters, {});
  qat::eval::TeacherStates teacher(original);
  const Llama<qat::named_scheme<4, 0, 8, 4, false, false>> student(parameters, {});
  qat::eval::sequences all;
  for (std::uint64_t i = 0; i < 30; ++i) all.push_back(random_tokens(i, 2 + 2 * i, 53));
  all.push_back({5});
  const auto together = qat::eval::score_sequences(student, &teacher, std::span(all));
  for (const std::size_t i : {0u, 17u, 29u, 30u}) {
    const auto alone = qat::eval::score_sequences(student, &teacher, std::span(all).subspan(i, 1));
    CHECK(alone[0].negative_log_likelihood == together[i].negative_log_likelihood);
    CHECK(alone[0].kl == together[i].kl);
    CHECK(alone[0].agreements == together[i].agreements);
  }
  // A teacher beside it changes nothing.
  const auto without = qat::eval::score_sequences(student, nullptr, std::span(all));
  for (std::size_t i = 0; i < all.size(); ++i)
    CHECK(without[i].negative_log_likelihood == together[i].negative_log_likelihood);
  CHECK(together[30].predictions == 0);
  const auto mean = qat::eval::mean_of(together);
  CHECK(mean.predictions == 30 + 29 * 30);
  CHECK(mean.kl > 1e-3);
  CHECK(mean.top1_agreement < 1.0);
  const auto same =
      qat::eval::mean_of(qat::eval::score_sequences(original, &teacher, std::span(all)));
  CHECK(same.top1_agreement == 1.0);
  CHECK(std::abs(same.kl) <=
        20 * 0x1p-24);  // log-sum-exp of logits below 5 twice, a sum of exact zeros
  CHECK(same.perplexity() == std::exp(same.nll));
}

TEST_CASE("score: stopping leaves by the exception") {
  auto parameters = random_parameters(tiny_llama);
  const Llama<qat::full_precision> model(parameters, {});
  const qat::eval::sequences all{{1, 2, 3}};
  CHECK_THROWS_AS(
      qat::eval::score_sequences(model, nullptr, std::span(all), {}, [](std::size_t) { throw 7; }),
      int);
}
