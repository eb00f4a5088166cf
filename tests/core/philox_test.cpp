#include <qat/core/philox.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>

namespace {

using words = std::array<std::uint32_t, 4>;

}  // namespace

TEST_CASE("philox: gives the known answers of Random123") {
  // kat_vectors of Random123 1.14, philox4x32 with 10 rounds.
  static_assert(qat::core::philox4x32({0, 0, 0, 0}, {0, 0}) ==
                words{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u});
  static_assert(qat::core::philox4x32({0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu},
                                      {0xffffffffu, 0xffffffffu}) ==
                words{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu});
  static_assert(qat::core::philox4x32({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u},
                                      {0xa4093822u, 0x299f31d0u}) ==
                words{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u});
  volatile std::uint32_t zero = 0;  // once at run time
  const std::uint32_t z = zero;
  CHECK(qat::core::philox4x32({z, z, z, z}, {z, z}) ==
        words{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u});
}

TEST_CASE("random_bits: place index / 4 and stream in the counter and the seed in the key") {
  const std::uint64_t seed = 0x299f31d0a4093822u;
  const std::uint64_t stream = 0x0370734413198a2eu;
  const std::uint64_t block = 0x05a308d3243f6a88u;
  const words expected = qat::core::philox4x32({0x243f6a88u, 0x05a308d3u, 0x13198a2eu, 0x03707344u},
                                               {0xa4093822u, 0x299f31d0u});
  for (std::uint64_t j = 0; j < 4; ++j)
    CHECK(qat::core::random_bits(seed, stream, 4 * block + j) == expected[j]);
  CHECK(qat::core::random_block(seed, stream, block) == expected);
  static_assert(qat::core::random_bits(0, 0, 0) == 0x6627e8d5u);
  static_assert(qat::core::random_bits(0, 0, 3) == 0x9b00dbd8u);
}

TEST_CASE("random_bits: seeds and streams and indices give unrelated words") {
  const std::uint32_t here = qat::core::random_bits(7, 8, 9);
  CHECK(here != qat::core::random_bits(8, 8, 9));
  CHECK(here != qat::core::random_bits(7, 9, 9));
  CHECK(here != qat::core::random_bits(7, 8, 10));
  CHECK(here != qat::core::random_bits(7 + (std::uint64_t{1} << 32), 8, 9));
  CHECK(here != qat::core::random_bits(7, 8 + (std::uint64_t{1} << 32), 9));
  CHECK(here != qat::core::random_bits(7, 8, 9 + (std::uint64_t{1} << 34)));
}

TEST_CASE("random_bits: every bit is set about half of the time") {
  constexpr std::uint64_t count = 1 << 16;
  std::array<std::uint32_t, 32> ones{};
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint32_t word = qat::core::random_bits(1, 2, i);
    for (std::size_t bit = 0; bit < 32; ++bit) ones[bit] += (word >> bit) & 1u;
  }
  // Binomial(2^16, 1/2) has standard deviation 128; 6 of them fail by chance once in 10^7 runs of 32 bits, and the data
  // is fixed anyway.
  for (std::uint32_t n : ones) {
    CHECK(n > count / 2 - 6 * 128);
    CHECK(n < count / 2 + 6 * 128);
  }
}
