#include <qat/eval/score.hpp>
#include <qat/eval/teacher_states.hpp>
#include <qat/llama/scheme_name.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <span>
#include <vector>

#include <tests/support/llamas.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::llama::Llama;

TEST_CASE("TeacherStates: remembered states are those of a new pass") {
  auto parameters = random_parameters(tiny_llama);
  Llama<qat::full_precision> original(parameters, {});
  const Llama<qat::named_scheme<4, 0, 8, 4, false, false>> student(parameters, {});
  qat::eval::sequences all;
  for (std::uint64_t i = 0; i < 40; ++i) all.push_back(random_tokens(i, 2 + 2 * i, 53));
  const auto sums = [&](qat::eval::TeacherStates& teacher,
                        std::span<const std::vector<std::int32_t>> some) {
    return qat::eval::mean_of(qat::eval::score_sequences(student, &teacher, some)).kl;
  };
  qat::eval::TeacherStates forgets(original, 0), remembers(original),
      remembers_some(original, 1100 * tiny_llama.hidden * sizeof(float));
  const double kl = sums(forgets, all);
  for (qat::eval::TeacherStates* teacher :
       {&remembers, &remembers_some, &remembers_some, &remembers})
    CHECK(sums(*teacher, all) == kl);
  // The same tokens as one sequence and as two are not the same text.
  const qat::eval::sequences one{{1, 2, 3, 4, 5}}, two{{1, 2, 3}, {3, 4, 5}};
  CHECK(sums(remembers, one) == sums(forgets, one));
  CHECK(sums(remembers, two) == sums(forgets, two));
  // Remembered indeed: one that changed is not asked again.
  const double before = sums(remembers, one);
  parameters.layers[0].q.data()[0] += 1.0f;
  original.prepare({});
  CHECK(sums(remembers, one) == before);
  CHECK(sums(forgets, one) != before);
}
