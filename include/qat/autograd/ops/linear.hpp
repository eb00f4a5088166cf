#pragma once

#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/tape.hpp>
#include <qat/kernels/float_product.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>

/// \file
/// The linear layer in full precision, and the two products of every linear layer's gradient.

namespace qat {

namespace detail {

/// y += bias in every row, a rounded sum of its own.
template <class T, class Arch>
void add_bias(const Tape<T>& tape, const TensorView<T>& y, const TensorView<T>& bias) {
  for_row_blocks(tape, y.rows(), y.cols(), [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) add_to<T, Arch>(y.row(r), bias.data(), y.cols());
  });
}

/// dbias += sum of the rows of dy, ascending.
template <class T, class Arch>
void add_bias_gradient(const Tape<T>& tape, const TensorView<T>& dy, const TensorView<T>& dbias) {
  core::parallel_for(tape.executor(), dy.cols(), 256, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = 0; r < dy.rows(); ++r)
      add_to<T, Arch>(dbias.data() + first, dy.row(r) + first, last - first);
  });
}

/// The panels of w^T in the tape's arena: what add_input_gradient multiplies by.
template <class T>
float_panels<T> pack_transposed(Tape<T>& tape, const TensorView<const T>& w) {
  const TensorView<T> storage =
      tape.arena().template take<T>(Shape{panel_elements(w.cols(), w.rows())});
  if (!tape.computes()) return {nullptr, w.cols(), w.rows()};
  return pack_panels(tape.executor(), w.transposed(), storage.data());
}

/// dx += dy w: for each element a chain over the outputs o, ascending, from the gradient that is there.
template <class T, class Arch>
void add_input_gradient(const Tape<T>& tape, const TensorView<T>& dy,
                        const float_panels<T>& transposed, const TensorView<T>& dx) {
  if (tape.computes())
    float_product<T, const core::executor_reference&, Arch>(
        tape.executor(), TensorView<const T>(dy).matrix(), transposed, dx.matrix(),
        product_start::from_y);
}
template <class T, class Arch>
void add_input_gradient(Tape<T>& tape, const TensorView<T>& dy, const TensorView<const T>& w,
                        const TensorView<T>& dx) {
  const ArenaScope scope(tape.arena());
  add_input_gradient<T, Arch>(tape, dy, pack_transposed(tape, w), dx);
}

/// dw += dy^T x: for each element a chain over the rows n, ascending, from the gradient that is there.
template <class T, class Arch>
void add_weight_gradient(Tape<T>& tape, const TensorView<T>& dy, const TensorView<const T>& x,
                         const TensorView<T>& dw) {
  const ArenaScope scope(tape.arena());
  const float_panels<T> panels = pack_transposed(tape, x);  // (I, N)
  if (!tape.computes()) return;
  float_product<T, const core::executor_reference&, Arch>(
      tape.executor(), TensorView<const T>(dy).transposed(), panels, dw.matrix(),
      product_start::from_y);
}

}  // namespace detail

/// A bias that a layer may have.
template <class T>
using optional_bias = std::optional<Variable<T>>;

/// The panels of a weight in the tape's arena: for one that is packed on every step.
///
/// Shapes  w (O, I) without gaps.
/// Cost    a read and a write of w.
template <class T>
[[nodiscard]] float_panels<T> pack_weight(Tape<T>& tape, const Variable<T>& w) {
  const std::size_t rows = w.value.rows();
  const std::size_t cols = w.value.cols();
  const auto storage = tape.arena().template take<T>(Shape{panel_elements(rows, cols)});
  if (!tape.computes()) return {nullptr, rows, cols};
  return pack_panels(tape.executor(), w.value.matrix(), storage.data());
}

/// The output layer: logits = x w^T.
template <class T>
struct head_weights {
  Variable<T> weight;      ///< (V, C)
  float_panels<T> panels;  ///< of weight, borrowed until backward
};

/// y = x w^T (+ bias).
///
/// Shapes    x (..., I) without gaps, w (O, I), its panels (pack_panels of w, borrowed until backward), bias (O),
///           y (N, O), N the rows of x.
/// Error     one fma chain over I for each output (float_product), one rounding for the bias.
/// Gradient  dx += dy w,  dw += dy^T x,  dbias += the sum of rows: chains over O, N, N, ascending, that continue the
///           gradients which are there.
/// Throws    ContractViolation if shapes disagree.
/// Cost      2 N O I multiply-adds forward, 4 N O I backward; scratch for the panels of w^T or x^T.
template <class T, class Arch = core::default_arch>
Variable<T> linear(Tape<T>& tape, const Variable<T>& x, const Variable<T>& w,
                   const float_panels<T>& panels, const optional_bias<T>& bias = {}) {
  const TensorView<T> in = x.value;
  QAT_EXPECTS(in.cols() == w.value.cols() && (!bias || bias->shape().size() == w.value.rows()),
              to_string(x.shape()) + " times " + to_string(w.shape()) +
                  (bias ? " plus " + to_string(bias->shape()) : ""));
  const Variable<T> y = tape.make(Shape{in.rows(), w.value.rows()},
                                  x.tracked || w.tracked || (bias && bias->tracked));
  if (tape.computes()) {
    float_product<T, const core::executor_reference&, Arch>(
        tape.executor(), TensorView<const T>(in).matrix(), panels, y.value.matrix());
    if (bias) detail::add_bias<T, Arch>(tape, y.value, bias->value);
  }
  tape.record(y, [x, w, bias, y](Tape<T>& t) {
    if (x.tracked) detail::add_input_gradient<T, Arch>(t, y.gradient, w.value, x.gradient);
    if (w.tracked) detail::add_weight_gradient<T, Arch>(t, y.gradient, x.value, w.gradient);
    if (bias && bias->tracked && t.computes())
      detail::add_bias_gradient<T, Arch>(t, y.gradient, bias->gradient);
  });
  return y;
}

}  // namespace qat
