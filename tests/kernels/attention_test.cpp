#include <qat/kernels/attention.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <tests/support/floats.hpp>

using qat::testing::uniform_floats;

namespace {

/// Keys and values (T, D) in the order in which attention reads them; what lies behind them is NaN.
template <class T>
struct memory_of {
  std::vector<T> keys, values;

  memory_of(const std::vector<T>& k, const std::vector<T>& v, std::size_t positions,
            std::size_t width)
      : keys(qat::panel_elements(positions, width)),
        values(positions * qat::padded_to_panel(width)) {
    qat::pack_panels(qat::core::serial_executor{},
                     qat::matrix_view<const T>(k.data(), positions, width), keys.data());
    for (std::size_t j = positions; j < qat::padded_to_panel(positions); ++j)
      for (std::size_t d = 0; d < width; ++d)
        keys[(j / 32 * width + d) * 32 + j % 32] = std::numeric_limits<T>::quiet_NaN();
    for (std::size_t j = 0; j < positions; ++j)
      for (std::size_t d = 0; d < width; ++d)
        values[j * qat::padded_to_panel(width) + d] = v[j * width + d];
  }
  [[nodiscard]] qat::attention_memory<T> view() const { return {keys.data(), values.data()}; }
};

/// The definition for one query.
std::vector<float> definition(const float* q, const std::vector<float>& k,
                              const std::vector<float>& v, std::size_t position, std::size_t width,
                              float scale) {
  std::vector<float> p(position + 1), out(width, 0.0f);
  float maximum = -qat::testing::infinity;
  for (std::size_t j = 0; j <= position; ++j) {
    float s = 0.0f;
    for (std::size_t d = 0; d < width; ++d) s = qat::core::fma(q[d], k[j * width + d], s);
    p[j] = qat::core::product(s, scale);
    maximum = std::max(maximum, p[j]);
  }
  for (float& s : p) s = qat::core::exp(qat::core::opaque(s - maximum));
  const float sum = qat::core::oracle::sum(p.data(), p.size());
  for (std::size_t d = 0; d < width; ++d) {
    for (std::size_t j = 0; j <= position; ++j)
      out[d] = qat::core::fma(p[j], v[j * width + d], out[d]);
    out[d] = out[d] / sum;
  }
  return out;
}

}  // namespace

TEST_CASE("attention: every row follows the definition and no row sees the future") {
  for (const std::size_t width : {2u, 8u, 32u, 48u})
    for (const std::size_t positions : {1u, 5u, 33u, 71u}) {
      INFO("D " << width << " T " << positions);
      const std::size_t n = positions * width;
      const auto q = uniform_floats(1, n, 3.0f), k = uniform_floats(2, n), v = uniform_floats(3, n);
      const memory_of<float> memory(k, v, positions, width);
      std::vector<float> out(n + 1, 4.0f), scratch(qat::attention_scratch(positions, width));
      qat::attend<float>({q.data(), positions, width}, 0, memory.view(), 0.25f,
                         {out.data(), positions, width}, scratch.data());
      CHECK(out[n] == 4.0f);
      for (std::size_t t = 0; t < positions; ++t) {
        const auto expected = definition(q.data() + t * width, k, v, t, width, 0.25f);
        REQUIRE(std::equal(expected.begin(), expected.end(),
                           out.begin() + static_cast<std::ptrdiff_t>(t * width)));
      }
    }
}

TEST_CASE("attention: heads at one position follow the definition each") {
  constexpr std::size_t width = 24, positions = 70;
  const auto k = uniform_floats(2, positions * width), v = uniform_floats(3, positions * width);
  const memory_of<float> memory(k, v, positions, width);
  for (const std::size_t heads : {1u, 2u, 3u, 7u, 13u})
    for (const std::size_t position : {0u, 31u, 69u}) {
      INFO(heads << " heads at position " << position);
      const auto q = uniform_floats(1, heads * width, 3.0f);
      std::vector<float> out(heads * width + 1, 4.0f);
      std::vector<float> scratch(qat::attention_scratch(position + 1, width) + 1, 4.0f);
      qat::attend<float>({q.data(), heads, width}, position, memory.view(), 0.25f,
                         {out.data(), heads, width}, scratch.data(), qat::query_positions::equal);
      CHECK(out.back() == 4.0f);
      CHECK(scratch.back() == 4.0f);
      for (std::size_t h = 0; h < heads; ++h) {
        const auto expected = definition(q.data() + h * width, k, v, position, width, 0.25f);
        REQUIRE(std::equal(expected.begin(), expected.end(),
                           out.begin() + static_cast<std::ptrdiff_t>(h * width)));
      }
    }
}

TEST_CASE("attention: token by token has the bits of all at once") {
  constexpr std::size_t width = 24, positions = 70;
  constexpr std::size_t n = positions * width;
  const auto q = uniform_floats(1, n, 3.0f), k = uniform_floats(2, n), v = uniform_floats(3, n);
  const memory_of<float> memory(k, v, positions, width);
  std::vector<float> together(n), alone(n), scratch(qat::attention_scratch(positions, width));
  qat::attend<float>({q.data(), positions, width}, 0, memory.view(), 0.2f,
                     {together.data(), positions, width}, scratch.data());
  std::size_t t = 0;
  for (const std::size_t count : {1u, 1u, 17u, 1u, 50u}) {
    const std::vector<float> k_then(k.begin(),
                                    k.begin() + static_cast<std::ptrdiff_t>((t + count) * width));
    const std::vector<float> v_then(v.begin(),
                                    v.begin() + static_cast<std::ptrdiff_t>((t + count) * width));
    const memory_of<float> then(k_then, v_then, t + count, width);  // what is not yet there is NaN
    qat::attend<float>({q.data() + t * width, count, width}, t, then.view(), 0.2f,
                       {alone.data() + t * width, count, width}, scratch.data());
    t += count;
  }
  CHECK(t == positions);
  CHECK(alone == together);
}

TEST_CASE("attention: in double it is the same function") {
  constexpr std::size_t width = 6, positions = 9;
  constexpr std::size_t n = positions * width;
  const auto q = uniform_floats(1, n, 3.0f), k = uniform_floats(2, n), v = uniform_floats(3, n);
  const memory_of<double> memory({k.begin(), k.end()}, {v.begin(), v.end()}, positions, width);
  const std::vector<double> query(q.begin(), q.end());
  std::vector<double> out(n), scratch(qat::attention_scratch(positions, width));
  qat::attend<double>({query.data(), positions, width}, 0, memory.view(), 0.5,
                      {out.data(), positions, width}, scratch.data());
  for (std::size_t t = 0; t < positions; ++t) {
    const auto expected = definition(q.data() + t * width, k, v, t, width, 0.5f);
    for (std::size_t d = 0; d < width; ++d)
      // Scores below 9 in magnitude with an error of (D + 1) 2^-24 of it move p by that much; exp, the sums and the
      // quotient add less than 30 roundings of numbers below 1.
      CHECK(std::abs(out[t * width + d] - double(expected[d])) <= (9 * 7 * 2 + 30) * 0x1p-24);
  }
}
