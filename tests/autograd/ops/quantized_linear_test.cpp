#include <qat/autograd/ops/quantized_linear.hpp>
#include <qat/core/thread_executor.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <tests/support/tapes.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::not_quantized;

namespace {

using W4 = qat::Quantizer<qat::bits<4>, qat::per_channel>;
using W3 = qat::Quantizer<qat::bits<3>, qat::per_channel>;
using W4G = qat::Quantizer<qat::bits<4>, qat::per_group<8>, qat::fp16_scale>;
using A8 = qat::Quantizer<qat::bits<8>, qat::per_token>;
using Reference = qat::Quantizer<qat::bits<8>, qat::per_token, qat::llmqat_reference>;
using MaskedW = qat::Quantizer<qat::bits<4>, qat::per_channel, qat::fixed_mask<-1, 1>>;
using MaskedA = qat::Quantizer<qat::bits<8>, qat::per_token, qat::fixed_mask<-1, 1>>;

static_assert(qat::arithmetic_of<W4, A8> == qat::linear_arithmetic::codes);
static_assert(qat::arithmetic_of<W3, A8> == qat::linear_arithmetic::codes);
static_assert(qat::arithmetic_of<W4G, A8> == qat::linear_arithmetic::codes);
static_assert(qat::arithmetic_of<W4, not_quantized> == qat::linear_arithmetic::levels);
static_assert(qat::arithmetic_of<not_quantized, A8> == qat::linear_arithmetic::levels);
static_assert(qat::arithmetic_of<W4, Reference> == qat::linear_arithmetic::levels);
static_assert(qat::arithmetic_of<not_quantized, not_quantized> == qat::linear_arithmetic::floats);

constexpr std::size_t rows = 9, in = 37, out = 21;

/// Gradients begin at these numbers, for backward adds to what is there.
float begun(std::size_t i) {
  return uniform(55, i);
}

struct layer_run {
  qat::Tensor<float> y{{rows, out}};
  qat::Tensor<float> dx = uniform_tensor<float>(55, {rows, in});
  qat::Tensor<float> dw = uniform_tensor<float>(55, {out, in});
  qat::Tensor<float> db = uniform_tensor<float>(55, {out});
};

template <class W, class A>
layer_run run_layer(qat::Tensor<float>& x, qat::Tensor<float>& w,
                    qat::core::executor_reference executor = {}) {
  layer_run run;
  auto b = uniform_tensor<float>(9, {out});
  const qat::LinearWeights<W, A> weights(executor, w.view());
  run_planned<float>(
      qat::tape_mode::train,
      [&](qat::Tape<float>& tape) {
        const auto input = qat::quantize_input<W, A>(tape, tape.parameter(x.view(), run.dx.view()));
        const auto y =
            qat::quantized_linear<W, A>(tape, input, tape.parameter(w.view(), run.dw.view()),
                                        weights, {tape.parameter(b.view(), run.db.view())});
        if (tape.computes()) std::copy_n(y.value.data(), y.value.size(), run.y.data());
        tape.backward(weighted_sum(tape, y));
      },
      executor);
  return run;
}

/// The levels of a matrix, itself where it is not quantized.
template <class Q>
qat::Tensor<float> levels_of(const qat::Tensor<float>& x) {
  qat::Tensor<float> y = x;
  if constexpr (qat::is_quantized<Q>)
    qat::fake_quantize<Q>(x.view().matrix(), qat::calibrate<Q>(x.view().matrix()),
                          y.view().matrix());
  return y;
}

/// What the gradient of x becomes from `begin`: straight through, the chain add(sum) continues it; where a mask stands
/// between, the whole sum is added or dropped.
template <class Q, class Add>
float gradient_through(float x, float begin, Add&& add) {
  if constexpr (qat::detail::has_masked_gradient<Q>)
    return begin + (x > -1.0f && x < 1.0f ? add(0.0f) : 0.0f);
  else
    return add(begin);
}

/// The straight-through definition: the linear layer on levels, forward within its roundings, gradients to the bit.
template <class W, class A>
void check_definition() {
  auto x = uniform_tensor<float>(1, {rows, in}, 2.0f),
       w = uniform_tensor<float>(2, {out, in}, 1.5f);
  const layer_run run = run_layer<W, A>(x, w);
  const auto xl = levels_of<A>(x), wl = levels_of<W>(w);
  const auto dy = [](std::size_t n, std::size_t o) { return uniform(77, n * out + o); };
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t o = 0; o < out; ++o) {
      double exact = double(uniform(9, o)), size = std::abs(exact);
      for (std::size_t i = 0; i < in; ++i) {
        exact += double(xl.row(n)[i]) * double(wl.row(o)[i]);
        size += std::abs(double(xl.row(n)[i]) * double(wl.row(o)[i]));
      }
      // A chain has in + 1 roundings; codes have fewer, but their levels are products that were rounded here (2 each).
      CHECK(std::abs(double(run.y.row(n)[o]) - exact) <= (in + 4) * 0x1p-24 * size);
    }
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t i = 0; i < in; ++i) {
      const auto add = [&](float sum) {
        for (std::size_t o = 0; o < out; ++o) sum = qat::core::fma(dy(n, o), wl.row(o)[i], sum);
        return sum;
      };
      CHECK(run.dx.row(n)[i] == gradient_through<A>(x.row(n)[i], begun(n * in + i), add));
    }
  for (std::size_t o = 0; o < out; ++o)
    for (std::size_t i = 0; i < in; ++i) {
      const auto add = [&](float sum) {
        for (std::size_t n = 0; n < rows; ++n) sum = qat::core::fma(dy(n, o), xl.row(n)[i], sum);
        return sum;
      };
      CHECK(run.dw.row(o)[i] == gradient_through<W>(w.row(o)[i], begun(o * in + i), add));
    }
  for (std::size_t o = 0; o < out; ++o) {
    double sum = double(begun(o)), size = std::abs(sum);
    for (std::size_t n = 0; n < rows; ++n) {
      sum += double(dy(n, o));
      size += std::abs(double(dy(n, o)));
    }
    CHECK(std::abs(double(run.db.data()[o]) - sum) <= rows * 0x1p-24 * size);
  }
}

}  // namespace

