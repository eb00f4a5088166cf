#pragma once

#include <qat/autograd/tape.hpp>
#include <qat/kernels/arithmetic.hpp>

#include <cstddef>

/// \file
/// Operations that see each element alone: the residual sum and the gate.

namespace qat {

namespace detail {

/// y += x over contiguous elements.
template <class T, class Arch>
void add_to(T* y, const T* x, std::size_t n) {
  using row = arithmetic::rows<T, Arch>;
  using V = typename row::lanes;
  row::map(
      n, y, [](V a, V b) { return V(a + b); }, static_cast<const T*>(y), x);
}

}  // namespace detail

/// y = a + b.
///
/// Shapes    a, b, y of one shape without gaps.
/// Error     one rounding.
/// Gradient  da += dy, db += dy.
/// Throws    ContractViolation if shapes differ.
/// Cost      two reads and one write an element.
template <class T, class Arch = core::default_arch>
Variable<T> add(Tape<T>& tape, const Variable<T>& a, const Variable<T>& b) {
  QAT_EXPECTS(a.shape() == b.shape(), to_string(a.shape()) + " and " + to_string(b.shape()));
  const Variable<T> y = tape.make(a.shape(), a.tracked || b.tracked);
  using row = arithmetic::rows<T, Arch>;
  using V = typename row::lanes;
  if (tape.computes())
    detail::for_row_blocks(
        tape, y.value.rows(), y.value.cols(), [&](std::size_t first, std::size_t last) {
          const std::size_t n = (last - first) * y.value.cols();
          row::map(
              n, y.value.row(first), [](V p, V q) { return V(p + q); },
              static_cast<const T*>(a.value.row(first)), static_cast<const T*>(b.value.row(first)));
        });
  tape.record(y, [a, b, y](Tape<T>& t) {
    if (!t.computes()) return;
    for (const Variable<T>& x : {a, b})
      if (x.tracked)
        detail::for_row_blocks(
            t, y.value.rows(), y.value.cols(), [&](std::size_t first, std::size_t last) {
              detail::add_to<T, Arch>(x.gradient.row(first), y.gradient.row(first),
                                      (last - first) * y.value.cols());
            });
  });
  return y;
}

/// y = p a + q b, for scalars p and q: losses in a mixture.
///
/// Shapes    a, b, y one element.
/// Error     fma(p, a, q b), q b rounded.
/// Gradient  da += p dy, db += q dy, one rounding each before the sum.
/// Throws    ContractViolation for other shapes.
template <class T>
Variable<T> weighted_sum(Tape<T>& tape, T p, const Variable<T>& a, T q, const Variable<T>& b) {
  QAT_EXPECTS(a.shape().size() == 1 && b.shape().size() == 1,
              to_string(a.shape()) + " and " + to_string(b.shape()));
  const Variable<T> y = tape.make(a.shape(), a.tracked || b.tracked);
  if (tape.computes())
    *y.value.data() = arithmetic::fma(p, *a.value.data(), arithmetic::product(q, *b.value.data()));
  tape.record(y, [a, p, b, q, y](Tape<T>& t) {
    if (!t.computes()) return;
    if (a.tracked) *a.gradient.data() += arithmetic::product(p, *y.gradient.data());
    if (b.tracked) *b.gradient.data() += arithmetic::product(q, *y.gradient.data());
  });
  return y;
}

/// y = silu(gate) * up, silu(g) = g / (1 + exp(-g)).
///
/// Shapes    gate, up, y of one shape without gaps.
/// Valid     all floats; gate = -infinity gives NaN.
/// Error     silu: exp's error plus two roundings; one more for the product.
/// Gradient  dup += dy silu(g);  dgate += dy up s (1 + g (1 - s)), s = 1 / (1 + exp(-g)).
/// Throws    ContractViolation if shapes differ.
/// Cost      one exponential and one quotient an element.
/// Source    Shazeer 2020 (arXiv 2002.05202), SwiGLU.
template <class T, class Arch = core::default_arch>
Variable<T> swiglu(Tape<T>& tape, const Variable<T>& gate, const Variable<T>& up) {
  QAT_EXPECTS(gate.shape() == up.shape(),
              to_string(gate.shape()) + " and " + to_string(up.shape()));
  using row = arithmetic::rows<T, Arch>;
  using V = typename row::lanes;
  const auto denominator = [](V g) { return V(V(T{1}) + arithmetic::exp(V(V(T{0}) - g))); };
  const Variable<T> y = tape.make(gate.shape(), gate.tracked || up.tracked);
  if (tape.computes())
    detail::for_row_blocks(
        tape, y.value.rows(), y.value.cols(), [&](std::size_t first, std::size_t last) {
          row::map((last - first) * y.value.cols(), y.value.row(first),
                   [&](V g, V u) { return V(arithmetic::divide(g, denominator(g)) * u); },
                   static_cast<const T*>(gate.value.row(first)),
                   static_cast<const T*>(up.value.row(first)));
        });
  tape.record(y, [gate, up, y, denominator](Tape<T>& t) {
    if (!t.computes()) return;
    detail::for_row_blocks(
        t, y.value.rows(), y.value.cols(), [&](std::size_t first, std::size_t last) {
          const std::size_t n = (last - first) * y.value.cols();
          const T* const g = gate.value.row(first);
          const T* const u = up.value.row(first);
          const T* const dy = y.gradient.row(first);
          if (up.tracked)
            row::map(
                n, up.gradient.row(first),
                [&](V du, V a, V d) {
                  return arithmetic::fma(d, arithmetic::divide(a, denominator(a)), du);
                },
                static_cast<const T*>(up.gradient.row(first)), g, dy);
          if (gate.tracked)
            row::map(
                n, gate.gradient.row(first),
                [&](V dg, V a, V b, V d) {
                  const V s = arithmetic::divide(V(T{1}), denominator(a));
                  // a may be large where 1 - s is 0: the product is then 0 as it must be.
                  const V slope = s * arithmetic::fma(a, V(V(T{1}) - s), V(T{1}));
                  return arithmetic::fma(d, arithmetic::product(b, slope), dg);
                },
                static_cast<const T*>(gate.gradient.row(first)), g, u, dy);
        });
  });
  return y;
}

}  // namespace qat
