#include <qat/autograd/gradient_check.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace {

/// sum of x^3, with a slope that may be wrong by a factor.
qat::Variable<double> cubes(qat::Tape<double>& tape, const qat::Variable<double>& x,
                            double factor) {
  const auto y = tape.make(qat::Shape{}, x.tracked);
  if (tape.computes()) {
    *y.value.data() = 0.0;
    for (std::size_t i = 0; i < x.value.size(); ++i)
      *y.value.data() += x.value.data()[i] * x.value.data()[i] * x.value.data()[i];
  }
  tape.record(y, [x, y, factor](qat::Tape<double>& t) {
    if (!t.computes()) return;
    for (std::size_t i = 0; i < x.value.size(); ++i)
      x.gradient.data()[i] +=
          factor * 3.0 * x.value.data()[i] * x.value.data()[i] * *y.gradient.data();
  });
  return y;
}

qat::gradient_error error_of(double factor) {
  std::vector<qat::Tensor<double>> parameters;
  parameters.emplace_back(qat::Shape{3});
  for (std::size_t i = 0; i < 3; ++i) parameters[0].data()[i] = 1.0 + static_cast<double>(i);
  return qat::check_gradient(
      [factor](auto& tape, const auto& v) { return cubes(tape, v[0], factor); }, parameters);
}

}  // namespace

TEST_CASE("check_gradient: a right gradient passes and a wrong one is named") {
  // h = 3e-5 at most: h^2 f''' / 6 = h^2 = 9e-10, and 2^-53 36 / 1e-5 = 4e-10.
  CHECK(error_of(1.0).largest < 2e-9);
  const qat::gradient_error wrong = error_of(1.001);
  CHECK(wrong.largest == doctest::Approx(0.001).epsilon(1e-3));
  CHECK(wrong.parameter == 0);
  CHECK(wrong.analytic == doctest::Approx(wrong.numeric * 1.001));
}

TEST_CASE("check_gradient: a NaN in the gradient is never taken for a small error") {
  CHECK(!(error_of(std::nan("")).largest < 1.0));
}

TEST_CASE("check_gradient: an operation that needs more than it planned is refused") {
  std::vector<qat::Tensor<double>> parameters;
  parameters.emplace_back(qat::Shape{2});
  CHECK_THROWS_AS(qat::check_gradient(
                      [](auto& tape, const auto& v) {
                        if (tape.computes()) static_cast<void>(tape.make(qat::Shape{9}, false));
                        return cubes(tape, v[0], 1.0);
                      },
                      parameters),
                  qat::ContractViolation);
}
