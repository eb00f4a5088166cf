#pragma once

#include <qat/policy/concepts.hpp>

/// \file
/// Which levels exist in units of the scale. Only the integers so far; the kind is separate so that others can join.

namespace qat {

/// Levels are the integers code - zero_point. Default.
struct integer_grid : policy_of<policy_kind::grid> {
  static constexpr bool is_integer = true;
};

}  // namespace qat
