#include <qat/quant/fake_quantize.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include <tests/support/floats.hpp>
#include <tests/support/quantizers.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

TEST_CASE("streaming: large outputs written around the caches have the same bits") {
  constexpr std::size_t rows = 1033, cols = 4099;  // 16.2 MiB, odd rows, odd tails
  static_assert(rows * cols * sizeof(float) >= qat::detail::streaming_bytes);
  std::vector<float> x(rows * cols), expected(rows * cols), y(rows * cols + 16, 1.5f);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::uint32_t noise = static_cast<std::uint32_t>(i) * 2654435761u;
    x[i] = static_cast<float>(static_cast<std::int32_t>(noise)) * 0x1p-31f;
  }
  const qat::matrix_view<const float> from(x.data(), rows, cols);
  std::vector<float> scales(rows);
  qat::calibrate_fake_quantize<W4>(qat::scalar{}, from, {scales},
                                   qat::matrix_view<float>(expected.data(), rows, cols));
  for (const std::size_t off : sizes{0, 3}) {
    const qat::matrix_view<float> to(y.data() + off, rows, cols);
    std::vector<float> measured(rows);
    qat::calibrate_fake_quantize<W4>(from, {measured}, to);
    CHECK(measured == scales);
    CHECK(
        std::equal(expected.begin(), expected.end(), y.begin() + static_cast<std::ptrdiff_t>(off)));
    CHECK(y[rows * cols + off] == 1.5f);
    std::fill(y.begin(), y.end(), 1.5f);
    qat::fake_quantize<W4>(from, qat::parameters_view<W4>{scales}, to);
    CHECK(
        std::equal(expected.begin(), expected.end(), y.begin() + static_cast<std::ptrdiff_t>(off)));
    CHECK(y[rows * cols + off] == 1.5f);
    std::fill(y.begin(), y.end(), 1.5f);
  }
}

TEST_CASE("streaming: rows four at a time have the bits of one row alone") {
  // Rows start on a register, so that they go in fours; their width leaves a tail, their number three rows. Blocks hold
  // 2^19 elements: several of them, each with a beginning and an end of its own.
  constexpr std::size_t rows = 4107, cols = 1031, stride = 1040;
  static_assert(rows * cols * sizeof(float) >= qat::detail::streaming_bytes);
  std::vector<float> x(rows * stride), expected(rows * stride, 1.5f), y(rows * stride + 16, 1.5f);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::uint32_t noise = static_cast<std::uint32_t>(i) * 2654435761u;
    x[i] = static_cast<float>(static_cast<std::int32_t>(noise)) * 0x1p-31f;
  }
  x[5 * stride + cols - 1] = not_a_number;                        // in a tail
  x[6 * stride] = infinity;                                       // beside it
  std::fill_n(x.begin() + 9 * stride, cols, 0.0f);                // falls back to scale 1
  std::fill_n(x.begin() + (rows - 1) * stride, cols, 0x1p-130f);  // the last row too
  const qat::matrix_view<const float> from(x.data(), rows, cols, stride, 1);
  const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(y.data()) / sizeof(float) % 16;
  float* const aligned = y.data() + (16 - misaligned) % 16;
  const qat::matrix_view<float> to(aligned, rows, cols, stride, 1);
  for_each_quantizer<A8, reference8>([&]<class Q>() {
    std::vector<float> scales(rows), measured(rows);
    qat::calibrate_fake_quantize<Q>(
        qat::scalar{}, from, {scales},
        qat::matrix_view<float>(expected.data(), rows, cols, stride, 1));
    qat::calibrate_fake_quantize<Q>(from, {measured}, to);
    CHECK(std::equal(scales.begin(), scales.end(), measured.begin(), same));
    CHECK(std::equal(expected.begin(), expected.end(), aligned, same));  // gaps included
  });
}
