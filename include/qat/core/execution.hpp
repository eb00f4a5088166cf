#pragma once

#include <qat/core/batch.hpp>
#include <qat/core/parallel_for.hpp>

#include <type_traits>

/// \file
/// Where and how a function runs: the optional first argument of the functions over matrices.
///
///   qat::fake_quantize<W4>(x, params, y);                              // simd, in the caller's thread
///   qat::fake_quantize<W4>(qat::scalar{}, x, params, y);               // the oracle
///   qat::fake_quantize<W4>(qat::parallel(threads), x, params, y);      // simd, fixed blocks on an executor
///
/// Every choice gives the same bits.

namespace qat {

/// Plain C++, element by element: the oracle of every other backend.
struct scalar {};

/// Rows of floats in the registers of Arch, an xsimd architecture; by default that of the translation unit.
template <class Arch = core::default_arch>
struct simd {
  using arch = Arch;
};

namespace detail {

template <class B>
inline constexpr bool is_backend = false;
template <>
inline constexpr bool is_backend<scalar> = true;
template <class Arch>
inline constexpr bool is_backend<simd<Arch>> = true;

}  // namespace detail

namespace detail {

/// The registers of a backend, void for scalar.
template <class B>
struct backend_arch {
  using type = void;
};
template <class Arch>
struct backend_arch<simd<Arch>> {
  using type = Arch;
};
template <class B>
using arch_of_backend = typename backend_arch<B>::type;

}  // namespace detail

/// scalar or simd<Arch>.
template <class B>
concept backend = detail::is_backend<B>;

/// A backend together with a borrowed executor.
template <core::executor Executor, backend Backend>
struct parallel_execution {
  Executor* executor;
};

/// Runs on `executor`, which must outlive the call.
template <core::executor Executor, backend Backend = simd<>>
[[nodiscard]] constexpr parallel_execution<Executor, Backend> parallel(Executor& executor,
                                                                       Backend = {}) {
  return {&executor};
}

namespace detail {

template <class E>
struct execution_traits {
  static constexpr bool valid = is_backend<E>;
  using backend_type = E;
  template <class F>
  static void run(const E&, std::size_t count, std::size_t block, F&& f) {
    core::serial_executor serial;
    core::parallel_for(serial, count, block, f);
  }
};
template <class Executor, class Backend>
struct execution_traits<parallel_execution<Executor, Backend>> {
  static constexpr bool valid = true;
  using backend_type = Backend;
  template <class F>
  static void run(const parallel_execution<Executor, Backend>& e, std::size_t count,
                  std::size_t block, F&& f) {
    core::parallel_for(*e.executor, count, block, f);
  }
};

}  // namespace detail

/// What may stand first: a backend, or parallel(executor, backend).
template <class E>
concept execution = detail::execution_traits<E>::valid;

}  // namespace qat
