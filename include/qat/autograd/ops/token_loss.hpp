#pragma once

#include <qat/autograd/ops/linear.hpp>
#include <qat/autograd/tape.hpp>
#include <qat/kernels/arithmetic.hpp>
#include <qat/kernels/float_product.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

/// \file
/// Losses fused with the head: logits exist for a few rows at a time, never for a whole batch.

namespace qat {

/// The output layer: logits = x w^T.
template <class T>
struct head_weights {
  Variable<T> weight;      ///< (V, C)
  float_panels<T> panels;  ///< of weight, borrowed until backward
};

namespace detail {

/// Rows whose logits exist at the same time.
inline constexpr std::size_t logit_rows = 64;

/// f(first row, count, logits (count, V)) for the rows of x in chunks; nothing while planning but the scratch.
template <class T, class Arch, class F>
void for_logits(Tape<T>& tape, const TensorView<T>& x, const head_weights<T>& head, F&& f) {
  const ArenaScope scope(tape.arena());
  const std::size_t vocabulary = head.weight.value.rows();
  const auto logits =
      tape.arena().template take<T>(Shape{std::min(logit_rows, x.rows()), vocabulary});
  for (std::size_t first = 0; first < x.rows(); first += logit_rows) {
    const std::size_t count = std::min(logit_rows, x.rows() - first);
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

/// What two rows of logits say about each other.
template <class T>
struct row_divergence {
  T divergence;       ///< KL(teacher || student)
  T log_sum_student;  ///< log sum_c exp(z_S)
};

/// f(row, logits of the student, of the teacher, divergence) for every row, on any thread; divergence() computes a
/// row_divergence, after which the logits are exponentials.
template <class T, class Arch, class F>
void for_divergences(Tape<T>& tape, const TensorView<T>& x, const head_weights<T>& head,
                     const TensorView<T>& teacher, const head_weights<T>& teacher_head, F&& f) {
  using row = arithmetic::rows<T, Arch>;
  using V = typename row::lanes;
  const std::size_t vocabulary = head.weight.value.rows();
  for_both_logits<T, Arch>(
      tape, x, head, teacher, teacher_head,
      [&](std::size_t first, std::size_t count, const TensorView<T>& zs, const TensorView<T>& zt) {
        const ArenaScope scope(tape.arena());
        const auto scratch =
            tape.arena().template take<T>(Shape{std::min(logit_rows, x.rows()), vocabulary});
        if (!tape.computes()) return;
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
            return {(mean - lse_t) + lse_s, lse_s};
          };
          f(first + r, static_cast<const T*>(zs.row(r)), static_cast<const T*>(zt.row(r)),
            divergence);
        });
      });
}

/// dx += dz w and dw += dz^T x for a chunk of rows.
template <class T, class Arch>
void add_head_gradients(Tape<T>& t, const Variable<T>& x, const head_weights<T>& head,
                        std::size_t first, std::size_t count, const TensorView<T>& dz) {
  const auto rows = [&](const TensorView<T>& v) { return v.rows_from(first, count); };
  if (x.tracked) add_input_gradient<T, Arch>(t, dz, head.weight.value, rows(x.gradient));
  if (head.weight.tracked) add_weight_gradient<T, Arch>(t, dz, rows(x.value), head.weight.gradient);
}

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

}  // namespace detail

/// The target of a row that does not count.
inline constexpr std::int32_t ignored_target = -1;

/// loss = mean over the rows that count of -log softmax(x w^T)[target].
///
/// Shapes    x (N, C) without gaps; head (V, C); targets (N), borrowed until backward; loss one element. `losses`, where
///           it is given, takes the N terms, 0 where ignored.
/// Valid     0 <= target < V or ignored_target. No row counts: loss 0.
/// Error     logits as float_product; log-sum-exp as core::exp, core::log and the 64-lane sum.
/// Gradient  dz = (softmax(z) - onehot(target)) dloss / count;  dx += dz w,  dw += dz^T x.
/// Throws    ContractViolation if shapes disagree or with the target outside the vocabulary.
/// Cost      2 N V C multiply-adds forward, 6 backward (the logits are computed again); 64 V elements of scratch.
template <class T, class Arch = core::default_arch>
Variable<T> cross_entropy(Tape<T>& tape, const Variable<T>& x, const head_weights<T>& head,
                          std::span<const std::int32_t> targets,
                          std::type_identity_t<std::span<T>> losses = {}) {
  const std::size_t vocabulary = head.weight.value.rows();
  QAT_EXPECTS(x.value.cols() == head.weight.value.cols() && targets.size() == x.value.rows() &&
                  (losses.empty() || losses.size() == targets.size()),
              to_string(x.shape()) + " rows, a head of " + to_string(head.weight.shape()) + ", " +
                  std::to_string(targets.size()) + " targets");
  std::size_t counted = 0;
  for (const std::int32_t target : targets) {
    QAT_EXPECTS(
        target == ignored_target || (target >= 0 && static_cast<std::size_t>(target) < vocabulary),
        "target " + std::to_string(target) + " of " + std::to_string(vocabulary));
    counted += target != ignored_target ? 1 : 0;
  }
  const TensorView<T> terms = tape.arena().template take<T>(Shape{targets.size()});
  detail::for_logits<T, Arch>(
      tape, x.value, head, [&](std::size_t first, std::size_t count, const TensorView<T>& logits) {
        if (!tape.computes()) return;
        core::parallel_for(tape.executor(), count, 1, [&](std::size_t r, std::size_t) {
          const std::int32_t target = targets[first + r];
          T& term = terms.data()[first + r];
          term = T{0};
          if (target == ignored_target) return;
          const T wanted = logits.row(r)[target];
          T total;
          term = detail::exponentials<T, Arch>(logits.row(r), vocabulary, total) - wanted;
        });
      });
  if (tape.computes()) std::copy_n(terms.data(), losses.size(), losses.begin());
  const Variable<T> loss =
      detail::mean_of_rows<T, Arch>(tape, terms, counted, x.tracked || head.weight.tracked);
  tape.record([x, head, targets, loss, counted, vocabulary](Tape<T>& t) {
    detail::for_logits<T, Arch>(
        t, x.value, head, [&](std::size_t first, std::size_t count, const TensorView<T>& logits) {
          using row = arithmetic::rows<T, Arch>;
          using V = typename row::lanes;
          if (t.computes()) {
            const T factor =
                *loss.gradient.data() / static_cast<T>(std::max(counted, std::size_t{1}));
            core::parallel_for(t.executor(), count, 1, [&](std::size_t r, std::size_t) {
              T* const z = logits.row(r);
              const std::int32_t target = targets[first + r];
              if (target == ignored_target)
                return static_cast<void>(std::fill_n(z, vocabulary, T{0}));
              T total;
              detail::exponentials<T, Arch>(z, vocabulary, total);
              const T each = factor / total;
              row::map(
                  vocabulary, z, [&](V e) { return arithmetic::product(e, V(each)); },
                  static_cast<const T*>(z));
              z[target] = z[target] - factor;
            });
          }
          detail::add_head_gradients<T, Arch>(t, x, head, first, count, logits);
        });
  });
  return loss;
}

