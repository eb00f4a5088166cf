#pragma once

#include <qat/quant/parameters.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

/// \file
/// Operands of products of codes, and the definition of the product.

namespace qat::testing {

/// A sequence of 32-bit numbers that is the same everywhere.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed * 2 + 1) {}
  std::uint32_t operator()() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state_ >> 33);
  }
  int between(int low, int high) {
    return low + static_cast<int>((*this)() % static_cast<std::uint32_t>(high - low + 1));
  }
  float scale() { return std::ldexp(static_cast<float>(between(1 << 23, (1 << 24) - 1)), -32); }

 private:
  std::uint64_t state_;
};

template <class Q>
std::vector<std::int8_t> draw_codes(Draw& draw, std::size_t count) {
  std::vector<std::int8_t> codes(count);
  for (auto& code : codes) {
    const std::uint32_t kind = draw() % 8;  // a quarter of the codes are extreme
    code = static_cast<std::int8_t>(kind == 0   ? Q::qmin
                                    : kind == 1 ? Q::qmax
                                                : draw.between(Q::qmin, Q::qmax));
  }
  return codes;
}

inline std::vector<float> draw_scales(Draw& draw, std::size_t count) {
  std::vector<float> scales(count);
  for (auto& scale : scales) scale = draw.scale();
  return scales;
}

/// The definition, in 64-bit integers and from the plain codes; knows nothing of blocks, pieces or offsets.
template <class W>
std::vector<float> define_product(const std::int8_t* x, std::ptrdiff_t x_stride,
                                  const std::vector<float>& sx, const std::vector<std::int8_t>& w,
                                  const std::vector<float>& sw, std::size_t m, std::size_t n,
                                  std::size_t k) {
  std::vector<float> y(m * n);
  const std::size_t group = W::granularity::group_size(k);
  const std::size_t groups = groups_per_row<W>(k);
  const bool per_group = W::granularity::group_size(0) != 0;
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      float value = 0.0f;
      for (std::size_t g = 0; g < groups; ++g) {
        std::int64_t sum = 0;
        for (std::size_t t = g * group; t < std::min(k, (g + 1) * group); ++t)
          sum +=
              std::int64_t{
                  x[static_cast<std::ptrdiff_t>(i) * x_stride + static_cast<std::ptrdiff_t>(t)]} *
              w[j * k + t];
        const float scale = sw[W::granularity::whole_tensor ? 0 : j * groups + g];
        if (per_group)  // std::fma rounds once, as core::fma
          value = std::fma(static_cast<float>(sum), scale, value);
        else
          value = static_cast<float>(sum) * (sx[i] * scale);
      }
      y[i * n + j] = per_group || k == 0 ? value * sx[i] : value;
    }
  }
  return y;
}

}  // namespace qat::testing
