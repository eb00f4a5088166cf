#pragma once

#include <qat/policy/concepts.hpp>

/// \file
/// Who shares a scale, over a matrix (rows, cols). Groups are numbered row by row.

namespace qat {

/// One scale for the whole tensor. Default.
struct per_tensor : policy_of<policy_kind::granularity> {
  static constexpr bool whole_tensor = true;
  static constexpr bool must_divide = false;
  QAT_HOST_DEVICE static constexpr std::size_t group_size(std::size_t cols) noexcept {
    return cols;
  }
};

/// One scale a row of a weight (O, I): an output channel.
struct per_channel : policy_of<policy_kind::granularity> {
  static constexpr bool whole_tensor = false;
  static constexpr bool must_divide = false;
  QAT_HOST_DEVICE static constexpr std::size_t group_size(std::size_t cols) noexcept {
    return cols;
  }
};

/// One scale a row of an activation (N, I): a token.
struct per_token : policy_of<policy_kind::granularity> {
  static constexpr bool whole_tensor = false;
  static constexpr bool must_divide = false;
  QAT_HOST_DEVICE static constexpr std::size_t group_size(std::size_t cols) noexcept {
    return cols;
  }
};

/// One scale for G consecutive elements of a row; the last group of a row may be shorter.
template <int G>
  requires(G >= 1)
struct per_group : policy_of<policy_kind::granularity> {
  static constexpr bool whole_tensor = false;
  static constexpr bool must_divide = false;
  QAT_HOST_DEVICE static constexpr std::size_t group_size(std::size_t) noexcept { return G; }
};

/// One scale a head: D consecutive elements of a row (N, H * D); a width that D does not divide is refused.
template <int D>
  requires(D >= 1)
struct per_head : policy_of<policy_kind::granularity> {
  static constexpr bool whole_tensor = false;
  static constexpr bool must_divide = true;
  QAT_HOST_DEVICE static constexpr std::size_t group_size(std::size_t) noexcept { return D; }
};

}  // namespace qat