/// loss = mean over rows of KL(teacher || student) = sum_c p_T (log p_T - log p_S), temperature 1.
///
///   row = A / Z_T - lse(z_T) + lse(z_S),  A = sum_c exp(z_T - m_T) (z_T - z_S),  Z_T = sum_c exp(z_T - m_T)
///
/// Shapes    x (N, C) with head (V, C); teacher (N, C_T) with teacher_head (V, C_T), of which nothing is tracked; loss one
///           element. `losses`, where it is given, takes the N terms.
/// Error     logits as float_product; the sums over 64 lanes. A row may come out a few roundings below 0.
/// Gradient  dz_S = (softmax(z_S) - softmax(z_T)) dloss / N;  dx += dz w,  dw += dz^T x.
/// Throws    ContractViolation if shapes disagree.
/// Cost      a product a head forward and backward, two more backward; 128 V elements of scratch.
/// Source    Liu et al. 2023 (arXiv 2305.17888), eq. (4), plus the teacher's entropy, a constant.
template <class T, class Arch = core::default_arch>
Variable<T> kl_divergence(Tape<T>& tape, const Variable<T>& x, const head_weights<T>& head,
                          const Variable<T>& teacher, const head_weights<T>& teacher_head,
                          std::type_identity_t<std::span<T>> losses = {}) {
  using row = arithmetic::rows<T, Arch>;
  using V = typename row::lanes;
  const std::size_t rows = x.value.rows();
  const std::size_t vocabulary = head.weight.value.rows();
  QAT_EXPECTS(x.value.cols() == head.weight.value.cols() && teacher.value.rows() == rows &&
                  teacher.value.cols() == teacher_head.weight.value.cols() &&
                  teacher_head.weight.value.rows() == vocabulary &&
                  (losses.empty() || losses.size() == rows),
              "student " + to_string(x.shape()) + " with " + to_string(head.weight.shape()) +
                  ", teacher " + to_string(teacher.shape()) + " with " +
                  to_string(teacher_head.weight.shape()));
  const TensorView<T> terms = tape.arena().template take<T>(Shape{rows});
  detail::for_divergences<T, Arch>(tape, x.value, head, teacher.value, teacher_head,
                                   [&](std::size_t r, const T*, const T*, auto&& divergence) {
                                     terms.data()[r] = divergence().divergence;
                                   });
  if (tape.computes()) std::copy_n(terms.data(), losses.size(), losses.begin());
  const Variable<T> loss =
      detail::mean_of_rows<T, Arch>(tape, terms, rows, x.tracked || head.weight.tracked);
  tape.record([x, head, teacher, teacher_head, loss, rows, vocabulary](Tape<T>& t) {
    const auto backward = [&](std::size_t first, std::size_t count, const TensorView<T>& zs,
                              const TensorView<T>& zt) {
      if (t.computes()) {
        const T factor = *loss.gradient.data() / static_cast<T>(std::max(rows, std::size_t{1}));
        core::parallel_for(t.executor(), count, 1, [&](std::size_t r, std::size_t) {
          T total_t, total_s;
          detail::exponentials<T, Arch>(zt.row(r), vocabulary, total_t);
          detail::exponentials<T, Arch>(zs.row(r), vocabulary, total_s);
          const T of_s = factor / total_s;
          const T of_t = -(factor / total_t);
          row::map(
              vocabulary, zs.row(r),
              [&](V s, V e) {
                return arithmetic::fma(e, V(of_t), arithmetic::product(s, V(of_s)));
              },
              static_cast<const T*>(zs.row(r)), static_cast<const T*>(zt.row(r)));
        });
      }
      detail::add_head_gradients<T, Arch>(t, x, head, first, count, zs);
    };
    detail::for_both_logits<T, Arch>(t, x.value, head, teacher.value, teacher_head, backward);
  });
  return loss;
}

}  // namespace qat
