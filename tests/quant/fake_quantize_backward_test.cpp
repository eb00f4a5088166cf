#include <qat/quant/calibrate.hpp>
#include <qat/quant/fake_quantize_backward.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <tests/support/floats.hpp>
#include <tests/support/guarded_matrix.hpp>

namespace {

using clipped = qat::Quantizer<qat::bits<4>, qat::per_group<24>, qat::clipped_straight_through>;
using fixed = qat::Quantizer<qat::bits<4>, qat::per_channel, qat::fixed_mask<-2, 2>>;
using through = qat::Quantizer<qat::bits<4>, qat::per_channel>;

std::vector<std::uint32_t> patterns(const std::vector<float>& x) {
  std::vector<std::uint32_t> bits;
  for (const float value : x) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

/// All four ways to the gradient of x, against the definition element by element.
template <class Q>
void check(std::size_t rows, std::size_t cols) {
  CAPTURE(cols);
  const auto x = qat::testing::uniform_floats(3, rows * cols, 4.0f);
  auto dy = qat::testing::uniform_floats(4, rows * cols, 4.0f);
  if (!dy.empty()) dy[0] = std::numeric_limits<float>::quiet_NaN();  // passes or is cleared whole
  qat::parameters<Q> p = qat::detail::make_parameters<Q>(rows, cols);
  for (float& scale : p.scales) scale = 0.25f;
  const qat::matrix_view<const float> view(x.data(), rows, cols);
  std::vector<float> expected(dy);
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!Q::gradient::passes(x[i], x[i] * 4.0f, Q::qmin, Q::qmax)) expected[i] = 0.0f;

  std::vector<std::uint64_t> mask(qat::mask_words(rows, cols));
  qat::gradient_mask<Q>(view, p, mask);
  std::vector<float> in_place(dy);
  qat::fake_quantize_backward<Q>(mask, qat::matrix_view<float>(in_place.data(), rows, cols));
  CHECK(patterns(in_place) == patterns(expected));
  std::vector<float> oracle(dy);
  qat::fake_quantize_backward<Q>(qat::scalar{}, mask,
                                 qat::matrix_view<float>(oracle.data(), rows, cols));
  CHECK(patterns(oracle) == patterns(expected));

  const qat::matrix_view<const float> in(dy.data(), rows, cols);
  std::vector<float> dx(x.size(), 9.0f);
  qat::fake_quantize_backward<Q>(view, p, in, qat::matrix_view<float>(dx.data(), rows, cols));
  CHECK(patterns(dx) == patterns(expected));
  std::vector<float> columns(x.size(), 9.0f);  // to a matrix of the other storage order
  qat::fake_quantize_backward<Q>(
      qat::scalar{}, view, p, in,
      qat::matrix_view<float>(columns.data(), rows, cols, 1, static_cast<std::ptrdiff_t>(rows)));
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c)
      REQUIRE(std::bit_cast<std::uint32_t>(columns[c * rows + r]) ==
              std::bit_cast<std::uint32_t>(expected[r * cols + c]));
  qat::fake_quantize_backward<Q>(view, p, in, qat::matrix_view<float>(dy.data(), rows, cols));
  CHECK(patterns(dy) == patterns(expected));  // dy == dx
}

}  // namespace

TEST_CASE("fake_quantize_backward: each way gives the straight-through gradient at every size") {
  for (const std::size_t cols : {1u, 15u, 16u, 24u, 63u, 64u, 65u, 100u, 130u, 600u, 1030u}) {
    check<clipped>(3, cols);
    check<fixed>(3, cols);
    check<through>(3, cols);
  }
}

TEST_CASE("fake_quantize_backward: the reference's mask on its test vector") {
  // x and the gradient of llm_qat.md 1.3.7; 2.5 lies beyond 2.
  const std::vector<float> x{-1.0f, -0.4f, 0.05f, 0.33f, 0.9f, 2.5f};
  const std::vector<float> dy{1, 2, 3, 4, 5, 6};
  std::vector<float> dx(6);
  const auto p = qat::calibrate<fixed>(x);
  qat::fake_quantize_backward<fixed>(x, p, dy, dx);
  CHECK(dx == std::vector<float>{1, 2, 3, 4, 5, 0});
}

TEST_CASE("fake_quantize_backward: nothing outside the matrix is read or written") {
  using qat::testing::guarded;
  using qat::testing::GuardedMatrix;
  const auto wide = [](std::size_t r, std::size_t c) { return qat::testing::uniform(r, c) * 4.0f; };
  for (const std::size_t cols : {1u, 15u, 17u, 63u, 64u, 65u, 130u})
    for (const std::size_t off : {0u, 1u, 5u}) {
      CAPTURE(cols);
      const auto x = guarded<float>(3, cols, {.misalignment = off, .padding = 1}, wide);
      qat::parameters<fixed> p = qat::calibrate<fixed>(x.view());
      std::vector<std::uint64_t> mask(qat::mask_words(3, cols));
      qat::gradient_mask<fixed>(x.view(), p, mask);
      auto dx = guarded<float>(3, cols, {.misalignment = 2 * off, .padding = 3},
                               [](std::size_t, std::size_t) { return 1.0f; });
      qat::fake_quantize_backward<fixed>(mask, dx.view());
      CHECK(dx.guards_are_intact());
      GuardedMatrix<float> again(3, cols, {.misalignment = off, .padding = 2});
      qat::fake_quantize_backward<fixed>(x.view(), p, dx.view(), again.view());
      CHECK(again.guards_are_intact());
      int wrong = 0;
      for (std::size_t r = 0; r < 3; ++r)
        for (std::size_t c = 0; c < cols; ++c) {
          const bool inside = wide(r, c) > -2.0f && wide(r, c) < 2.0f;
          wrong += dx.view()(r, c) != (inside ? 1.0f : 0.0f);
          wrong += again.view()(r, c) != (inside ? 1.0f : 0.0f);
        }
      CHECK(wrong == 0);
    }
}

TEST_CASE("fake_quantize_backward: a mask of another shape is refused") {
  std::vector<float> gradient(100);
  const std::vector<std::uint64_t> mask(3);
  CHECK_THROWS_AS(
      qat::fake_quantize_backward<fixed>(std::span<const std::uint64_t>(mask), gradient),
      qat::ContractViolation);
}
