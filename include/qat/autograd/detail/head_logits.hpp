#pragma once

#include <qat/autograd/ops/linear.hpp>
#include <qat/kernels/arithmetic.hpp>
#include <qat/kernels/float_product.hpp>

#include <algorithm>
#include <cstddef>

/// \file
/// The logits of an output layer, a few rows at a time, and the gradients of a loss of them.

namespace qat::detail {

/// Rows whose logits exist at the same time: about a million of them.
[[nodiscard]] constexpr std::size_t logit_rows(std::size_t rows, std::size_t vocabulary) {
  const std::size_t fit = (std::size_t{1} << 20) / std::max(vocabulary, std::size_t{1});
  return std::min(rows, std::clamp(fit, std::size_t{64}, std::size_t{256}));
}

/// f(first row, count, logits (count, V)) for the rows of x in chunks; nothing while planning but the scratch.
template <class T, class Arch, class F>
void for_logits(Tape<T>& tape, const TensorView<T>& x, const head_weights<T>& head, F&& f) {
  const ArenaScope scope(tape.arena());
  const std::size_t vocabulary = head.weight.value.rows();
  const std::size_t most = logit_rows(x.rows(), vocabulary);
  const auto logits = tape.arena().template take<T>(Shape{most, vocabulary});
  for (std::size_t first = 0; first < x.rows(); first += most) {
    const std::size_t count = std::min(most, x.rows() - first);
    const TensorView<T> chunk = logits.rows_from(0, count);
    if (tape.computes())
      float_product<T, const core::executor_reference&, Arch>(
          tape.executor(), TensorView<const T>(x.rows_from(first, count)).matrix(), head.panels,
          chunk.matrix());
    f(first, count, chunk);
    if (!tape.computes()) break;
  }
}

/// log sum_c exp(z_c) = m + log(sum over 64 lanes of exp(z_c - m)), m = max; z <- exp(z - m), sum in `total`.
template <class T, class Arch>
T exponentials(T* z, std::size_t n, T& total) {
  using row = arithmetic::rows<T, Arch>;
  using V = typename row::lanes;
  const T m = row::maximum(z, n);
  row::map(
      n, z, [&](V v) { return arithmetic::exp(V(v - V(m))); }, static_cast<const T*>(z));
  total = row::sum(z, n);
  return m + arithmetic::opaque(arithmetic::log(total));
}

/// f(first row, count, logits of the student, of the teacher), both heads a chunk at a time.
template <class T, class Arch, class F>
void for_both_logits(Tape<T>& tape, const TensorView<T>& x, const head_weights<T>& head,
                     const TensorView<T>& teacher, const head_weights<T>& teacher_head, F&& f) {
  for_logits<T, Arch>(
      tape, x, head, [&](std::size_t first, std::size_t count, const TensorView<T>& zs) {
        const TensorView<T> rows = tape.computes() ? teacher.rows_from(first, count) : teacher;
        for_logits<T, Arch>(
            tape, rows, teacher_head,
            [&](std::size_t, std::size_t, const TensorView<T>& zt) { f(first, count, zs, zt); });
      });
}

/// What two rows of logits say about each other, and the sums of their exponentials.
template <class T>
struct row_divergence {
  T divergence;       ///< KL(teacher || student)
  T log_sum_student;  ///< log sum_c exp(z_S)
  T total_student;
  T total_teacher;
};

/// f(row, logits of the student, of the teacher, divergence) for every row, on any thread; divergence() computes a
/// row_divergence, after which the logits are exponentials. Then g(first row, count, what f left of the student's).
template <class T, class Arch, class F, class G>
void for_divergences(Tape<T>& tape, const TensorView<T>& x, const head_weights<T>& head,
                     const TensorView<T>& teacher, const head_weights<T>& teacher_head, F&& f,
                     G&& g) {
  using row = arithmetic::rows<T, Arch>;
  using V = typename row::lanes;
  const std::size_t vocabulary = head.weight.value.rows();
  for_both_logits<T, Arch>(
      tape, x, head, teacher, teacher_head,
      [&](std::size_t first, std::size_t count, const TensorView<T>& zs, const TensorView<T>& zt) {
        {
          const ArenaScope scope(tape.arena());
          const auto scratch =
              tape.arena().template take<T>(Shape{logit_rows(x.rows(), vocabulary), vocabulary});
          if (tape.computes())
            core::parallel_for(tape.executor(), count, 1, [&](std::size_t r, std::size_t) {
              const auto divergence = [&]() -> row_divergence<T> {
                T* const difference = scratch.row(r);
                row::map(
                    vocabulary, difference, [](V a, V b) { return V(a - b); },
                    static_cast<const T*>(zt.row(r)), static_cast<const T*>(zs.row(r)));
                T total_t, total_s;
                const T lse_t = exponentials<T, Arch>(zt.row(r), vocabulary, total_t);
                const T lse_s = exponentials<T, Arch>(zs.row(r), vocabulary, total_s);
                const T mean = row::dot(zt.row(r), difference, vocabulary) / total_t;
                return {(mean - lse_t) + lse_s, lse_s, total_s, total_t};
              };
              f(first + r, zs.row(r), static_cast<const T*>(zt.row(r)), divergence);
            });
        }
        g(first, count, zs);
      });
}

/// The gradients of a loss over a head, computed while the logits are at hand, for a gradient of the loss of 1.
template <class T, class Arch>
class HeadGradient {
 public:
  HeadGradient(Tape<T>& tape, const Variable<T>& x, const head_weights<T>& head)
      : x_(x), weight_(head.weight) {
    for (Variable<T>* const v : {&x_, &weight_}) {
      if (!v->tracked) continue;
      v->gradient = tape.arena().template take<T>(v->shape());
      if (tape.computes()) std::fill_n(v->gradient.data(), v->gradient.size(), T{0});
    }
  }

