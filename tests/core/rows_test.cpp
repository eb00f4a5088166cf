#include <qat/core/philox.hpp>
#include <qat/core/rows.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include <tests/support/architectures.hpp>
#include <tests/support/floats.hpp>

using qat::testing::for_each_arch;
using qat::testing::infinity;
using qat::testing::not_a_number;
using qat::testing::pattern;
using qat::testing::same;

namespace {

namespace core = qat::core;

/// Sign and mantissa random, exponents within a factor of 2^8.
std::vector<float> random_row(std::size_t n, std::uint64_t stream) {
  std::vector<float> row(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t r = core::random_bits(5, stream, i);
    row[i] = std::bit_cast<float>((r & 0x83ffffffu) + 0x3c000000u);
  }
  return row;
}

const std::size_t sizes[] = {0,  1,  2,   3,   15,  16,  17,  31,  32,   33,  63,
                             64, 65, 127, 128, 129, 191, 192, 200, 1000, 4099};

/// FNV-1a over the patterns of the results.
struct hash {
  std::uint64_t value = 0xcbf29ce484222325u;
  void add(float x) {
    for (int shift = 0; shift < 32; shift += 8)
      value = (value ^ ((pattern(x) >> shift) & 0xffu)) * 0x100000001b3u;
  }
};

}  // namespace

TEST_CASE("rows: every reduction has the bits of the oracle for all sizes and alignments") {
  const std::string names = for_each_arch([](auto arch) {
    using Arch = decltype(arch);
    const std::string name = Arch::name();
    CAPTURE(name);
    std::size_t wrong = 0;
    for (std::size_t n : sizes)
      for (std::size_t offset : {0u, 1u, 3u}) {
        // NaN on both sides: a read outside of the row would show.
        std::vector<float> x(n + offset + 64, not_a_number), y = x;
        const std::vector<float> a = random_row(n, n), b = random_row(n, n + 1);
        std::copy(a.begin(), a.end(), x.begin() + static_cast<std::ptrdiff_t>(offset));
        std::copy(b.begin(), b.end(), y.begin() + static_cast<std::ptrdiff_t>(offset));
        const float* p = x.data() + offset;
        const float* q = y.data() + offset;
        const core::row_bounds got = core::bounds<Arch>(p, n),
                               expected = core::oracle::bounds(p, n);
        if (pattern(core::absmax<Arch>(p, n)) != pattern(core::oracle::absmax(p, n))) ++wrong;
        if (pattern(got.low) != pattern(expected.low) ||
            pattern(got.high) != pattern(expected.high))
          ++wrong;
        if (pattern(core::sum<Arch>(p, n)) != pattern(core::oracle::sum(p, n))) ++wrong;
        if (pattern(core::dot<Arch>(p, q, n)) != pattern(core::oracle::dot(p, q, n))) ++wrong;
        if (pattern(core::sum_of_squares<Arch>(p, n)) !=
            pattern(core::oracle::sum_of_squares(p, n)))
          ++wrong;
        if (n != 0 && !std::isfinite(core::sum<Arch>(p, n))) ++wrong;
      }
    CHECK(wrong == 0);
  });
  MESSAGE("architectures: " << names);
}

TEST_CASE("rows: sums take the lanes and the folds of the definition") {
  // 2^24 + 1 rounds to 2^24: what is lost tells who was added to whom, and when.
  std::vector<float> x(129, 0.0f);
  x[0] = 0x1p24f;
  x[64] = 1.0f;   // the same lane as x[0]: lost
  x[128] = 1.0f;  // lost again
  CHECK(core::sum(x.data(), x.size()) == 0x1p24f);
  x[64] = x[128] = 0.0f;
  x[32] = x[16] = 1.0f;  // folded into lane 0 one after the other: both lost
  CHECK(core::sum(x.data(), x.size()) == 0x1p24f);
  x[16] = 0.0f;
  x[1] = 1.0f;  // lane 33 and lane 1 meet in lane 1 first: 2 survives
  x[32] = 0.0f;
  x[33] = 1.0f;
  CHECK(core::sum(x.data(), x.size()) == 0x1p24f + 2.0f);
  CHECK(core::oracle::sum(x.data(), x.size()) == 0x1p24f + 2.0f);
}

TEST_CASE("rows: squares and dots keep their low parts by one rounding a step") {
  const float e = 1.0f + 0x1p-12f;
  std::vector<float> x(65, 0.0f), y(65, 0.0f);
  x[0] = -1.0f - 0x1p-11f;  // minus the rounded square
  y[0] = 1.0f;
  x[64] = y[64] = e;
  CHECK(core::dot(x.data(), y.data(), x.size()) == 0x1p-24f);
  x[0] = 0.0f;
  CHECK(core::sum_of_squares(x.data(), x.size()) == 1.0f + 0x1p-11f);
}

