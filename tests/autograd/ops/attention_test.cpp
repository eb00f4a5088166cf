#include <qat/autograd/ops/attention.hpp>
#include <qat/core/thread_executor.hpp>

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include <tests/support/tapes.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

const std::array<qat::document_rows, 2> documents{{{0, 5}, {5, 4}}};

struct attention_run {
  qat::Tensor<float> y, dq, dk, dv;
};

/// Forward and gradients of 4 query heads on 2 key heads of 6.
attention_run run_attention(std::size_t rows, std::span<const qat::document_rows> batch,
                            qat::core::executor_reference executor = {}) {
  attention_run run{qat::Tensor<float>({rows, 24}), qat::Tensor<float>({rows, 24}),
                    qat::Tensor<float>({rows, 12}), qat::Tensor<float>({rows, 12})};
  auto q = uniform_tensor<float>(1, {rows, 24}, 3.0f), k = uniform_tensor<float>(2, {rows, 12});
  auto v = uniform_tensor<float>(3, {rows, 12});
  run_planned<float>(
      qat::tape_mode::train,
      [&](qat::Tape<float>& tape) {
        const auto y = qat::attention(tape, tape.parameter(q.view(), run.dq.view()),
                                      tape.parameter(k.view(), run.dk.view()),
                                      tape.parameter(v.view(), run.dv.view()), 6, batch);
        if (tape.computes()) std::copy_n(y.value.data(), y.value.size(), run.y.data());
        tape.backward(weighted_sum(tape, y));
      },
      executor);
  return run;
}

[[maybe_unused]] constexpr std::array<qat::document_rows, 1> longer{
    {{0, qat::detail::attention_block + 5}}};
[[maybe_unused]] constexpr std::array<qat::document_rows, 1> few{{{0, 4}}};

bool same_bits(const qat::Tensor<float>& a, const qat::Tensor<float>& b, std::size_t rows) {
  return std::equal(a.data(), a.data() + rows * a.cols(), b.data());
}

}  // namespace

TEST_CASE("attention op: its gradients are those of the softmax over each document") {
  for (const std::size_t kv_heads : {1u, 2u})
    check_gradient_of(
        {uniform_tensor<double>(1, {9, 12}, 2.0), uniform_tensor<double>(2, {9, 6 * kv_heads}, 2.0),
         uniform_tensor<double>(3, {9, 6 * kv_heads})},
        [](auto& tape, const auto& v) {
          return weighted_sum(tape,
                              qat::attention(tape, v[0], v[1], v[2], 6, std::span(documents)));
        });
}

TEST_CASE(
    "attention op: its gradients over more positions than a block and heads wider than a panel") {
  static constexpr std::array<qat::document_rows, 1> longer{
      {{0, qat::detail::attention_block + 5}}};
  constexpr std::size_t rows = longer[0].count;
  check_gradient_of(
      {uniform_tensor<double>(1, {rows, 2}, 2.0), uniform_tensor<double>(2, {rows, 2}, 2.0),
       uniform_tensor<double>(3, {rows, 2})},
      [](auto& tape, const auto& v) {
        return weighted_sum(tape, qat::attention(tape, v[0], v[1], v[2], 2, std::span(longer)));
      });
  check_gradient_of({uniform_tensor<double>(1, {4, 34}, 2.0),
                     uniform_tensor<double>(2, {4, 34}, 2.0), uniform_tensor<double>(3, {4, 34})},
                    [](auto& tape, const auto& v) {
                      return weighted_sum(
                          tape, qat::attention(tape, v[0], v[1], v[2], 34, std::span(few)));
                    });
}

TEST_CASE(
    "attention op: a document has the same bits alone and in a batch and rows of none are zero") {
  const std::array<qat::document_rows, 1> alone{{{0, 40}}};
  const std::array<qat::document_rows, 2> batch{{{0, 40}, {43, 17}}};
  const auto a = run_attention(40, alone), b = run_attention(61, batch);
  CHECK(same_bits(a.y, b.y, 40));
  for (std::size_t c = 0; c < 24; ++c) {
    CHECK(b.y.row(41)[c] == 0.0f);
    CHECK(b.y.row(60)[c] == 0.0f);
    CHECK(b.y.row(43)[c] != 0.0f);
  }
}

TEST_CASE("attention op: values and gradients are the same on any number of threads") {
  const std::array<qat::document_rows, 2> batch{{{0, 33}, {33, 8}}};
  const auto expected = run_attention(41, batch);
  for (const unsigned count : {2u, 3u}) {
    qat::core::ThreadExecutor threads(count);
    const auto run = run_attention(41, batch, threads);
    CHECK(same_bits(run.y, expected.y, 41));
    CHECK(same_bits(run.dq, expected.dq, 41));
    CHECK(same_bits(run.dk, expected.dk, 41));
    CHECK(same_bits(run.dv, expected.dv, 41));
  }
}

TEST_CASE("attention op: heads that do not fit and documents beyond the batch throw") {
  qat::Arena arena(16384);
  qat::Tape<float> tape(arena, qat::tape_mode::infer);
  const auto x = tape.make(qat::Shape{4, 12}, false), k = tape.make(qat::Shape{4, 8}, false);
  const std::array<qat::document_rows, 1> beyond{{{2, 3}}};
  CHECK_THROWS_AS(qat::attention(tape, x, x, x, 5, {}), qat::ContractViolation);
  CHECK_THROWS_AS(qat::attention(tape, x, k, k, 4, {}), qat::ContractViolation);
  CHECK_THROWS_AS(qat::attention(tape, x, x, k, 4, {}), qat::ContractViolation);
  CHECK_THROWS_AS(qat::attention(tape, x, x, x, 6, std::span(beyond)), qat::ContractViolation);
}
