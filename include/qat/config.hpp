#pragma once

/// \file
/// Every macro of the library, and the refusals of builds in which its arithmetic would not hold.

#if !defined(__cplusplus) || __cplusplus < 202002L
#error "qat needs C++20: compile with -std=c++20 or later."
#endif

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#error \
    "qat defines every result to the bit and cannot do so under fast-math: remove -ffast-math (-Ofast, -ffinite-math-only, -fassociative-math, -freciprocal-math, -fno-signed-zeros) for the files that include qat."
#endif

#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0
#error "qat needs float expressions evaluated in float: on x86 compile with -mfpmath=sse."
#endif

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error \
    "qat supports little-endian machines only: its packed layouts are byte streams read in place."
#endif

/// Marks the arithmetic that host and device share; empty unless nvcc compiles.
#if defined(__CUDACC__)
#define QAT_HOST_DEVICE __host__ __device__
#else
#define QAT_HOST_DEVICE
#endif

/// Always inlined: the bodies of element loops.
#define QAT_INLINE inline __attribute__((always_inline))

/// The same for a lambda, between its parameters and its body.
#define QAT_LAMBDA_INLINE __attribute__((always_inline))

/// Checks a rule of the caller at an API edge; always on.
/// \throws qat::ContractViolation with the function, the rule, `got` (a string with the values), file and line.
#define QAT_EXPECTS(rule, got)                                                                \
  do {                                                                                        \
    if (!(rule)) ::qat::detail::violate_contract(__func__, #rule, (got), __FILE__, __LINE__); \
  } while (false)

/// Checks an invariant of ours; aborts unless NDEBUG, where it only compiles its operand.
#if defined(NDEBUG)
#define QAT_ASSERT(rule)                \
  do {                                  \
    if (false) static_cast<void>(rule); \
  } while (false)
#else
#define QAT_ASSERT(rule)           \
  do {                             \
    if (!(rule)) __builtin_trap(); \
  } while (false)
#endif