TEST_CASE("quantized_linear: through_scale adds what the scales of weights and inputs pass on") {
  using W = qat::with_policy<W4, qat::through_scale>;
  using A4 = qat::Quantizer<qat::bits<4>, qat::per_token>;
  using A = qat::with_policy<A4, qat::through_scale>;
  auto x = uniform_tensor<float>(1, {rows, in}, 2.0f),
       w = uniform_tensor<float>(2, {out, in}, 1.5f);
  const layer_run straight = run_layer<W4, A4>(x, w), through = run_layer<W, A>(x, w);
  CHECK(std::equal(straight.y.data(), straight.y.data() + straight.y.size(), through.y.data()));
  const auto check = [&]<class Q>(const qat::Tensor<float>& values, const qat::Tensor<float>& from,
                                  const qat::Tensor<float>& have) {
    qat::Tensor<float> dy(values.shape()), added(values.shape());
    for (std::size_t i = 0; i < dy.size(); ++i) dy.data()[i] = from.data()[i] - begun(i);
    std::fill_n(added.data(), added.size(), 0.0f);
    qat::add_scale_gradient<Q>(values.view().matrix(), qat::calibrate<Q>(values.view().matrix()),
                               dy.view().matrix(), added.view().matrix());
    std::size_t reached = 0;
    for (std::size_t i = 0; i < dy.size(); ++i) {
      // Two chains of at most 21 roundings of numbers below 2^5: 42 * 2^-19; in the scale's part 37 of them, each times half
      // a level of seven: 2^-12 together.
      const float wanted = from.data()[i] + added.data()[i];
      CHECK(std::abs(have.data()[i] - wanted) <= 0x1p-12f);
      if (added.data()[i] != 0.0f) ++reached;
    }
    CHECK(reached == values.rows());
  };
  check.template operator()<W>(w, straight.dw, through.dw);
  check.template operator()<A>(x, straight.dx, through.dx);
}

TEST_CASE("quantized_linear: forward and gradients are the straight-through definition on levels") {
  SUBCASE("codes") {
    check_definition<W4, A8>();
  }
  SUBCASE("three bits in a container of four") {
    check_definition<W3, A8>();
  }
  SUBCASE("groups") {
    check_definition<W4G, A8>();
  }
  SUBCASE("weights only") {
    check_definition<W4, not_quantized>();
  }
  SUBCASE("inputs only") {
    check_definition<not_quantized, A8>();
  }
  SUBCASE("nothing") {
    check_definition<not_quantized, not_quantized>();
  }
  SUBCASE("the reference's arithmetic") {
    check_definition<W4, Reference>();
  }
  SUBCASE("masks") {
    check_definition<MaskedW, MaskedA>();
  }
}

TEST_CASE("quantized_linear: on codes the output is the exact sum scaled once") {
  auto x = uniform_tensor<float>(1, {rows, in}, 2.0f), w = uniform_tensor<float>(2, {out, in});
  const layer_run run = run_layer<W4, A8>(x, w);
  const auto px = qat::calibrate<A8>(x.view().matrix());
  const auto pw = qat::calibrate<W4>(w.view().matrix());
  qat::Tensor<std::int8_t> cx({rows, in}), cw({out, in});
  qat::quantize<A8>(x.view().matrix(), px, cx.view().matrix());
  qat::quantize<W4>(w.view().matrix(), pw, cw.view().matrix());
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t o = 0; o < out; ++o) {
      int sum = 0;
      for (std::size_t i = 0; i < in; ++i) sum += cx.row(n)[i] * cw.row(o)[i];
      const float product =
          qat::core::product(static_cast<float>(sum), px.scales[n] * pw.scales[o]);
      CHECK(run.y.row(n)[o] == product + uniform(9, o));
    }
}

TEST_CASE("quantized_linear: the same bits on any number of threads") {
  auto x = uniform_tensor<float>(1, {rows, in}, 2.0f), w = uniform_tensor<float>(2, {out, in});
  const layer_run one = run_layer<W4, A8>(x, w);
  qat::core::ThreadExecutor threads(3);
  const layer_run three = run_layer<W4, A8>(x, w, threads);
  CHECK(std::equal(one.y.data(), one.y.data() + one.y.size(), three.y.data()));
  CHECK(std::equal(one.dx.data(), one.dx.data() + one.dx.size(), three.dx.data()));
  CHECK(std::equal(one.dw.data(), one.dw.data() + one.dw.size(), three.dw.data()));
}

TEST_CASE("quantized_linear: weights prepared from another shape throw") {
  qat::Tensor<float> w({4, 3});
  const qat::LinearWeights<W4, A8> weights(qat::core::serial_executor{}, w.view());
  qat::Arena arena(4096);
  qat::Tape<float> tape(arena, qat::tape_mode::infer);
  const auto x = tape.make(qat::Shape{2, 5}, false);
  CHECK_THROWS_AS((qat::quantized_linear<W4, A8>(tape, {x, {}, {}, {}},
                                                 tape.make(qat::Shape{4, 5}, false), weights)),
                  qat::ContractViolation);
}
