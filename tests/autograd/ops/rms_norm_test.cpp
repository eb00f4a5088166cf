#include <qat/autograd/ops/rms_norm.hpp>
#include <qat/quant/calibrate.hpp>
#include <qat/quant/quantize.hpp>

#include <doctest/doctest.h>

#include <vector>

#include <tests/support/quantizers.hpp>
#include <tests/support/tapes.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

TEST_CASE("rms_norm: its gradient is that of the formula") {
  check_gradient_of({uniform_tensor<double>(1, {3, 7}, 2.0), uniform_tensor<double>(2, {7})},
                    [](auto& tape, const auto& v) {
                      return weighted_sum(tape, qat::rms_norm(tape, v[0], v[1], 1e-5));
                    });
}

TEST_CASE("rms_norm: rows have the bits that rms_norm_quantize quantizes") {
  const std::size_t rows = 5, cols = 83;
  auto x = uniform_tensor<float>(1, {rows, cols}, 3.0f), gain = uniform_tensor<float>(2, {cols});
  qat::parameters<A8> fused = qat::detail::make_parameters<A8>(rows, cols);
  std::vector<std::int8_t> codes(rows * cols), expected(rows * cols);
  const qat::matrix_view<std::int8_t> codes_view(codes.data(), rows, cols);
  qat::rms_norm_quantize<A8>(x.view().matrix(), gain.elements(), 1e-5f,
                             qat::detail::span_of<A8>(fused), codes_view);
  run_planned<float>(qat::tape_mode::infer, [&](qat::Tape<float>& tape) {
    const auto y = qat::rms_norm(tape, tape.constant(x.view()), tape.constant(gain.view()), 1e-5f);
    if (!tape.computes()) return;
    const auto p = qat::calibrate<A8>(y.value.matrix());
    CHECK(p.scales == fused.scales);
    qat::quantize<A8>(y.value.matrix(), p,
                      qat::matrix_view<std::int8_t>(expected.data(), rows, cols));
    CHECK(codes == expected);
  });
}

TEST_CASE("rms_norm: float gradients agree with double ones on any number of threads") {
  const std::size_t rows = 9, cols = 300;
  auto x = uniform_tensor<double>(1, {rows, cols}, 2.0), gain = uniform_tensor<double>(2, {cols});
  qat::Tensor<double> dx({rows, cols}), dgain({cols});
  qat::Tensor<float> x_f({rows, cols}), gain_f({cols}), dx_f({rows, cols}), dgain_f({cols});
  for (std::size_t i = 0; i < x.size(); ++i) x_f.data()[i] = static_cast<float>(x.data()[i]);
  for (std::size_t i = 0; i < cols; ++i) gain_f.data()[i] = static_cast<float>(gain.data()[i]);
  const auto run = [](auto& tape, auto& a, auto& da, auto& g, auto& dg) {
    using T = std::remove_pointer_t<decltype(a.data())>;
    tape.backward(weighted_sum(tape, qat::rms_norm(tape, tape.parameter(a.view(), da.view()),
                                                   tape.parameter(g.view(), dg.view()), T(1e-5))));
  };
  run_planned<double>(qat::tape_mode::train, [&](auto& t) { run(t, x, dx, gain, dgain); });
  run_planned<float>(qat::tape_mode::train, [&](auto& t) { run(t, x_f, dx_f, gain_f, dgain_f); });
  // r is below 1.2, |t| and |x r| below 2 and 2.4: the row sum has (300/64 + 6) roundings of terms whose mean is below 1.
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(std::abs(double(dx_f.data()[i]) - dx.data()[i]) <= 60 * 0x1p-24);
  for (std::size_t i = 0; i < cols;
       ++i)  // nine terms below 2.4 in a chain, each with four roundings
    CHECK(std::abs(double(dgain_f.data()[i]) - dgain.data()[i]) <= 9 * 9 * 2.4 * 0x1p-24);
}

TEST_CASE("rms_norm: gains of another width throw") {
  qat::Arena arena(1024);
  qat::Tape<float> tape(arena, qat::tape_mode::infer);
  CHECK_THROWS_AS(qat::rms_norm(tape, tape.make(qat::Shape{2, 3}, false),
                                tape.make(qat::Shape{2}, false), 0.0f),
                  qat::ContractViolation);
}
