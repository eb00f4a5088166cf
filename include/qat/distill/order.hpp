#pragma once

#include <qat/core/philox.hpp>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

/// \file
/// Random orders that depend on a seed alone.

namespace qat::distill {

/// 0 .. count - 1 in a random order, after Fisher and Yates with random_bits(seed, stream, i).
///
/// Valid   count < 2^32.
/// Error   no order is more probable than another by more than count 2^-32.
/// Cost    count random words.
[[nodiscard]] inline std::vector<std::uint32_t> shuffled(std::size_t count, std::uint64_t seed,
                                                         std::uint64_t stream) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  for (std::size_t i = count; i > 1; --i) {
    const std::uint64_t draw = core::random_bits(seed, stream, i);
    std::swap(order[i - 1], order[static_cast<std::size_t>(draw * i >> 32)]);
  }
  return order;
}

}  // namespace qat::distill
