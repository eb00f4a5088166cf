#pragma once

#include <qat/core/contracts.hpp>
#include <qat/tensor/aligned_buffer.hpp>
#include <qat/tensor/tensor_view.hpp>

#include <algorithm>
#include <cstddef>
#include <string>

/// \file
/// The memory of a training step: one block whose size is found by running the step on shapes alone.

namespace qat {

/// Hands out pieces of one block, one behind the other. A planning arena has no block: it hands out null views and counts,
/// so that the same code run on it gives the size that a real run needs, exactly.
///
///   Arena plan;                     step(plan, shapes);            // computes nothing
///   Arena arena(plan.high_water()); step(arena, data);
class Arena {
 public:
  /// Plans.
  Arena() = default;

  /// Owns `bytes` of memory.
  ///
  /// Throws  std::bad_alloc.
  explicit Arena(std::size_t bytes) : memory_(make_aligned_buffer(bytes)), capacity_(bytes) {}

  /// True if nothing behind its views may be touched.
  [[nodiscard]] bool plans() const { return memory_ == nullptr; }

  /// A view of uninitialized elements on a cache line; null while planning.
  ///
  /// Throws  ContractViolation beyond the plan, with the numbers.
  template <class T>
  [[nodiscard]] TensorView<T> take(const Shape& shape) {
    const std::size_t elements = shape.size();
    const std::size_t bytes =
        (elements * sizeof(T) + buffer_alignment - 1) / buffer_alignment * buffer_alignment;
    if (!plans()) {
      QAT_EXPECTS(bytes <= capacity_ - used_, std::to_string(bytes) + " bytes where " +
                                                  std::to_string(capacity_ - used_) + " of " +
                                                  std::to_string(capacity_) + " are left");
    }
    T* const data = plans() ? nullptr : reinterpret_cast<T*>(memory_.get() + used_);
    used_ += bytes;
    high_water_ = std::max(high_water_, used_);
    return {data, shape};
  }

  /// Bytes in use.
  [[nodiscard]] std::size_t used() const { return used_; }
  /// The most bytes that ever were in use.
  [[nodiscard]] std::size_t high_water() const { return high_water_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  /// Gives back everything that was taken since used() was `mark`.
  ///
  /// Throws  ContractViolation if less than that is in use.
  void release(std::size_t mark) {
    QAT_EXPECTS(mark <= used_, std::to_string(mark) + " of " + std::to_string(used_) + " bytes");
    used_ = mark;
  }

 private:
  AlignedBuffer memory_;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
  std::size_t high_water_ = 0;
};

/// Gives back at the end of a scope what was taken in it.
class ArenaScope {
 public:
  explicit ArenaScope(Arena& arena) : arena_(arena), mark_(arena.used()) {}
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;
  ~ArenaScope() { arena_.release(mark_); }

 private:
  Arena& arena_;
  std::size_t mark_;
};

}  // namespace qat
