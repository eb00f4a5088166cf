#include <qat/autograd/gradient_check.hpp>
#include <qat/autograd/ops/attention.hpp>
#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/ops/embedding.hpp>
#include <qat/autograd/ops/linear.hpp>
#include <qat/autograd/ops/rms_norm.hpp>
#include <qat/autograd/ops/rope.hpp>
#include <qat/autograd/ops/token_loss.hpp>
#include <qat/llama/model.hpp>
#include <qat/tensor/workspace.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <tests/support/llamas.hpp>
#include <tests/support/training.hpp>

/// \file
/// The gradient of a whole LLaMA's distillation loss: its operations composed in double against differences, and the
/// model's own, in fp32, against those.

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::llama::llama_config;
using qat::llama::llama_parameters;

namespace {

const llama_config config{.vocabulary = 11,
                          .hidden = 8,
                          .intermediate = 10,
                          .layers = 2,
                          .heads = 4,
                          .kv_heads = 2,
                          .head_size = 4,
                          .context = 9,
                          .rms_epsilon = 1e-5f,
                          .tied_head = false,
                          .attention_bias = true};

/// Hidden states and head of the model of `v`, its parameters in the order of for_each_parameter.
template <class T>
std::pair<qat::Variable<T>, qat::head_weights<T>> compose(qat::Tape<T>& tape,
                                                          const std::vector<qat::Variable<T>>& v,
                                                          const training_batch& batch) {
  std::size_t next = 0;
  const auto take = [&]() -> const qat::Variable<T>& { return v[next++]; };
  static const qat::RopeTable<T> table(config.rope, config.head_size, config.context);
  const auto epsilon = static_cast<T>(config.rms_epsilon);
  const auto layer = [&](const qat::Variable<T>& x, const qat::Variable<T>& w,
                         const qat::optional_bias<T>& bias = {}) {
    return qat::linear(tape, x, w, qat::pack_weight(tape, w), bias);
  };
  const auto rotated = [&](const qat::Variable<T>& x) {
    return qat::rope(tape, x, std::span<const std::uint32_t>(batch.positions), table);
  };
  auto x = qat::embedding(tape, std::span<const std::int32_t>(batch.tokens), take());
  for (std::size_t i = 0; i < config.layers; ++i) {
    const auto normed = qat::rms_norm(tape, x, take(), epsilon);
    const auto &q = take(), &k = take(), &v_weight = take();
    const auto &q_bias = take(), &k_bias = take(), &v_bias = take();
    const auto query = layer(normed, q, {q_bias});
    const auto key = layer(normed, k, {k_bias});
    const auto value = layer(normed, v_weight, {v_bias});
    const auto heads = qat::attention(tape, rotated(query), rotated(key), value, config.head_size,
                                      std::span<const qat::document_rows>(batch.documents));
    const auto y = qat::add(tape, x, layer(heads, take()));
    const auto wide = qat::rms_norm(tape, y, take(), epsilon);
    const auto gate = layer(wide, take());
    const auto up = layer(wide, take());
    x = qat::add(tape, y, layer(qat::swiglu(tape, gate, up), take()));
  }
  const auto hidden = qat::rms_norm(tape, x, take(), epsilon);
  const auto& head = take();
  return {hidden, {head, qat::pack_weight(tape, head)}};
}

std::vector<qat::Tensor<double>> in_double(const llama_parameters<float>& parameters) {
  std::vector<qat::Tensor<double>> all;
  qat::llama::for_each_parameter(parameters, [&](const std::string&, const qat::Tensor<float>& t) {
    all.emplace_back(t.shape());
    std::copy_n(t.data(), t.size(), all.back().data());
  });
  return all;
}

}  // namespace

TEST_CASE("whole model: its gradient is that of its loss") {
  training_batch batch;
  batch.add(std::vector<std::int32_t>{1, 5, 10, 3, 3, 7, 0, 2, 9});
  batch.add(std::vector<std::int32_t>{4, 8, 6, 1});
  auto student = random_parameters(config), teacher = random_parameters(config, 200);
  auto teacher_numbers = in_double(teacher);
  const auto loss = [&](qat::Tape<double>& tape, const std::vector<qat::Variable<double>>& v) {
    std::vector<qat::Variable<double>> frozen;
    for (auto& t : teacher_numbers) frozen.push_back(tape.constant(t.view()));
    const auto wanted = compose(tape, frozen, batch);
    const auto have = compose(tape, v, batch);
    return qat::kl_divergence(tape, have.first, have.second, wanted.first, wanted.second);
  };
  check_gradient_of(in_double(student), loss);

  // The same in double once more, for its gradients.
  auto numbers = in_double(student);
  std::vector<qat::Tensor<double>> exact;
  for (const auto& t : numbers) exact.emplace_back(t.shape());
  double exact_loss = 0.0;
  run_planned<double>(qat::tape_mode::train, [&](qat::Tape<double>& tape) {
    std::vector<qat::Variable<double>> v;
    for (std::size_t i = 0; i < numbers.size(); ++i)
      v.push_back(tape.parameter(numbers[i].view(), exact[i].view()));
    const auto y = loss(tape, v);
    if (tape.computes()) exact_loss = *y.value.data();
    tape.backward(y);
  });

  const qat::llama::Llama<qat::full_precision> model(student, {}), original(teacher, {});
  const qat::llama::token_batch tokens{batch.tokens, batch.positions, batch.documents};
  for (const auto memory :
       {qat::llama::activation_memory::keep, qat::llama::activation_memory::recompute}) {
    llama_parameters<float> gradients(config);
    double value = 0.0;
    run_planned<float>(qat::tape_mode::train, [&](qat::Tape<float>& tape) {
      const auto wanted = original.forward(tape, tokens);
      const auto have = model.forward(tape, tokens, &gradients, memory);
      const auto y =
          qat::kl_divergence(tape, have, model.head(tape, &gradients), wanted, original.head(tape));
      if (tape.computes()) value = static_cast<double>(*y.value.data());
      tape.backward(y);
    });
    // A gradient passes through fewer than 2^6 operations, each a sum of at most 2^4 terms: 2^10 roundings of 2^-24,
    // relative to the largest gradient of its tensor. A term that is missing or doubled is 2^-4 and more.
    CHECK(std::abs(value - exact_loss) <= 0x1p-14 * exact_loss);
    std::size_t i = 0;
    qat::llama::for_each_parameter(gradients, [&](const std::string& name, qat::Tensor<float>& g) {
      double largest = 0.0, off = 0.0;
      for (std::size_t e = 0; e < g.size(); ++e) {
        largest = std::max(largest, std::abs(exact[i].data()[e]));
        off = std::max(off, std::abs(static_cast<double>(g.data()[e]) - exact[i].data()[e]));
      }
      INFO(name << ": " << off << " of " << largest);
      CHECK(largest > 0.0);
      CHECK(off <= 0x1p-14 * largest);
      ++i;
    });
    CHECK(i == exact.size());
  }
}