  /// Whether anything is tracked: then add() wants the gradient of the logits.
  [[nodiscard]] bool wanted() const { return x_.tracked || weight_.tracked; }

  /// What add() multiplies by, in the tape's arena.
  [[nodiscard]] float_panels<T> pack(Tape<T>& tape) const {
    return x_.tracked ? pack_transposed<T>(tape, weight_.value) : float_panels<T>();
  }

  /// dx = dz w and dw += dz^T x for a chunk of rows.
  void add(Tape<T>& tape, const float_panels<T>& transposed, std::size_t first, std::size_t count,
           const TensorView<T>& dz) const {
    const auto rows = [&](const TensorView<T>& v) {
      return tape.computes() ? v.rows_from(first, count) : v;
    };
    if (x_.tracked) add_input_gradient<T, Arch>(tape, dz, transposed, rows(x_.gradient));
    if (weight_.tracked) add_weight_gradient<T, Arch>(tape, dz, rows(x_.value), weight_.gradient);
  }

  /// Adds the gradients times `factor` to those of x and of the head.
  void add_to(Tape<T>& tape, T factor, const Variable<T>& x, const head_weights<T>& head) const {
    using row = arithmetic::rows<T, Arch>;
    using V = typename row::lanes;
    if (!tape.computes()) return;
    const auto add = [&](const Variable<T>& unit, const Variable<T>& to) {
      if (!unit.tracked) return;
      for_row_blocks(tape, unit.value.rows(), unit.value.cols(),
                     [&](std::size_t first, std::size_t last) {
                       row::map((last - first) * unit.value.cols(), to.gradient.row(first),
                                [&](V g, V u) { return arithmetic::fma(V(factor), u, g); },
                                static_cast<const T*>(to.gradient.row(first)),
                                static_cast<const T*>(unit.gradient.row(first)));
                     });
    };
    add(x_, x);
    add(weight_, head.weight);
  }

 private:
  Variable<T> x_;
  Variable<T> weight_;
};

/// The mean of a loss a row over `counted` rows.
template <class T, class Arch>
Variable<T> mean_of_rows(Tape<T>& tape, const TensorView<T>& losses, std::size_t counted,
                         bool tracked) {
  const Variable<T> loss = tape.make(Shape{}, tracked);
  if (tape.computes())
    *loss.value.data() = arithmetic::rows<T, Arch>::sum(losses.data(), losses.size()) /
                         static_cast<T>(std::max(counted, std::size_t{1}));
  return loss;
}

}  // namespace qat::detail
