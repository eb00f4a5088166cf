// An operation of one's own on the tape: its forward beside its backward, and the library's check of its gradient.

#include <qat/autograd.hpp>
#include <qat/kernels/arithmetic.hpp>

#include <cstdio>
#include <span>
#include <vector>

/// y = max(x, 0)^2, the squared ReLU.
///
/// Gradient  dx += 2 max(x, 0) dy.
/// Source    So et al. 2021 (arXiv 2109.08668).
template <class T>
qat::Variable<T> squared_relu(qat::Tape<T>& tape, const qat::Variable<T>& x) {
  const qat::Variable<T> y = tape.make(x.shape(), x.tracked);
  const auto positive = [](T v) { return v > T{0} ? v : T{0}; };
  if (tape.computes())  // false while a dry run plans the memory
    for (std::size_t i = 0; i < x.value.size(); ++i) {
      const T p = positive(x.value.data()[i]);
      y.value.data()[i] = p * p;
    }
  tape.record(y, [x, y, positive](qat::Tape<T>& t) {
    if (!t.computes()) return;
    for (std::size_t i = 0; i < x.value.size(); ++i) {
      T& dx = x.gradient.data()[i];
      // A product is never an operand of + or -: fma gives the same bits with every compiler.
      dx = qat::arithmetic::fma(T{2} * positive(x.value.data()[i]), y.gradient.data()[i], dx);
    }
  });
  return y;
}

int main() {
  // loss = cross entropy of head(squared_relu(x w^T)), in double against differences of the loss.
  std::vector<qat::Tensor<double>> parameters;
  for (const qat::Shape& shape : {qat::Shape{3, 4}, qat::Shape{5, 4}, qat::Shape{7, 5}}) {
    parameters.emplace_back(shape);
    for (std::size_t i = 0; i < shape.size(); ++i)
      parameters.back().data()[i] = 0.4 * static_cast<double>((7 * i + 3) % 11) - 1.9;
  }
  const std::vector<std::int32_t> targets{2, 0, 6};
  const auto loss = [&](qat::Tape<double>& tape, std::span<const qat::Variable<double>> v) {
    const auto hidden = qat::linear(tape, v[0], v[1], qat::pack_weight(tape, v[1]));
    const qat::head_weights<double> head{v[2], qat::pack_weight(tape, v[2])};
    return qat::cross_entropy(tape, squared_relu(tape, hidden), head,
                              std::span<const std::int32_t>(targets));
  };
  const qat::gradient_error error = qat::check_gradient(loss, parameters);
  std::printf("largest difference %.1e (%s)\n", error.largest, qat::to_string(error).c_str());
  return error.largest < 1e-6 ? 0 : 1;
}
