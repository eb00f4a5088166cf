#include <qat/core/thread_executor.hpp>
#include <qat/distill/snapshot.hpp>
#include <qat/distill/trainer.hpp>
#include <qat/llama/scheme_name.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <memory>

#include <tests/support/files.hpp>
#include <tests/support/llamas.hpp>

using namespace qat::distill;
using W4A8KV4 = qat::named_scheme<4, 0, 8, 4, true, false>;

namespace {

sequences some_text() {
  sequences all;
  for (std::uint64_t i = 0; i < 8; ++i) all.push_back(qat::testing::random_tokens(i, 9 + i, 29));
  return all;
}

/// A teacher and a student that begins as it.
struct Lesson {
  explicit Lesson(qat::core::executor_reference e = {})
      : executor(e),
        numbers(qat::testing::random_parameters(qat::testing::trained_llama)),
        teacher(numbers, e),
        state(numbers) {}

  std::vector<step_report> take(const trainer_options& options, std::uint64_t until) {
    Trainer<W4A8KV4> trainer(options, teacher, text, state, executor);
    std::vector<step_report> reports;
    while (state.step < until) reports.push_back(trainer.step());
    return reports;
  }
  [[nodiscard]] std::vector<float> weights() const {
    std::vector<float> all;
    qat::llama::for_each_parameter(state.parameters,
                                   [&](const std::string&, const qat::Tensor<float>& t) {
                                     all.insert(all.end(), t.data(), t.data() + t.size());
                                   });
    return all;
  }

  qat::core::executor_reference executor;
  qat::llama::llama_parameters<float> numbers;
  qat::llama::Llama<qat::full_precision> teacher;
  training_state state;
  sequences text = some_text();
};

const trainer_options plain{.rate = {.peak = 2e-3f, .steps = 12}, .batch = 2, .seed = 3};

}  // namespace

TEST_CASE("Trainer: the divergence from the teacher goes down") {
  Lesson lesson;
  trainer_options options = plain;
  options.rate.steps = 40;
  options.batch = 8;
  const auto reports = lesson.take(options, 40);
  CHECK(reports.front().loss > 0.0);
  CHECK(reports.back().loss < 0.6 * reports.front().loss);
  CHECK(reports[0].tokens == 100);
  CHECK(reports[0].rate == 2e-3f);
}

TEST_CASE(
    "Trainer: a run that goes on from a snapshot ends in the bits of one that was not stopped") {
  Lesson whole, stopped;
  whole.take(plain, 6);
  stopped.take(plain, 2);
  const qat::testing::TemporaryFolder folder;
  save_snapshot(folder / "s", stopped.state, {});
  Lesson resumed;
  resumed.state = load_snapshot(folder / "s", qat::testing::trained_llama);
  resumed.take(plain, 6);
  CHECK(resumed.weights() == whole.weights());
}

TEST_CASE("Trainer: threads and recomputation change no bit") {
  Lesson one;
  one.take(plain, 3);
  qat::core::ThreadExecutor threads(3);
  Lesson three(threads);
  three.take(plain, 3);
  CHECK(three.weights() == one.weights());
  trainer_options options = plain;
  options.recompute = true;
  Lesson again;
  again.take(options, 3);
  CHECK(again.weights() == one.weights());
}

TEST_CASE("Trainer: parts of a step are weighted by their tokens") {
  trainer_options options = plain;
  options.accumulation = 4;
  options.batch = 1;
  Lesson parts;
  const auto in_parts = parts.take(options, 1);
  Lesson whole;
  options.accumulation = 1;
  options.batch = 4;
  const auto at_once = whole.take(options, 1);
  CHECK(in_parts[0].tokens == at_once[0].tokens);
  // The same mean in another order: fp32 sums over some 50 rows.
  CHECK(in_parts[0].loss == doctest::Approx(at_once[0].loss).epsilon(1e-5));
  CHECK(in_parts[0].gradient_norm == doctest::Approx(at_once[0].gradient_norm).epsilon(1e-4));
}

TEST_CASE("Trainer: labels, a mixture, and what is not trained stays") {
  for (const loss_kind kind : {loss_kind::labels, loss_kind::both}) {
    trainer_options options = plain;
    options.loss = kind;
    options.trained = {.embedding = false};
    Lesson lesson;
    const auto reports = lesson.take(options, 2);
    CHECK(std::isfinite(reports[1].loss));
    for (std::size_t i = 0; i < lesson.numbers.embedding.size(); ++i)
      CHECK(lesson.state.parameters.embedding.data()[i] == lesson.numbers.embedding.data()[i]);
  }
}

TEST_CASE("Trainer: a number that is not finite stops before the step is taken") {
  Lesson lesson;
  lesson.state.parameters.layers[1].gate.data()[3] = NAN;
  const auto before = lesson.state.step;
  CHECK_THROWS_WITH_AS(lesson.take(plain, 1), "step 1: the loss is not finite", Divergence);
  CHECK(lesson.state.step == before);
}

TEST_CASE("Trainer: refuses another vocabulary, no text, and parts that make no tree") {
  Lesson lesson;
  trainer_options options = plain;
  options.accumulation = 3;
  CHECK_THROWS_AS(lesson.take(options, 1), qat::ContractViolation);
  lesson.text.clear();
  CHECK_THROWS_AS(lesson.take(plain, 1), qat::ContractViolation);
}
