#include <qat/core/thread_executor.hpp>
#include <qat/quant/calibrate.hpp>
#include <qat/quant/gradient_mask.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <tests/support/floats.hpp>

namespace {

using clipped = qat::Quantizer<qat::bits<4>, qat::per_group<24>, qat::clipped_straight_through>;
using fixed = qat::Quantizer<qat::bits<4>, qat::per_channel, qat::fixed_mask<-2, 2>>;
using through = qat::Quantizer<qat::bits<4>, qat::per_channel>;

struct only_positive : qat::policy_of<qat::policy_kind::gradient> {
  static constexpr bool passes(float x, float, float, float) noexcept { return x > 0.0f; }
};
using mine = qat::Quantizer<qat::bits<4>, qat::per_channel, only_positive>;

template <class Q, class E>
std::vector<std::uint64_t> mask_of(const E& e, const std::vector<float>& x, std::size_t rows,
                                   std::size_t cols, const qat::parameters<Q>& p) {
  std::vector<std::uint64_t> mask(qat::mask_words(rows, cols), 0xdeadbeefdeadbeefu);
  qat::gradient_mask<Q>(e, qat::matrix_view<const float>(x.data(), rows, cols), p, mask);
  return mask;
}

/// Every bit against the policy's own definition; unused bits are 0.
template <class Q>
void check_mask(std::size_t rows, std::size_t cols) {
  CAPTURE(rows);
  CAPTURE(cols);
  auto x = qat::testing::uniform_floats(11, rows * cols, 4.0f);
  if (!x.empty()) x[x.size() / 2] = std::numeric_limits<float>::quiet_NaN();
  qat::parameters<Q> p = qat::detail::make_parameters<Q>(rows, cols);
  for (std::size_t i = 0; i < p.scales.size(); ++i)
    p.scales[i] = 0.25f * static_cast<float>(1 + i % 3);  // some elements saturate, some do not
  const auto mask = mask_of<Q>(qat::simd<>{}, x, rows, cols, p);
  const std::size_t words = qat::mask_words_per_row(cols);
  const std::size_t per_row = qat::groups_per_row<Q>(cols);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < words * 64; ++c) {
      const bool bit = ((mask[r * words + c / 64] >> (c % 64)) & 1u) != 0;
      bool expected = false;
      if (c < cols) {
        const float scale = p.scales[r * per_row + c / Q::granularity::group_size(cols)];
        const float value = x[r * cols + c];
        expected = Q::gradient::passes(value, value * (1.0f / scale), static_cast<float>(Q::qmin),
                                       static_cast<float>(Q::qmax));
      }
      REQUIRE(bit == expected);
    }
  CHECK(mask == mask_of<Q>(qat::scalar{}, x, rows, cols, p));
  qat::core::ThreadExecutor threads(3);
  CHECK(mask == mask_of<Q>(qat::parallel(threads), x, rows, cols, p));
}

}  // namespace

TEST_CASE("gradient_mask: every bit is the policy's answer at every size") {
  for (const std::size_t cols : {1u, 15u, 16u, 24u, 63u, 64u, 65u, 100u, 130u, 600u}) {
    check_mask<clipped>(3, cols);
    check_mask<fixed>(3, cols);
    check_mask<through>(3, cols);
    check_mask<mine>(3, cols);
  }
  check_mask<fixed>(0, 5);
}

TEST_CASE(
    "gradient_mask: the clipped boundary passes on every backend and its neighbours beyond do "
    "not") {
  // Both ends of -7..7 at scale 1/4 in every lane of a register, their outer neighbours between them.
  using rows = qat::Quantizer<qat::bits<4>, qat::per_channel, qat::clipped_straight_through>;
  const std::vector<float> pattern{1.75f, std::nextafter(1.75f, 2.0f), -1.75f,
                                   std::nextafter(-1.75f, -2.0f), 1.0f};
  std::vector<float> x;
  for (std::size_t i = 0; i < 97; ++i) x.push_back(pattern[i % 5]);
  const qat::parameters<rows> p{{0.25f}, {}};
  const auto scalar = mask_of<rows>(qat::scalar{}, x, 1, 97, p);
  const auto simd = mask_of<rows>(qat::simd<>{}, x, 1, 97, p);
  for (std::size_t i = 0; i < 97; ++i) {
    const bool passes = i % 5 == 0 || i % 5 == 2 || i % 5 == 4;
    CHECK(((scalar[i / 64] >> (i % 64)) & 1u) == (passes ? 1u : 0u));
    CHECK(((simd[i / 64] >> (i % 64)) & 1u) == (passes ? 1u : 0u));
  }
}

TEST_CASE("gradient_mask: a strided matrix gives the bits of its contiguous copy") {
  const std::size_t rows = 5, cols = 70;
  const auto x = qat::testing::uniform_floats(11, rows * cols, 4.0f);
  std::vector<float> transposed(rows * cols);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) transposed[c * rows + r] = x[r * cols + c];
  const auto p = qat::calibrate<fixed>(qat::matrix_view<const float>(x.data(), rows, cols));
  std::vector<std::uint64_t> mask(qat::mask_words(rows, cols));
  qat::gradient_mask<fixed>(qat::matrix_view<const float>(transposed.data(), rows, cols, 1, rows),
                            p, mask);
  CHECK(mask == mask_of<fixed>(qat::scalar{}, x, rows, cols, p));
}

TEST_CASE("gradient_mask: a mask of the wrong size is refused") {
  const auto x = qat::testing::uniform_floats(11, 130, 4.0f);
  const auto p = qat::calibrate<fixed>(qat::matrix_view<const float>(x.data(), 1, 130));
  std::vector<std::uint64_t> mask(2);
  CHECK_THROWS_AS(
      qat::gradient_mask<fixed>(qat::matrix_view<const float>(x.data(), 1, 130), p, mask),
      qat::ContractViolation);
}
