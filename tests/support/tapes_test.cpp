#include <doctest/doctest.h>

#include <tests/support/tapes.hpp>

TEST_CASE("tapes: the weighted sum has its weights as gradient") {
  using qat::testing::uniform;
  qat::Tensor<double> x = qat::testing::uniform_tensor<double>(1, {3});
  qat::Tensor<double> gradient({3});
  qat::testing::run_planned<double>(qat::tape_mode::train, [&](qat::Tape<double>& tape) {
    const auto y = qat::testing::weighted_sum(tape, tape.parameter(x.view(), gradient.view()));
    if (tape.computes())
      CHECK(*y.value.data() == doctest::Approx(x.data()[0] * double(uniform(77, 0)) +
                                               x.data()[1] * double(uniform(77, 1)) +
                                               x.data()[2] * double(uniform(77, 2))));
    tape.backward(y);
  });
  for (std::size_t i = 0; i < 3; ++i) CHECK(gradient.data()[i] == double(uniform(77, i)));
}
