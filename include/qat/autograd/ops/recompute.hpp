#pragma once

#include <qat/autograd/tape.hpp>

#include <algorithm>
#include <utility>

/// \file
/// Memory for time: a part of the computation that keeps nothing but its input, and is computed again for its gradient.

namespace qat {

/// y = part(tape, x), of which only y stays in the arena.
///
///   forward   part on a tape that records nothing, its scratch given back
///   backward  part again on a recording tape of its own, walked from y's gradient
///
/// Shapes    x and y alike: what enters and leaves a residual block.
/// Error     the bits of part itself, value and gradients: x's gradient and those of parameters get the same terms in the
///           same order.
/// Throws    what part throws; ContractViolation if the shapes differ.
/// Cost      part twice; the memory of part once, whatever the number of such parts.
/// Source    Chen et al. 2016 (arXiv 1604.06174).
template <class T, class Part>
Variable<T> recompute(Tape<T>& tape, const Variable<T>& x, Part part) {
  const Variable<T> y = tape.make(x.shape(), true);
  {
    const ArenaScope scope(tape.arena());
    Tape<T> forgetful(tape.arena(), tape_mode::infer, tape.executor());
    const Variable<T> value = part(forgetful, Variable<T>{x.value, {}, false});
    QAT_EXPECTS(value.shape() == y.shape(),
                to_string(value.shape()) + " from " + to_string(x.shape()));
    if (tape.computes()) std::copy_n(value.value.data(), value.value.size(), y.value.data());
  }
  tape.record(y, [x, y, part = std::move(part)](Tape<T>& t) {
    Tape<T> again(t.arena(), tape_mode::train, t.executor());
    const Variable<T> value = part(again, x);
    if (t.computes()) std::copy_n(y.gradient.data(), y.gradient.size(), value.gradient.data());
    again.backward();
  });
  return y;
}

}  // namespace qat
