#include <qat/autograd.hpp>
#include <qat/kernels/float_panels.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tests/support/golden.hpp>
#include <tests/support/tapes.hpp>

/// \file
/// Single layers, forward and backward, against torch: tests/golden/make_layers.py. The golden numbers are exact and come with
/// the sizes of their sums, so that a bound is a count of our roundings times e = 2^-24 times the size.

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

constexpr double e = 0x1p-24;

struct golden_tensor {
  std::vector<float> values, sizes;
};

/// The tensors of a case by name.
std::map<std::string, golden_tensor> golden_case(const std::string& name) {
  std::map<std::string, golden_tensor> tensors;
  for (const golden_line& line : golden_lines("layers.txt"))
    if (line[0] == name) tensors[line[1]] = {floats_of(line[2]), floats_of(line[3])};
  REQUIRE(!tensors.empty());
  return tensors;
}

std::uint32_t mixed_bits(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

/// The inputs of make_layers.py: multiples of 2^-10 in [-2, 2), times a factor.
qat::Tensor<float> drawn(std::uint32_t index, const qat::Shape& shape, float factor = 1.0f) {
  qat::Tensor<float> t(shape);
  for (std::size_t i = 0; i < t.size(); ++i) {
    const auto bits = mixed_bits((index << 20) + static_cast<std::uint32_t>(i)) >> 20;
    t.data()[i] = static_cast<float>(static_cast<int>(bits) - 2048) * 0x1p-10f * factor;
  }
  return t;
}

void check_near(const qat::Tensor<float>& found, const golden_tensor& golden, double roundings) {
  REQUIRE(found.size() == golden.values.size());
  REQUIRE(golden.sizes.size() == found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    // One more: the golden number was rounded too.
    CHECK(std::abs(double(found.data()[i]) - double(golden.values[i])) <=
          (roundings + 1) * e * double(golden.sizes[i]));
  }
}

/// A loss whose gradient with respect to y is dy.
qat::Variable<float> seeded(qat::Tape<float>& tape, const qat::Variable<float>& y,
                            const qat::Tensor<float>& dy) {
  const qat::Variable<float> loss = tape.make({}, true);
  tape.record(loss, [y, &dy](qat::Tape<float>& t) {
    if (!t.computes()) return;
    for (std::size_t i = 0; i < dy.size(); ++i) y.gradient.data()[i] += dy.data()[i];
  });
  return loss;
}

/// An input with its gradient.
struct leaf {
  qat::Tensor<float> value, gradient;
  explicit leaf(qat::Tensor<float> v) : value(std::move(v)), gradient(value.shape()) {}
  qat::Variable<float> on(qat::Tape<float>& tape) {
    return tape.parameter(value.view(), gradient.view());
  }
};

/// Runs y = f(tape) with dy; the values of y.
template <class F>
qat::Tensor<float> run_layer(const qat::Tensor<float>& dy, F&& f) {
  qat::Tensor<float> values(dy.shape());
  run_planned<float>(qat::tape_mode::train, [&](qat::Tape<float>& tape) {
    const qat::Variable<float> y = f(tape);
    if (tape.computes()) std::copy_n(y.value.data(), values.size(), values.data());
    tape.backward(seeded(tape, y, dy));
  });
  return values;
}

template <class Q>
void check_codes(const qat::Tensor<float>& x, const golden_tensor& golden) {
  qat::Tensor<std::int8_t> codes(x.shape());
  qat::quantize<Q>(x.view().matrix(), qat::calibrate<Q>(x.view().matrix()), codes.view().matrix());
  for (std::size_t i = 0; i < codes.size(); ++i)
    CHECK(static_cast<float>(codes.data()[i]) == golden.values[i]);
}

template <class W, class A>
void check_linear(const std::string& name) {
  const auto golden = golden_case(name);
  leaf x(drawn(1, {7, 37})), w(drawn(2, {11, 37}));
  const qat::Tensor<float> dy = drawn(3, {7, 11});
  check_codes<A>(x.value, golden.at("x_codes"));
  check_codes<W>(w.value, golden.at("w_codes"));
  const qat::LinearWeights<W, A> weights(qat::core::serial_executor{},
                                         std::as_const(w.value).view());
  const auto y = run_layer(dy, [&](qat::Tape<float>& tape) {
    const auto input = qat::quantize_input<W, A>(tape, x.on(tape));
    return qat::quantized_linear<W, A>(tape, input, w.on(tape), weights);
  });
  const bool grouped = W::granularity::group_size(0) != 0;
  // Exact sums, scaled: three groups give three roundings more. Gradients: a level, and a chain over 11 or 7 terms.
  check_near(y, golden.at("y"), grouped ? 6 : 3);
  check_near(x.gradient, golden.at("dx"), 1 + 11);
  check_near(w.gradient, golden.at("dw"), 1 + 7);
}

template <int Bits>
using Weight = qat::Quantizer<qat::bits<Bits>, qat::per_channel>;
template <int Bits>
using Activation = qat::Quantizer<qat::bits<Bits>, qat::per_token>;
template <int Bits>
using Cache = qat::Quantizer<qat::bits<Bits>, qat::per_token, qat::fp16_scale>;
using AffineCache =
    qat::Quantizer<qat::bits<4>, qat::per_token, qat::fp16_scale, qat::affine, qat::min_max>;

template <class Q>
void check_cache(const std::string& name, std::size_t width) {
  leaf x(drawn(4, {5, 24}));
  const qat::Tensor<float> dy = drawn(3, {5, 24});
  const auto y = run_layer(
      dy, [&](qat::Tape<float>& tape) { return qat::quantize_kv<Q>(tape, x.on(tape), width); });
  check_near(y, golden_case(name).at("y"), 1);  // code times scale
  CHECK(std::equal(dy.data(), dy.data() + dy.size(), x.gradient.data()));
}

}  // namespace

