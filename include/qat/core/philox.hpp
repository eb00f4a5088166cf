#pragma once

#include <qat/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

/// \file
/// Random bits as a function of (seed, stream, index): no state, no call order, the same on every machine.

namespace qat::core {

/// Philox4x32 with 10 rounds: a keyed bijection of 128-bit counters that passes as a random function.
///
///   ten times: (hi0, lo0) = 0xD2511F53 * c0, (hi1, lo1) = 0xCD9E8D57 * c2;
///              c = (hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0);  k += (0x9E3779B9, 0xBB67AE85) between rounds
///
/// Valid   every counter and key.
/// Error   exact; equals Random123's philox4x32 (its known-answer vectors are in the test).
/// Cost    20 multiplications for four words.
/// Source  Salmon, Moraes, Dror and Shaw 2011, Parallel random numbers: as easy as 1, 2, 3.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox4x32(
    std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {
        static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(p1),
        static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// The four words at indices 4 * block .. 4 * block + 3 of a stream; word j is random_bits(seed, stream, 4 * block + j).
///
/// Valid  block < 2^62.
/// Error  exact.
/// Cost   one philox4x32.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> random_block(std::uint64_t seed,
                                                                  std::uint64_t stream,
                                                                  std::uint64_t block) noexcept {
  return philox4x32({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                     static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                    {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

/// 32 uniform random bits for one index of one stream.
///
///   philox4x32(counter = (index / 4, stream), key = seed)[index mod 4], 64-bit numbers low word first
///
/// Valid  every seed, stream and index.
/// Error  exact: the bits depend on the three numbers only, never on call order, blocks or threads.
/// Cost   one philox4x32; for consecutive indices random_block gives four words for the same cost.
[[nodiscard]] constexpr std::uint32_t random_bits(std::uint64_t seed, std::uint64_t stream,
                                                  std::uint64_t index) noexcept {
  return random_block(seed, stream, index >> 2)[static_cast<std::size_t>(index & 3u)];
}

}  // namespace qat::core
