#include <qat/kernels/rope.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <tests/support/floats.hpp>

using qat::rope_config;
using qat::rope_layout;
using qat::RopeTable;

namespace {

constexpr double pi = 3.14159265358979323846;

/// The published formulas in double.
double frequency(const rope_config& c, std::size_t i, std::size_t width) {
  const double f = std::pow(double(c.theta), -2.0 * double(i) / double(width));
  if (c.scaling == qat::rope_scaling::none) return f;
  if (c.scaling == qat::rope_scaling::linear) return f / double(c.factor);
  const double wave = 2.0 * pi / f, length = double(c.original_context);
  if (wave < length / double(c.high_frequency_factor)) return f;
  if (wave > length / double(c.low_frequency_factor)) return f / double(c.factor);
  const double s = (length / wave - double(c.low_frequency_factor)) /
                   (double(c.high_frequency_factor) - double(c.low_frequency_factor));
  return s * f + (1.0 - s) * f / double(c.factor);
}

}  // namespace

TEST_CASE("rope_frequency: follows the published rules") {
  const rope_config plain{}, large{.theta = 500000.0f};
  const rope_config linear{.scaling = qat::rope_scaling::linear, .factor = 4.0f};
  const rope_config llama3{
      .theta = 500000.0f, .scaling = qat::rope_scaling::llama3, .factor = 8.0f};
  for (const rope_config& c : {plain, large, linear, llama3})
    for (const std::size_t width : {8u, 64u, 128u})
      for (std::size_t i = 0; i < width / 2; ++i) {
        const double exact = frequency(c, i, width);
        // pow within 0.83 ulp plus the exponent's rounding times ln(theta) < 13.2; llama3's blend divides a difference
        // of numbers near 8 by 3: 20 roundings are more than all of that.
        CHECK(std::abs(double(qat::rope_frequency(c, i, width)) - exact) <= exact * 32 * 0x1p-24);
      }
  CHECK(qat::rope_frequency(plain, 0, 8) == 1.0f);
}

TEST_CASE("RopeTable: position 0 turns nothing and every pair lies on the unit circle") {
  const RopeTable<float> table({}, 48, 600);
  for (std::size_t p = 0; p < 600; p += 37)
    for (std::size_t i = 0; i < 24; ++i) {
      const double c = double(table.cos(p)[i]), s = double(table.sin(p)[i]);
      CHECK(std::abs(c * c + s * s - 1.0) <= 4 * 0x1p-24);  // each within 0.74 ulp
      if (p == 0) CHECK(s == 0.0);
    }
  CHECK_THROWS_AS(RopeTable<float>({}, 7, 2), qat::ContractViolation);
}

TEST_CASE("rotate_row: both layouts rotate the same pairs") {
  for (const std::size_t width : {2u, 8u, 48u, 160u}) {
    const RopeTable<float> split({}, width, 30);
    const RopeTable<float> interleaved({.layout = rope_layout::interleaved}, width, 30);
    constexpr std::size_t heads = 3;
    const std::size_t half = width / 2;
    const auto x = qat::testing::uniform_floats(1, heads * width);
    std::vector<float> shuffled(x.size()), y(x.size()), z(x.size());
    for (std::size_t h = 0; h < heads; ++h)
      for (std::size_t i = 0; i < half; ++i) {
        shuffled[h * width + 2 * i] = x[h * width + i];
        shuffled[h * width + 2 * i + 1] = x[h * width + half + i];
      }
    qat::rotate_row(split, 29, heads, x.data(), y.data());
    qat::rotate_row(interleaved, 29, heads, shuffled.data(), z.data());
    for (std::size_t h = 0; h < heads; ++h)
      for (std::size_t i = 0; i < half; ++i) {
        const float c = split.cos(29)[i], s = split.sin(29)[i];
        const float a = x[h * width + i], b = x[h * width + half + i];
        CHECK(y[h * width + i] == qat::core::fma(a, c, -qat::core::product(b, s)));
        CHECK(y[h * width + half + i] == qat::core::fma(b, c, qat::core::product(a, s)));
        CHECK(z[h * width + 2 * i] == y[h * width + i]);
        CHECK(z[h * width + 2 * i + 1] == y[h * width + half + i]);
      }
    std::vector<float> in_place = x;
    qat::rotate_row(split, 29, heads, in_place.data(), in_place.data());
    CHECK(in_place == y);
  }
}

TEST_CASE("add_rotated_back: turns back what was turned and adds") {
  for (const rope_layout layout : {rope_layout::half_split, rope_layout::interleaved}) {
    const RopeTable<double> table({.layout = layout}, 10, 9);
    std::vector<double> x(20), y(20), back(20, 1.0);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = double(qat::testing::uniform(3, i));
    qat::rotate_row(table, 8, 2, x.data(), y.data());
    qat::add_rotated_back(table, 8, 2, y.data(), back.data());
    for (std::size_t i = 0; i < x.size(); ++i)
      // cos^2 + sin^2 of a table rounded to float differs from 1 by 4 2^-24 at most.
      CHECK(std::abs(back[i] - 1.0 - x[i]) <= 4 * 0x1p-24);
  }
}

TEST_CASE("RopeTable: given tables are taken as they are") {
  const qat::RopeTable<float> computed({}, 6, 4);
  std::vector<float> cosines(computed.cos(0), computed.cos(0) + 12),
      sines(computed.sin(0), computed.sin(0) + 12);
  const qat::RopeTable<float> given(qat::rope_layout::half_split, 6, cosines, sines);
  CHECK(given.positions() == 4);
  CHECK(given.head_size() == 6);
  CHECK(std::equal(given.cos(3), given.cos(3) + 3, computed.cos(3)));
  CHECK(std::equal(given.sin(3), given.sin(3) + 3, computed.sin(3)));
  sines.pop_back();
  CHECK_THROWS_WITH_AS(qat::RopeTable<float>(qat::rope_layout::half_split, 6, cosines, sines),
                       doctest::Contains("12 cosines, 11 sines, a head size of 6"),
                       qat::ContractViolation);
}