TEST_CASE(
    "torch: quantized linear layers have its codes and outputs and straight-through gradients") {
  check_linear<Weight<4>, Activation<8>>("w4a8");
  check_linear<Weight<8>, Activation<8>>("w8a8");
  check_linear<Weight<4>, Activation<6>>("w4a6");
  check_linear<qat::Quantizer<qat::bits<4>, qat::per_group<16>, qat::fp16_scale>, Activation<8>>(
      "w4g16a8");
}

TEST_CASE("torch: levels of keys and values a token and a head") {
  check_cache<Cache<4>>("kv4", 24);
  check_cache<Cache<8>>("kv8", 24);
  check_cache<Cache<4>>("kv4h", 8);
  check_cache<AffineCache>("kv4hz", 8);
}

TEST_CASE("torch: rms_norm") {
  const auto golden = golden_case("rms_norm");
  leaf x(drawn(5, {6, 24})), gain(drawn(6, {24}));
  const auto y = run_layer(drawn(7, {6, 24}), [&](qat::Tape<float>& tape) {
    return qat::rms_norm(tape, x.on(tape), gain.on(tape), 1e-5f);
  });
  // 24 squares, quotient, sum, root and quotient (half of the errors below a root): 14; epsilon itself is a float.
  check_near(y, golden.at("y"), 14 + 1 + 2);
  check_near(x.gradient, golden.at("dx"), 3 * 15 + 24 + 6);
  check_near(gain.gradient, golden.at("dgain"), 15 + 2 + 6);
}

TEST_CASE("torch: rope") {
  const auto golden = golden_case("rope");
  leaf x(drawn(8, {6, 16}));
  const qat::RopeTable<float> table({}, 8, 6);
  const std::array<std::uint32_t, 6> positions{0, 1, 2, 3, 4, 5};
  const auto y = run_layer(drawn(9, {6, 16}), [&](qat::Tape<float>& tape) {
    return qat::rope(tape, x.on(tape), std::span<const std::uint32_t>(positions), table);
  });
  // The angle is up to 5, its frequency within 2 ulp (4 e) and one product: 25 e; sine and cosine, product, sum.
  check_near(y, golden.at("y"), 25 + 4);
  check_near(x.gradient, golden.at("dx"), 25 + 4);
}

