#pragma once

#include <qat/core/parallel_for.hpp>

#include <cstddef>
#include <memory>
#include <type_traits>

/// \file
/// An executor behind a pointer, for classes that should not be templates on it.

namespace qat::core {

/// Borrows any executor and is one itself; by default the caller's thread. Two pointers, cheap to copy.
///
/// Valid  as long as the executor that it was made from.
class executor_reference {
 public:
  executor_reference() = default;

  template <executor E>
    requires(!std::is_same_v<std::remove_cvref_t<E>, executor_reference>)
  executor_reference(E& e)
  noexcept  // NOLINT(google-explicit-constructor): a reference is what it looks like
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(e)))),
        run_([](void* object, std::size_t count, void* task, invoker invoke) {
          static_cast<E*>(object)->run(count, [task, invoke](std::size_t i) { invoke(task, i); });
        }) {}

  /// f(i) once for each i in [0, count), as the executor does it.
  template <class F>
    requires std::invocable<F&, std::size_t>
  void run(std::size_t count, F&& f) const {
    if (object_ == nullptr) return serial_executor{}.run(count, f);
    run_(object_, count, const_cast<void*>(static_cast<const void*>(std::addressof(f))),
         [](void* task, std::size_t i) { (*static_cast<std::remove_reference_t<F>*>(task))(i); });
  }

 private:
  using invoker = void (*)(void*, std::size_t);

  void* object_ = nullptr;
  void (*run_)(void*, std::size_t, void*, invoker) = nullptr;
};

}  // namespace qat::core
