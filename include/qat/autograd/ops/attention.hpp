#pragma once

#include <qat/autograd/tape.hpp>
#include <qat/kernels/attention.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>

/// \file
/// Causal attention over a batch of documents, with grouped-query heads.

namespace qat {

/// Rows [first, first + count) of a batch are one document: its tokens see each other and nothing else.
struct document_rows {
  std::size_t first = 0;
  std::size_t count = 0;
};

namespace detail {

/// The sizes of an attention over documents.
struct attention_plan {
  std::size_t head_size;
  std::size_t heads;
  std::size_t kv_heads;
  std::size_t longest;  ///< document

  /// Query heads that read one key head.
  [[nodiscard]] std::size_t group() const { return heads / kv_heads; }
};

/// Rows of a document and columns of a head.
template <class T>
TensorView<T> head_of_document(const TensorView<T>& x, const document_rows& d, std::size_t head,
                               std::size_t head_size) {
  return x.rows_from(d.first, d.count).cols_from(head * head_size, head_size);
}

/// Queries whose weights are computed together in the backward pass; what no query of a block sees is left out.
inline constexpr std::size_t attention_block = 64;

/// The gradient of one document and query head; scratch as attention_backward_scratch says.
template <class T, class Arch>
void attend_backward(const TensorView<const T>& q, const TensorView<const T>& k,
                     const TensorView<const T>& v, const TensorView<const T>& dout, T scale,
                     const TensorView<T>& dq, const TensorView<T>& dk, const TensorView<T>& dv,
                     T* scratch) {
  using row = arithmetic::rows<T, Arch>;
  using V = typename row::lanes;
  const core::serial_executor serial;
  const std::size_t n = q.rows();
  const TensorView<T> weights(scratch, Shape{n, n});         // P
  const TensorView<T> slopes(scratch + n * n, Shape{n, n});  // dP, then dS
  T* const storage = scratch + 2 * n * n;                    // panels of what is multiplied by
  const float_panels<T> keys = pack_panels(serial, k.matrix(), storage);
  const float_panels<T> values =
      pack_panels(serial, v.matrix(), storage + panel_elements(n, k.cols()));
  for (std::size_t first = 0; first < n; first += attention_block) {
    const std::size_t count = std::min(attention_block, n - first);
    const std::size_t seen = first + count;  // by the last query of the block
    const auto times = [&](const TensorView<const T>& x, const float_panels<T>& b,
                           const TensorView<T>& square) {
      float_product<T, const core::serial_executor&, Arch>(
          serial, x.rows_from(first, count).matrix(), {b.data, seen, b.depth},
          square.rows_from(first, count).cols_from(0, seen).matrix());
    };
    times(q, keys, weights);
    times(dout, values, slopes);
    for (std::size_t t = first; t < seen; ++t) {
      T* const p = weights.row(t);
      T* const s = slopes.row(t);
      const T sum = softmax_weights<T, Arch>(p, t + 1, scale);
      row::map(
          t + 1, p, [&](V e) { return arithmetic::divide(e, V(sum)); }, static_cast<const T*>(p));
      const T mean = row::dot(p, s, t + 1);
      row::map(
          t + 1, s, [&](V e, V d) { return V(arithmetic::product(e, V(d - V(mean))) * V(scale)); },
          static_cast<const T*>(p), static_cast<const T*>(s));
      std::fill(p + t + 1, p + seen, T{0});
      std::fill(s + t + 1, s + seen, T{0});
    }
  }
  // y += square b, or its transpose times b: of each block of rows the terms that may differ from zero, ascending.
  const auto add = [&](const TensorView<const T>& square, bool transposed,
                       const TensorView<const T>& b, const TensorView<T>& y) {
    if (y.data() == nullptr) return;
    const float_panels<T> panels = pack_panels(serial, b.transposed(), storage);
    for (std::size_t first = 0; first < n; first += attention_block) {
      const std::size_t count = std::min(attention_block, n - first);
      const auto x = transposed
                         ? square.rows_from(first, n - first).cols_from(first, count).transposed()
                         : square.rows_from(first, count).cols_from(0, first + count).matrix();
      float_product<T, const core::serial_executor&, Arch>(
          serial, x, panels.cols_from(transposed ? first : 0, x.cols),
          y.rows_from(first, count).matrix(), product_start::from_y);
    }
  };
  add(slopes, false, k, dq);
  add(slopes, true, q, dk);
  add(weights, true, dout, dv);
}

/// Elements of scratch of attend_backward for n positions of heads of D.
[[nodiscard]] constexpr std::size_t attention_backward_scratch(std::size_t n,
                                                               std::size_t head_size) {
  return 2 * n * n + std::max(2 * panel_elements(n, head_size), panel_elements(head_size, n));
}

}  // namespace detail

/// y = softmax(q k^T / sqrt(D)) v, each query over the keys of its document up to its own position.
///
/// Shapes    q, y (N, H D), k and v (N, K D) without gaps: query head h reads key head h / (H / K). Documents lie in
///           [0, N) without overlap; rows outside of all of them give 0.
/// Error     attend's; the factor is one quotient of a root.
/// Gradient  with P the weights and dP = dy v^T:  dS = P (dP - sum_j P dP) / sqrt(D) (a row sum over 64 lanes);
///           dq += dS k,  dk += dS^T q,  dv += P^T dy: chains over ascending positions, then query heads, that continue
///           the gradients which are there; blocks of 64 positions that do not see each other are left out.
/// Throws    ContractViolation if shapes disagree.
/// Cost      backward about twice the forward; scratch of two squares of the longest document a document and head.
/// Source    Vaswani et al. 2017 (arXiv 1706.03762); Ainslie et al. 2023 (arXiv 2305.13245) for groups.
template <class T, class Arch = core::default_arch>
Variable<T> attention(Tape<T>& tape, const Variable<T>& q, const Variable<T>& k,
                      const Variable<T>& v, std::size_t head_size,
                      std::span<const document_rows> documents) {
  const std::size_t rows = q.value.rows();
  QAT_EXPECTS(head_size != 0 && q.value.cols() % head_size == 0 &&
                  k.value.cols() % head_size == 0 && k.shape() == v.shape() &&
                  k.value.rows() == rows && k.value.cols() != 0 &&
                  q.value.cols() % k.value.cols() == 0,
              to_string(q.shape()) + ", " + to_string(k.shape()) + " and " + to_string(v.shape()) +
                  " with heads of " + std::to_string(head_size));
  detail::attention_plan plan{head_size, q.value.cols() / head_size, k.value.cols() / head_size, 0};
  for (const document_rows& d : documents) {
    QAT_EXPECTS(d.first <= rows && d.count <= rows - d.first, "rows " + std::to_string(d.first) +
                                                                  " + " + std::to_string(d.count) +
                                                                  " of " + std::to_string(rows));
    plan.longest = std::max(plan.longest, d.count);
  }
  const T scale = attention_scale<T>(head_size);
  const Variable<T> y = tape.make(q.shape(), q.tracked || k.tracked || v.tracked);
  {
    const ArenaScope scope(tape.arena());
    const std::size_t memories = documents.size() * plan.kv_heads;
    const auto keys =
        tape.arena().template take<T>(Shape{memories, attention_keys(plan.longest, head_size)});
    const auto values =
        tape.arena().template take<T>(Shape{memories, attention_values(plan.longest, head_size)});
    const auto scratch = tape.arena().template take<T>(
        Shape{documents.size() * plan.heads, attention_scratch<Arch>(plan.longest, head_size)});
    if (tape.computes()) {
      const auto part = [&](const TensorView<T>& x, std::size_t document, std::size_t head) {
        return detail::head_of_document(x, documents[document], head, head_size).matrix();
      };
      std::fill_n(y.value.data(), y.value.size(), T{0});
      core::parallel_for(tape.executor(), memories, 1, [&](std::size_t i, std::size_t) {
        const std::size_t document = i / plan.kv_heads, head = i % plan.kv_heads;
        fill_attention_keys<T>(part(k.value, document, head), keys.row(i));
        fill_attention_values<T>(part(v.value, document, head), values.row(i));
      });
      core::parallel_for(
          tape.executor(), documents.size() * plan.heads, 1, [&](std::size_t i, std::size_t) {
            const std::size_t document = i / plan.heads, head = i % plan.heads;
            const std::size_t memory = document * plan.kv_heads + head / plan.group();
            attend<T, Arch>(matrix_view<const T>(part(q.value, document, head)), 0,
                            {keys.row(memory), values.row(memory)}, scale,
                            part(y.value, document, head), scratch.row(i));
          });
    }
  }
  tape.record(y, [q, k, v, y, plan, scale, documents](Tape<T>& t) {
    const std::size_t tasks = documents.size() * plan.kv_heads;
    const auto scratch = t.arena().template take<T>(
        Shape{tasks, detail::attention_backward_scratch(plan.longest, plan.head_size)});
    if (!t.computes()) return;
    core::parallel_for(t.executor(), tasks, 1, [&](std::size_t i, std::size_t) {
      const document_rows& d = documents[i / plan.kv_heads];
      const auto columns = [&](const TensorView<T>& x, std::size_t head) {
        return x.data() == nullptr ? TensorView<T>()
                                   : detail::head_of_document(x, d, head, plan.head_size);
      };
      const std::size_t kv_head = i % plan.kv_heads;
      for (std::size_t h = kv_head * plan.group(); h < (kv_head + 1) * plan.group(); ++h)
        detail::attend_backward<T, Arch>(columns(q.value, h), columns(k.value, kv_head),
                                         columns(v.value, kv_head), columns(y.gradient, h), scale,
                                         columns(q.gradient, h), columns(k.gradient, kv_head),
                                         columns(v.gradient, kv_head), scratch.row(i));
    });
  });
  return y;
}

}  // namespace qat