TEST_CASE("torch: attention with grouped heads") {
  const auto golden = golden_case("attention");
  leaf q(drawn(10, {9, 24})), k(drawn(11, {9, 12})), v(drawn(12, {9, 12}));
  const std::array<qat::document_rows, 1> whole{{{0, 9}}};
  const auto y = run_layer(drawn(13, {9, 24}), [&](qat::Tape<float>& tape) {
    const auto query = q.on(tape), key = k.on(tape), value = v.on(tape);
    return qat::attention(tape, query, key, value, 6, whole);
  });
  // A score errs by 6 + 2 roundings of its terms; a weight relatively by that above and below the line, exp, a sum of 9
  // and a quotient.
  const double weight = 2 * (6 + 2) * double(golden.at("largest_score").values[0]) + 2 + 9 + 1;
  check_near(y, golden.at("y"), weight + 9);
  check_near(v.gradient, golden.at("dv"), weight + 2 * 9);
  // dS: two weights, dP (6), its sum (9), difference, two products; then a chain over 9 rows of two heads.
  const double score = 2 * weight + 6 + 9 + 3;
  check_near(q.gradient, golden.at("dq"), score + 9);
  check_near(k.gradient, golden.at("dk"), score + 2 * 9);
}

TEST_CASE("torch: swiglu") {
  const auto golden = golden_case("swiglu");
  leaf gate(drawn(14, {5, 33}, 3.0f)), up(drawn(15, {5, 33}));
  const auto y = run_layer(drawn(16, {5, 33}), [&](qat::Tape<float>& tape) {
    const auto opening = gate.on(tape), content = up.on(tape);
    return qat::swiglu(tape, opening, content);
  });
  check_near(y, golden.at("y"), 5);  // exp (2), sum, quotient, product
  check_near(up.gradient, golden.at("dup"), 5);
  check_near(gate.gradient, golden.at("dgate"), 2 * 4 + 5);
}

TEST_CASE("torch: losses over a head") {
  leaf x(drawn(17, {8, 5})), head(drawn(18, {13, 5}));
  const std::array<std::int32_t, 8> targets{0, 12, 5, qat::ignored_target, 7, 7, 3, 1};
  qat::Tensor<float> teacher = drawn(19, {8, 4}), teacher_head = drawn(20, {13, 4});
  const auto check = [&](const std::string& name, auto&& loss_of) {
    const auto golden = golden_case(name);
    std::fill_n(x.gradient.data(), x.gradient.size(), 0.0f);
    std::fill_n(head.gradient.data(), head.gradient.size(), 0.0f);
    qat::Tensor<float> value({1});
    run_planned<float>(qat::tape_mode::train, [&](qat::Tape<float>& tape) {
      const qat::Variable<float> loss = loss_of(tape);
      if (tape.computes()) value.data()[0] = *loss.value.data();
      tape.backward(loss);
    });
    // Logits: chains of 5; exp (2), sums of 13 classes, log (2), differences, and a mean of 8 rows.
    const double logit = 5 * double(golden.at("largest_logit").values[0]);
    check_near(value, golden.at("loss"), 5 + 2 + 13 + 2 + 3 + 8);
    const double probability = 2 * logit + 2 + 13 + 2;
    check_near(x.gradient, golden.at("dx"), probability + 2 + 13);
    check_near(head.gradient, golden.at("dhead"), probability + 2 + 8);
  };
  const auto head_on = [&](qat::Tape<float>& tape, const qat::Variable<float>& w) {
    return qat::head_weights<float>{w, qat::pack_weight(tape, w)};
  };
  check("cross_entropy", [&](qat::Tape<float>& tape) {
    return qat::cross_entropy(tape, x.on(tape), head_on(tape, head.on(tape)),
                              std::span<const std::int32_t>(targets));
  });
  check("kl_divergence", [&](qat::Tape<float>& tape) {
    const auto student = head_on(tape, head.on(tape));
    const auto fixed = head_on(tape, tape.constant(teacher_head.view()));
    return qat::kl_divergence(tape, x.on(tape), student, tape.constant(teacher.view()), fixed);
  });
}