TEST_CASE("rows: a stored product is not fused into a sum") {
  volatile float source = 1.0f + 0x1p-12f;
  const float e = source;
  constexpr std::size_t lanes = core::lane_count<>;
  alignas(64) float x[2 * core::row_lanes] = {};
  for (std::size_t i = 0; i < core::row_lanes; i += lanes) {
    core::store(x + i, core::float_batch<>(-(1.0f + 0x1p-11f)));
    core::store(x + core::row_lanes + i,
                core::float_batch<>(core::float_batch<>(e) * core::float_batch<>(e)));
  }
  CHECK(core::sum(x, 2 * core::row_lanes) == 0.0f);
  CHECK(core::oracle::sum(x, 2 * core::row_lanes) == 0.0f);
}

TEST_CASE("absmax: NaN wins over infinity and infinity over finite numbers at any place") {
  for_each_arch([](auto arch) {
    using Arch = decltype(arch);
    const std::string name = Arch::name();
    CAPTURE(name);
    for (std::size_t n : {1u, 5u, 64u, 130u})
      for (std::size_t at = 0; at < n; ++at) {
        std::vector<float> x(n, -std::numeric_limits<float>::max());
        CHECK(core::absmax<Arch>(x.data(), n) == std::numeric_limits<float>::max());
        x[at] = -infinity;
        CHECK(core::absmax<Arch>(x.data(), n) == infinity);
        CHECK(core::bounds<Arch>(x.data(), n).low == -infinity);
        x[n - 1 - at] = std::copysign(not_a_number, at % 2 == 0 ? -1.0f : 1.0f);
        CHECK(std::isnan(core::absmax<Arch>(x.data(), n)));
        const core::row_bounds b = core::bounds<Arch>(x.data(), n);
        CHECK((std::isnan(b.low) || std::isnan(b.high)));
      }
  });
}

TEST_CASE("rows: empty rows and zeros have the documented results") {
  for_each_arch([](auto arch) {
    using Arch = decltype(arch);
    const std::string name = Arch::name();
    CAPTURE(name);
    const float negative_zero[3] = {-0.0f, -0.0f, -0.0f};
    CHECK(pattern(core::absmax<Arch>(nullptr, 0)) == 0u);
    CHECK(pattern(core::sum<Arch>(nullptr, 0)) == 0u);
    CHECK(pattern(core::dot<Arch>(nullptr, nullptr, 0)) == 0u);
    CHECK(pattern(core::sum_of_squares<Arch>(nullptr, 0)) == 0u);
    CHECK(core::bounds<Arch>(nullptr, 0).low == infinity);
    CHECK(core::bounds<Arch>(nullptr, 0).high == -infinity);
    CHECK(pattern(core::absmax<Arch>(negative_zero, 3)) == 0u);
    CHECK(pattern(core::sum<Arch>(negative_zero, 3)) == 0u);
    CHECK(pattern(core::bounds<Arch>(negative_zero, 3).high) == pattern(-0.0f));
    const float denormals[3] = {0x1p-149f, -0x1p-148f, 0.0f};
    CHECK(core::absmax<Arch>(denormals, 3) == 0x1p-148f);
    CHECK(core::sum<Arch>(denormals, 3) == -0x1p-149f);
  });
}

TEST_CASE("transform: writes f of each element and nothing beyond") {
  for_each_arch([](auto arch) {
    using Arch = decltype(arch);
    const std::string name = Arch::name();
    CAPTURE(name);
    const auto f = [](auto v) {
      using V = decltype(v);
      return core::fma(v, v, V(1.0f));
    };
    for (std::size_t n : sizes) {
      const std::vector<float> x = random_row(n, 77);
      std::vector<float> y(n + 1, -1.0f), z = x;
      core::transform<Arch>(x.data(), n, y.data(), f);
      core::transform<Arch>(z.data(), n, z.data(), f);  // in place
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < n; ++i)
        if (!same(y[i], f(x[i])) || !same(z[i], y[i])) ++wrong;
      CHECK(wrong == 0);
      CHECK(y[n] == -1.0f);
    }
  });
}

TEST_CASE("rows: one hash on every compiler and flag and instruction set") {
  for_each_arch([](auto arch) {
    using Arch = decltype(arch);
    const std::string name = Arch::name();
    CAPTURE(name);
    hash h;
    for (std::size_t n : sizes) {
      const std::vector<float> x = random_row(n, 1), y = random_row(n, 2);
      const core::row_bounds b = core::bounds<Arch>(x.data(), n);
      for (float r :
           {core::absmax<Arch>(x.data(), n), b.low, b.high, core::sum<Arch>(x.data(), n),
            core::dot<Arch>(x.data(), y.data(), n), core::sum_of_squares<Arch>(x.data(), n)})
        h.add(r);
    }
    CHECK(h.value == 0xb3374cc4574ef6c8u);
  });
}
