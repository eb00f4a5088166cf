#pragma once

#include <qat/policy/concepts.hpp>

/// \file
/// The width of a code.

namespace qat {

/// Codes of N bits, 1 <= N <= 8. One bit exists for affine quantizers only: codes 0 and 1.
template <int N>
  requires(N >= 1 && N <= 8)
struct bits : policy_of<policy_kind::bit_width> {
  static constexpr int value = N;
};

}  // namespace qat
