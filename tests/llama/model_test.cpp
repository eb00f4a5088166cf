#include <qat/core/thread_executor.hpp>
#include <qat/llama/model.hpp>
#include <qat/llama/scheme_name.hpp>

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include <tests/support/llamas.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::document_rows;
using qat::llama::KvCache;
using qat::llama::Llama;

namespace {

using W4A8KV4 = qat::named_scheme<4, 0, 8, 4, false, false>;
using Table8 = qat::Quantizer<qat::bits<8>, qat::per_channel>;
/// Groups, weights alone, affine K and V a head, K behind the rotation.
using W4GA16KV4HZAfterRope =
    qat::with_keys<qat::named_scheme<4, 16, 16, 4, true, true>, qat::key_position::after_rope>;
/// Levels of head and embedding; the last block and all down_proj in fp32.
struct exempt_some {
  static constexpr bool exempts(std::size_t layer, std::size_t layers, qat::linear_role role) {
    return layer + 1 == layers || role == qat::linear_role::down;
  }
};
using Tables =
    qat::with_exempt<qat::with_embedding<qat::with_head<W4A8KV4, Table8>, Table8>, exempt_some>;

/// f.template operator()<Scheme>() for schemes that together take every way through the model.
template <class F>
void for_each_scheme(F&& f) {
  const auto one = [&]<class Scheme>() {
    INFO("scheme " << qat::to_string(qat::describe<Scheme>()));
    f.template operator()<Scheme>();
  };
  one.template operator()<qat::full_precision>();
  one.template operator()<W4A8KV4>();
  one.template operator()<W4GA16KV4HZAfterRope>();
  one.template operator()<Tables>();
}

}  // namespace

TEST_CASE("Llama: a document has the same bits alone and in a batch and on any number of threads") {
  auto parameters = random_parameters(tiny_llama);
  const auto tokens = random_tokens(1, 60, tiny_llama.vocabulary);
  const std::array<document_rows, 3> batch{{{0, 23}, {23, 1}, {24, 36}}};
  for_each_scheme([&]<class Scheme>() {
    const Llama<Scheme> model(parameters, {});
    const auto together = hidden_states(model, tokens, batch);
    for (const document_rows& d : batch) {
      const std::array<document_rows, 1> whole{{{0, d.count}}};
      const auto alone = hidden_states(model, std::span(tokens).subspan(d.first, d.count), whole);
      CHECK(std::equal(alone.begin(), alone.end(),
                       together.begin() + static_cast<std::ptrdiff_t>(d.first * 36)));
    }
    for (const unsigned count : {2u, 3u, 8u}) {
      qat::core::ThreadExecutor threads(count);
      const Llama<Scheme> prepared(parameters, threads);
      CHECK(hidden_states(prepared, tokens, batch, threads) == together);
    }
  });
}

TEST_CASE("Llama: training and prefill and decoding give the same bits for the same prefix") {
  auto parameters = random_parameters(tiny_llama);
  const auto tokens = random_tokens(1, 70, tiny_llama.vocabulary);
  const std::array<document_rows, 1> whole{{{0, 70}}};
  for_each_scheme([&]<class Scheme>() {
    const Llama<Scheme> model(parameters, {});
    const auto inferred = hidden_states(model, tokens, whole);
    CHECK(hidden_states(model, tokens, whole, {}, qat::tape_mode::train) == inferred);
    KvCache<Scheme> prefill(tiny_llama), stepwise(tiny_llama);
    CHECK(cached_states(model, prefill, tokens, sizes{70}) == inferred);
    CHECK(cached_states(model, stepwise, tokens, sizes{1, 1, 30, 1, 37}) == inferred);
    CHECK(stepwise.size() == 70);
    CHECK(stepwise.bytes() == prefill.bytes());
  });
}

TEST_CASE("Llama: sequences of unequal length decode side by side as they do alone") {
  auto parameters = random_parameters(tiny_llama);
  const Llama<W4A8KV4> model(parameters, {});
  const auto tokens = random_tokens(1, 40, tiny_llama.vocabulary);
  KvCache<W4A8KV4> a(tiny_llama), b(tiny_llama), alone(tiny_llama);
  static_cast<void>(cached_states(model, a, tokens, sizes{5}));
  static_cast<void>(cached_states(model, b, std::span(tokens).subspan(20), sizes{11}));
  const std::array<qat::llama::cached_rows<W4A8KV4>, 2> rows{{{&a, 1}, {&b, 3}}};
  const std::vector<std::int32_t> next{tokens[5], tokens[31], tokens[32], tokens[33]};
  std::vector<float> both;
  run_planned<float>(qat::tape_mode::infer, [&](qat::Tape<float>& tape) {
    const auto x = model.forward(tape, std::span(next), std::span(rows));
    if (tape.computes()) both.assign(x.value.data(), x.value.data() + x.value.size());
  });
  const auto expected = cached_states(model, alone, std::span(tokens).subspan(20), sizes{11, 3});
  CHECK(std::equal(both.begin() + 36, both.end(), expected.begin() + 11 * 36));
  CHECK(a.size() == 6);
  CHECK(b.size() == 14);
}

