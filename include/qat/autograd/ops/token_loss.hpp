#pragma once

#include <qat/autograd/detail/head_logits.hpp>
#include <qat/autograd/ops/linear.hpp>
#include <qat/autograd/tape.hpp>
#include <qat/kernels/arithmetic.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

/// \file
/// Losses fused with the head: logits exist for a few rows at a time, never for a whole batch.

namespace qat {

/// The target of a row that does not count.
inline constexpr std::int32_t ignored_target = -1;

/// loss = mean over the rows that count of -log softmax(x w^T)[target].
///
/// Shapes    x (N, C) without gaps; head (V, C); targets (N), borrowed until backward; loss one element. `losses`, where
///           it is given, takes the N terms, 0 where ignored.
/// Valid     0 <= target < V or ignored_target. No row counts: loss 0.
/// Error     logits as float_product; log-sum-exp as core::exp, core::log and the 64-lane sum.
/// Gradient  dz = (softmax(z) - onehot(target)) / count;  dx += dloss dz w,  dw += dloss dz^T x, the products in the forward
///           pass as chains over classes and rows, ascending, from 0.
/// Throws    ContractViolation if shapes disagree or with the target outside the vocabulary.
/// Cost      2 N V C multiply-adds, 4 more where gradients are wanted; room for these, and for at most 256 rows of logits.
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
  using row = arithmetic::rows<T, Arch>;
  using V = typename row::lanes;
  const TensorView<T> terms = tape.arena().template take<T>(Shape{targets.size()});
  const detail::HeadGradient<T, Arch> gradient(tape, x, head);
  {
    const ArenaScope scope(tape.arena());
    const float_panels<T> transposed = gradient.pack(tape);
    const T share = T{1} / static_cast<T>(std::max(counted, std::size_t{1}));
    const auto visit = [&](std::size_t first, std::size_t count, const TensorView<T>& logits) {
      if (tape.computes())
        core::parallel_for(tape.executor(), count, 1, [&](std::size_t r, std::size_t) {
          T* const z = logits.row(r);
          const std::int32_t target = targets[first + r];
          T& term = terms.data()[first + r];
          term = T{0};
          if (target == ignored_target) return static_cast<void>(std::fill_n(z, vocabulary, T{0}));
          const T wanted = z[target];
          T total;
          term = detail::exponentials<T, Arch>(z, vocabulary, total) - wanted;
          if (!gradient.wanted()) return;
          const T each = share / total;
          row::map(
              vocabulary, z, [&](V e) { return arithmetic::product(e, V(each)); },
              static_cast<const T*>(z));
          z[target] = z[target] - share;
        });
      gradient.add(tape, transposed, first, count, logits);
    };
    detail::for_logits<T, Arch>(tape, x.value, head, visit);
  }
  if (tape.computes()) std::copy_n(terms.data(), losses.size(), losses.begin());
  const Variable<T> loss = detail::mean_of_rows<T, Arch>(tape, terms, counted, gradient.wanted());
  tape.record(loss, [x, head, gradient, loss](Tape<T>& t) {
    gradient.add_to(t, t.computes() ? *loss.gradient.data() : T{0}, x, head);
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
/// Gradient  dz_S = (softmax(z_S) - softmax(z_T)) / N;  dx += dloss dz w,  dw += dloss dz^T x, as in cross_entropy.
/// Throws    ContractViolation if shapes disagree.
/// Cost      as cross_entropy, with a product more for the teacher's logits and room for three times the rows.
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
  const detail::HeadGradient<T, Arch> gradient(tape, x, head);
  {
    const ArenaScope scope(tape.arena());
    const float_panels<T> transposed = gradient.pack(tape);
    const T share = T{1} / static_cast<T>(std::max(rows, std::size_t{1}));
    const auto visit = [&](std::size_t r, T* zs, const T* zt, auto&& divergence) {
      const detail::row_divergence<T> found = divergence();
      terms.data()[r] = found.divergence;
      if (!gradient.wanted()) return;
      const T of_s = share / found.total_student;
      const T of_t = -(share / found.total_teacher);
      row::map(
          vocabulary, zs,
          [&](V s, V e) { return arithmetic::fma(e, V(of_t), arithmetic::product(s, V(of_s))); },
          static_cast<const T*>(zs), zt);
    };
    const auto add = [&](std::size_t first, std::size_t count, const TensorView<T>& dz) {
      gradient.add(tape, transposed, first, count, dz);
    };
    detail::for_divergences<T, Arch>(tape, x.value, head, teacher.value, teacher_head, visit, add);
  }
  if (tape.computes()) std::copy_n(terms.data(), losses.size(), losses.begin());
  const Variable<T> loss = detail::mean_of_rows<T, Arch>(tape, terms, rows, gradient.wanted());
  tape.record(loss, [x, head, gradient, loss](Tape<T>& t) {
    gradient.add_to(t, t.computes() ? *loss.gradient.data() : T{0}, x, head);
  });
  return loss;
}

}  // namespace qat
