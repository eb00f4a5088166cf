#pragma once

#include <qat/autograd/tape.hpp>
#include <qat/tensor/tensor.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

/// \file
/// Whether an operation's backward is the derivative of its forward: for our operations and for a user's own.

namespace qat {

/// Where an analytic gradient and a difference quotient are furthest apart.
struct gradient_error {
  double largest = 0.0;       ///< |analytic - numeric| / max(1, |numeric|)
  std::size_t parameter = 0;  ///< of which parameter
  std::size_t element = 0;    ///< at which element
  double analytic = 0.0;
  double numeric = 0.0;
};

/// Compares the gradients of a scalar function with central differences, in double.
///
///   numeric_i = (f(p + h e_i) - f(p - h e_i)) / (2 h),   h = 1e-5 max(1, |p_i|)
///
/// f(tape, variables) -> Variable<double> (one element) builds the function from the parameters; it is run on a planning
/// arena first, and the real runs must need exactly what was planned. Gradients begin at 1, so that one that is written
/// where it should be added is far off.
///
/// Valid   f smooth within h of the parameters.
/// Error   of the quotient: h^2 |f'''| / 6 + 2^-53 |f| / h: about 1e-10 |f'''| / 6 + 1e-11 |f|.
/// Throws  what f throws; ContractViolation if the plan and the run differ.
/// Cost    2 runs of f an element.
template <class F>
gradient_error check_gradient(F&& f, std::span<Tensor<double>> parameters) {
  std::vector<Tensor<double>> gradients;
  for (const Tensor<double>& p : parameters) {
    gradients.emplace_back(p.shape());
    std::fill_n(gradients.back().data(), p.size(), 1.0);
  }
  const auto variables = [&](Tape<double>& tape) {
    std::vector<Variable<double>> all;
    for (std::size_t i = 0; i < parameters.size(); ++i)
      all.push_back(tape.parameter(parameters[i].view(), gradients[i].view()));
    return all;
  };

  Arena plan;
  {
    Tape<double> tape(plan, tape_mode::train);
    tape.backward(f(tape, variables(tape)));
  }
  {
    Arena arena(plan.high_water());
    Tape<double> tape(arena, tape_mode::train);
    tape.backward(f(tape, variables(tape)));
    QAT_EXPECTS(arena.high_water() == plan.high_water(),
                std::to_string(arena.high_water()) + " bytes where " +
                    std::to_string(plan.high_water()) + " were planned");
  }

  const auto value = [&] {
    Arena arena(plan.high_water());
    Tape<double> tape(arena, tape_mode::infer);
    return *f(tape, variables(tape)).value.data();
  };
  gradient_error worst;
  for (std::size_t p = 0; p < parameters.size(); ++p)
    for (std::size_t i = 0; i < parameters[p].size(); ++i) {
      double& x = parameters[p].data()[i];
      const double at = x;
      const double h = 1e-5 * std::max(1.0, std::abs(at));
      x = at + h;
      const double above = value();
      x = at - h;
      const double below = value();
      x = at;
      const double numeric = (above - below) / (2.0 * h);
      const double analytic = gradients[p].data()[i] - 1.0;
      const double error = std::abs(analytic - numeric) / std::max(1.0, std::abs(numeric));
      if (!(error <= worst.largest)) worst = {error, p, i, analytic, numeric};
    }
  return worst;
}

/// "parameter 1 element 7: analytic 0.5, numeric 0.25".
[[nodiscard]] inline std::string to_string(const gradient_error& e) {
  return "parameter " + std::to_string(e.parameter) + " element " + std::to_string(e.element) +
         ": analytic " + std::to_string(e.analytic) + ", numeric " + std::to_string(e.numeric);
}

}  // namespace qat