TEST_CASE("Llama: gradients reach every parameter and vanish where nothing depends on it") {
  auto parameters = random_parameters(tiny_llama);
  qat::llama::llama_parameters<float> gradients(tiny_llama);
  const auto tokens = random_tokens(1, 12, tiny_llama.vocabulary);
  const auto targets = random_tokens(2, 12, tiny_llama.vocabulary);
  const std::array<document_rows, 1> whole{{{0, 12}}};
  const auto positions = positions_of(whole, 12);
  for_each_scheme([&]<class Scheme>() {
    const Llama<Scheme> model(parameters, {});
    qat::llama::for_each_parameter(gradients, [](const std::string&, qat::Tensor<float>& g) {
      std::fill_n(g.data(), g.size(), 0.0f);
    });
    run_planned<float>(qat::tape_mode::train, [&](qat::Tape<float>& tape) {
      const auto hidden = model.forward(tape, {tokens, positions, whole}, &gradients);
      tape.backward(qat::cross_entropy(tape, hidden, model.head(tape, &gradients),
                                       std::span<const std::int32_t>(targets)));
    });
    qat::llama::for_each_parameter(
        gradients, [&](const std::string& name, const qat::Tensor<float>& g) {
          INFO(name);
          CHECK(std::any_of(g.data(), g.data() + g.size(), [](float x) { return x != 0.0f; }));
          CHECK(std::none_of(g.data(), g.data() + g.size(), is_nan));
        });
    for (std::int32_t t = 0; t < 53; ++t)
      if (std::find(tokens.begin(), tokens.end(), t) == tokens.end())
        CHECK(gradients.embedding.row(static_cast<std::size_t>(t))[0] == 0.0f);
  });
}

TEST_CASE(
    "Llama: gradients through the scales of K and V are those of a scheme that has the policy") {
  using qat::llama::activation_memory;
  using qat::llama::kv_gradient;
  using Through = qat::scheme<W4A8KV4::weight, W4A8KV4::activation,
                              qat::with_policy<W4A8KV4::key_value, qat::through_scale>>;
  using Masked = qat::scheme<W4A8KV4::weight, W4A8KV4::activation,
                             qat::with_policy<W4A8KV4::key_value, qat::fixed_mask<-2, 2>>>;
  auto parameters = random_parameters(tiny_llama);
  const auto tokens = random_tokens(1, 20, tiny_llama.vocabulary);
  const std::array<document_rows, 1> whole{{{0, 20}}};
  const auto positions = positions_of(whole, tokens.size());
  const auto gradient_of = [&]<class Scheme>(activation_memory memory, kv_gradient kind) {
    const Llama<Scheme> model(parameters, {});
    qat::llama::llama_parameters<float> gradients(tiny_llama);
    run_planned<float>(qat::tape_mode::train, [&](qat::Tape<float>& tape) {
      tape.backward(weighted_sum(
          tape, model.forward(tape, {tokens, positions, whole}, &gradients, memory, kind)));
    });
    std::vector<float> all;
    qat::llama::for_each_parameter(gradients, [&](const std::string&, const qat::Tensor<float>& t) {
      all.insert(all.end(), t.data(), t.data() + t.size());
    });
    return all;
  };
  const auto wanted =
      gradient_of.template operator()<Through>(activation_memory::keep, kv_gradient::as_scheme);
  const auto keep =
      gradient_of.template operator()<W4A8KV4>(activation_memory::keep, kv_gradient::through_scale);
  const auto recompute = gradient_of.template operator()<W4A8KV4>(activation_memory::recompute,
                                                                  kv_gradient::through_scale);
  CHECK(keep == wanted);
  CHECK(recompute == wanted);
  CHECK(wanted !=
        gradient_of.template operator()<W4A8KV4>(activation_memory::keep, kv_gradient::as_scheme));
  CHECK_THROWS_AS(
      gradient_of.template operator()<Masked>(activation_memory::keep, kv_gradient::through_scale),
      qat::ContractViolation);
}

