#include <qat/autograd/ops/token_loss.hpp>
#include <qat/core/thread_executor.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <vector>

#include <tests/support/tapes.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

template <class T>
qat::head_weights<T> head_of(qat::Tape<T>& tape, const qat::Variable<T>& w) {
  return {w, qat::pack_weight(tape, w)};
}

/// The identity as head, so that x are the logits.
qat::Tensor<float> identity(std::size_t n) {
  qat::Tensor<float> t({n, n});
  for (std::size_t i = 0; i < n; ++i) t.row(i)[i] = 1.0f;
  return t;
}

}  // namespace

TEST_CASE("cross_entropy: its gradient is that of the mean over the rows that count") {
  std::vector<std::int32_t> targets(70);  // more than one chunk of rows
  for (std::size_t i = 0; i < targets.size(); ++i)
    targets[i] = i % 9 == 4 ? qat::ignored_target : static_cast<std::int32_t>(i % 11);
  check_gradient_of({uniform_tensor<double>(1, {70, 3}, 2.0), uniform_tensor<double>(2, {11, 3})},
                    [&](auto& tape, const auto& v) {
                      return qat::cross_entropy(tape, v[0], head_of(tape, v[1]),
                                                std::span<const std::int32_t>(targets));
                    });
}

TEST_CASE("kl_divergence: its gradient is that of the mean over rows") {
  auto teacher = uniform_tensor<double>(3, {67, 5}, 2.0),
       teacher_head = uniform_tensor<double>(4, {11, 5});
  check_gradient_of({uniform_tensor<double>(1, {67, 3}, 2.0), uniform_tensor<double>(2, {11, 3})},
                    [&](auto& tape, const auto& v) {
                      const auto fixed = tape.constant(teacher_head.view());
                      return qat::kl_divergence(tape, v[0], head_of(tape, v[1]),
                                                tape.constant(teacher.view()),
                                                head_of(tape, fixed));
                    });
}

TEST_CASE("kl_divergence: the value and gradient worked out by hand") {
  // z_T = [1, 0, -1], z_S = [.5, .5, -.5]: KL .1196298, gradient [-.242922, .177590, .065332], six digits each.
  qat::Tensor<float> student({1, 3}), teacher({1, 3}), gradient({1, 3}), head = identity(3);
  std::copy_n(std::array{0.5f, 0.5f, -0.5f}.begin(), 3, student.data());
  std::copy_n(std::array{1.0f, 0.0f, -1.0f}.begin(), 3, teacher.data());
  run_planned<float>(qat::tape_mode::train, [&](qat::Tape<float>& tape) {
    const auto weights = head_of(tape, tape.constant(head.view()));
    const auto loss = qat::kl_divergence(tape, tape.parameter(student.view(), gradient.view()),
                                         weights, tape.constant(teacher.view()), weights);
    if (tape.computes()) CHECK(std::abs(*loss.value.data() - 0.1196298f) <= 0.5e-6f);
    tape.backward(loss);
  });
  const std::array expected{-0.242922f, 0.177590f, 0.065332f};
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(gradient.data()[i] - expected[i]) <= 1e-6f);
}

TEST_CASE("cross_entropy: one term a row and zero where ignored") {
  qat::Tensor<float> x({3, 4}), head = identity(4);
  x.row(0)[2] = std::log(5.0f);  // probability 5/8
  x.row(1)[0] = 100.0f;
  const std::array<std::int32_t, 3> targets{2, 1, qat::ignored_target};
  std::array<float, 3> losses{};
  run_planned<float>(qat::tape_mode::infer, [&](qat::Tape<float>& tape) {
    const auto loss =
        qat::cross_entropy(tape, tape.constant(x.view()), head_of(tape, tape.constant(head.view())),
                           std::span(targets), std::span(losses));
    if (tape.computes()) CHECK(*loss.value.data() == (losses[0] + losses[1]) / 2.0f);
  });
  CHECK(losses[0] == doctest::Approx(std::log(8.0 / 5.0)).epsilon(1e-6));
  CHECK(losses[1] == 100.0f);
  CHECK(losses[2] == 0.0f);
}

TEST_CASE("losses: the terms of a row do not depend on other rows or threads") {
  auto x = uniform_tensor<float>(1, {130, 20}, 3.0f), head = uniform_tensor<float>(2, {75, 20});
  auto teacher = uniform_tensor<float>(3, {130, 20}, 3.0f);
  std::vector<std::int32_t> targets(130, 7);
  const auto terms = [&](std::size_t first, std::size_t count, unsigned threads) {
    qat::core::ThreadExecutor executor(threads);
    std::vector<float> both(2 * count);
    run_planned<float>(
        qat::tape_mode::infer,
        [&](qat::Tape<float>& tape) {
          const auto weights = head_of(tape, tape.constant(head.view()));
          const auto rows = tape.constant(x.view().rows_from(first, count));
          const auto wanted = std::span<const std::int32_t>(targets).first(count);
          static_cast<void>(
              qat::cross_entropy(tape, rows, weights, wanted, std::span(both).first(count)));
          static_cast<void>(qat::kl_divergence(
              tape, rows, weights, tape.constant(teacher.view().rows_from(first, count)), weights,
              std::span(both).last(count)));
        },
        executor);
    return both;
  };
  const auto all = terms(0, 130, 1);
  CHECK(terms(0, 130, 3) == all);
  const auto some = terms(66, 3, 1);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(some[i] == all[66 + i]);
    CHECK(some[3 + i] == all[130 + 66 + i]);
  }
}

TEST_CASE("losses: targets outside the vocabulary and other shapes throw") {
  qat::Arena arena(65536);
  qat::Tape<float> tape(arena, qat::tape_mode::infer);
  const auto x = tape.make(qat::Shape{2, 3}, false), w = tape.make(qat::Shape{4, 3}, false);
  const auto head = head_of(tape, w);
  const std::array<std::int32_t, 2> bad{0, 4};
  CHECK_THROWS_WITH_AS(qat::cross_entropy(tape, x, head, std::span(bad)),
                       doctest::Contains("target 4 of 4"), qat::ContractViolation);
  CHECK_THROWS_AS(qat::cross_entropy(tape, x, head, std::span(bad).first(1)),
                  qat::ContractViolation);
  CHECK_THROWS_AS(qat::kl_divergence(tape, x, head, tape.make(qat::Shape{3, 3}, false), head),
                  qat::ContractViolation);
}
