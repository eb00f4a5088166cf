#pragma once

#include <qat/core/contracts.hpp>
#include <qat/core/executor_reference.hpp>
#include <qat/quant/detail/walk.hpp>
#include <qat/tensor/arena.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// What was computed, in order, and how to walk it backward.

namespace qat {

/// A value and, where it is tracked, the place of its gradient. A pair of views: cheap to copy, owns nothing.
template <class T>
struct Variable {
  TensorView<T> value;
  TensorView<T> gradient;
  bool tracked = false;  ///< something that it depends on is trained

  [[nodiscard]] const Shape& shape() const { return value.shape(); }
};

/// What a tape is for.
enum class tape_mode {
  infer,  ///< values only: no gradient has a place, nothing is recorded
  train,  ///< values, gradients, and a node an operation
};

/// The operations of one step as a flat vector of nodes; their buffers come from an arena.
///
/// Run on a planning arena, the same operations compute nothing and leave the arena knowing what they need.
///
///   qat::Tape<float> tape(arena, qat::tape_mode::train, executor);
///   auto y = qat::linear(tape, x, weight);  ...
///   tape.backward(loss);
template <class T>
class Tape {
 public:
  /// Borrows arena and executor.
  explicit Tape(Arena& arena, tape_mode mode, core::executor_reference executor = {})
      : arena_(arena), executor_(executor), mode_(mode) {}

  /// False on a planning arena: views are null then.
  [[nodiscard]] bool computes() const { return !arena_.plans(); }
  [[nodiscard]] bool records() const { return mode_ == tape_mode::train; }
  [[nodiscard]] Arena& arena() const { return arena_; }
  [[nodiscard]] const core::executor_reference& executor() const { return executor_; }

  /// A new variable; its gradient, where it has one, begins at zero.
  [[nodiscard]] Variable<T> make(const Shape& shape, bool tracked) {
    Variable<T> v{arena_.template take<T>(shape), {}, tracked && records()};
    if (v.tracked) {
      v.gradient = arena_.template take<T>(shape);
      if (computes()) std::fill_n(v.gradient.data(), shape.size(), T{});
    }
    return v;
  }

  /// Data from outside, without a gradient.
  [[nodiscard]] static Variable<T> constant(TensorView<T> value) { return {value, {}, false}; }

  /// A parameter: its gradient lies outside the arena and is added to.
  [[nodiscard]] Variable<T> parameter(TensorView<T> value, TensorView<T> gradient) const {
    return records() ? Variable<T>{value, gradient, true} : Variable<T>{value, {}, false};
  }

  /// Adds the node of an operation's result: backward(tape) adds to the gradients of what the operation read. It may take
  /// scratch from the arena and must compute nothing while computes() is false. A result that is not tracked gets no node.
  template <std::invocable<Tape&> F>
  void record(const Variable<T>& result, F backward) {
    if (records() && result.tracked)
      nodes_.push_back(std::make_unique<node_of<F>>(std::move(backward)));
  }

  /// Walks the nodes from the last to the first, once, with the gradient of loss at 1. Gradients are added in that order.
  ///
  /// Throws  ContractViolation unless loss is a tracked scalar.
  void backward(const Variable<T>& loss) {
    QAT_EXPECTS(loss.tracked && loss.shape().size() == 1,
                to_string(loss.shape()) + (loss.tracked ? "" : ", not tracked"));
    if (computes()) *loss.gradient.data() = T{1};
    backward();
  }

  /// The same from gradients that were already set.
  void backward() {
    while (!nodes_.empty()) {
      {
        const ArenaScope scratch(arena_);
        nodes_.back()->backward(*this);
      }
      nodes_.pop_back();
    }
  }

  /// Nodes not yet walked.
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

 private:
  struct node {
    node() = default;
    node(const node&) = delete;
    node& operator=(const node&) = delete;
    virtual ~node() = default;
    virtual void backward(Tape& tape) = 0;
  };
  template <class F>
  struct node_of final : node {
    explicit node_of(F f) : function(std::move(f)) {}
    void backward(Tape& tape) override { function(tape); }
    F function;
  };

  Arena& arena_;
  core::executor_reference executor_;
  tape_mode mode_;
  std::vector<std::unique_ptr<node>> nodes_;
};

namespace detail {

/// f(first row, last row) over fixed blocks of rows.
template <class T, class F>
void for_row_blocks(const Tape<T>& tape, std::size_t rows, std::size_t cols, F&& f) {
  core::parallel_for(tape.executor(), rows, rows_of_block(cols), f);
}

}  // namespace detail
}  // namespace qat