TEST_CASE("Llama: the context and the vocabulary are limits with numbers") {
  auto parameters = random_parameters(tiny_llama);
  const Llama<qat::full_precision> model(parameters, {});
  KvCache<qat::full_precision> cache(tiny_llama);
  const auto tokens = random_tokens(1, 81, tiny_llama.vocabulary);
  CHECK_THROWS_WITH_AS(static_cast<void>(cached_states(model, cache, tokens, sizes{81})),
                       doctest::Contains("0 + 81 tokens in a context of 80"),
                       qat::ContractViolation);
  const std::array<document_rows, 1> whole{{{0, 1}}};
  const std::vector<std::int32_t> unknown{53};
  CHECK_THROWS_WITH_AS(static_cast<void>(hidden_states(model, std::span(unknown), whole)),
                       doctest::Contains("token 53 of 53"), qat::ContractViolation);
}

TEST_CASE("Llama: head and embedding on levels are the model whose tables hold these levels") {
  auto parameters = random_parameters(tiny_llama);
  auto levels = parameters;
  for (qat::Tensor<float>* const t : {&levels.embedding, &levels.head}) {
    const auto view = qat::TensorView<const float>(t->view()).matrix();
    qat::fake_quantize<Table8>(view, qat::calibrate<Table8>(view), t->view().matrix());
  }
  using Student = qat::with_embedding<qat::with_head<W4A8KV4, Table8>, Table8>;
  const Llama<Student> student(parameters, {});
  const Llama<W4A8KV4> expected(levels, {});
  const auto tokens = random_tokens(1, 20, tiny_llama.vocabulary);
  const auto targets = random_tokens(2, 20, tiny_llama.vocabulary);
  const std::array<document_rows, 1> whole{{{0, 20}}};
  const auto positions = positions_of(whole, 20);
  // Losses and, straight through, gradients too.
  const auto run = [&](const auto& model, qat::llama::llama_parameters<float>& gradients) {
    float loss = 0.0f;
    run_planned<float>(qat::tape_mode::train, [&](qat::Tape<float>& tape) {
      const auto hidden = model.forward(tape, {tokens, positions, whole}, &gradients);
      const auto y = qat::cross_entropy(tape, hidden, model.head(tape, &gradients),
                                        std::span<const std::int32_t>(targets));
      if (tape.computes()) loss = *y.value.data();
      tape.backward(y);
    });
    return loss;
  };
  qat::llama::llama_parameters<float> of_student(tiny_llama), of_expected(tiny_llama);
  CHECK(run(student, of_student) == run(expected, of_expected));
  qat::llama::for_each_parameter(
      of_student,
      [&](const std::string& name, const qat::Tensor<float>& a, const qat::Tensor<float>& b) {
        INFO(name);
        CHECK(std::equal(a.data(), a.data() + a.size(), b.data()));
      },
      of_expected);
  // After a change of the parameters the levels follow.
  parameters.embedding.row(static_cast<std::size_t>(tokens[0]))[0] += 1.0f;
  Llama<Student> changed(parameters, {});
  CHECK(hidden_states(changed, tokens, whole) != hidden_states(expected, tokens, whole));
}

TEST_CASE("Llama: exempted layers compute in fp32") {
  auto parameters = random_parameters(tiny_llama);
  struct all {
    static constexpr bool exempts(std::size_t, std::size_t, qat::linear_role) { return true; }
  };
  using W4A8 = qat::named_scheme<4, 0, 8, 16, false, false>;
  const auto tokens = random_tokens(1, 20, tiny_llama.vocabulary);
  const std::array<document_rows, 1> whole{{{0, 20}}};
  const auto states = [&]<class Scheme>() {
    return hidden_states(Llama<Scheme>(parameters, {}), tokens, whole);
  };
  const auto teacher = states.template operator()<qat::full_precision>();
  CHECK(states.template operator()<qat::with_exempt<W4A8, all>>() == teacher);
  CHECK(states.template operator()<qat::with_exempt<W4A8, qat::exempt_first_and_last>>() ==
        teacher);  // there are two
  const auto quantized = states.template operator()<W4A8>();
  CHECK(quantized != teacher);
  const auto partly =
      states.template operator()<qat::with_exempt<W4A8, qat::exempt_role<qat::linear_role::o>>>();
  CHECK(partly != teacher);
  CHECK(partly != quantized);
}
