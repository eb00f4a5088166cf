#include <qat/core/thread_executor.hpp>
#include <qat/quant/calibrate.hpp>
#include <qat/quant/fake_quantize.hpp>
#include <qat/quant/scale_gradient.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <tests/support/floats.hpp>

namespace {

using qat::affine;
using qat::bits;
using W4Scale = qat::Quantizer<bits<4>, qat::per_channel, qat::through_scale>;
using KV4 = qat::Quantizer<bits<4>, qat::per_token, qat::fp16_scale, qat::through_scale>;
using G24 = qat::Quantizer<bits<3>, qat::per_group<24>, qat::through_scale>;
using HalfSpan = qat::Quantizer<bits<4>, qat::per_group<32>, qat::symmetric_full,
                                qat::absmax_half_span, qat::through_scale>;
using Signed = qat::Quantizer<bits<4>, qat::per_group<32>, qat::symmetric_full, qat::signed_absmax,
                              qat::through_scale>;
using Ends = qat::Quantizer<bits<4>, qat::per_token, affine, qat::min_max, qat::through_scale>;
using Mirrored = qat::Quantizer<bits<4>, qat::per_token, affine, qat::absmax, qat::through_scale>;

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), qat::testing::same);
}

template <class Q, class E>
std::vector<float> added(const E& e, const std::vector<float>& x, std::size_t rows,
                         const std::vector<float>& dy, std::vector<float> dx) {
  const std::size_t cols = x.size() / rows;
  const qat::matrix_view<const float> view(x.data(), rows, cols);
  qat::add_scale_gradient<Q>(e, view, qat::calibrate<Q>(view),
                             qat::matrix_view<const float>(dy.data(), rows, cols),
                             qat::matrix_view<float>(dx.data(), rows, cols));
  return dx;
}

/// The scale of a group in double, as its range says, without a format.
template <class Q>
double scale_of(const std::vector<double>& group) {
  double low = 0.0, high = 0.0;
  for (const double v : group) low = std::min(low, v), high = std::max(high, v);
  const double m = std::max(-low, high);
  using range = typename Q::range;
  if constexpr (std::is_same_v<range, qat::absmax_half_span>) return m / 7.5;
  if constexpr (std::is_same_v<range, qat::signed_absmax>)
    return (high >= -low ? high : low) / -8.0;
  if constexpr (std::is_same_v<Q, Mirrored>) return 2.0 * m / 15.0;
  if constexpr (std::is_same_v<Q, Ends>) return (high - low) / 15.0;
  return m / static_cast<double>(Q::qmax);
}

/// Against differences of sum_i dy_i (x_i + s(x) e_i) - dy_i x_i, the errors of rounding e_i = (y_i - x_i) / s held fixed.
template <class Q>
void check_scale_gradient(std::size_t cols, int only = 0) {
  CAPTURE(cols);
  const std::size_t rows = 3;
  auto x = qat::testing::uniform_floats(5, rows * cols, 4.0f);
  if (only != 0)  // one end of the range is zero
    for (float& v : x) v = std::fabs(v) * static_cast<float>(only);
  const auto dy = qat::testing::uniform_floats(6, rows * cols, 4.0f);
  const auto before = qat::testing::uniform_floats(7, rows * cols, 4.0f);
  const qat::matrix_view<const float> view(x.data(), rows, cols);
  const auto p = qat::calibrate<Q>(view);
  std::vector<float> y(x.size());
  qat::fake_quantize<Q>(view, p, qat::matrix_view<float>(y.data(), rows, cols));
  const auto have = added<Q>(qat::simd<>{}, x, rows, dy, before);

  const std::size_t size = Q::granularity::group_size(cols);
  std::size_t at = 0;
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t begin = 0; begin < cols; begin += size, ++at) {
      const std::size_t first = r * cols + begin, n = std::min(size, cols - begin);
      std::vector<double> group(x.begin() + static_cast<std::ptrdiff_t>(first),
                                x.begin() + static_cast<std::ptrdiff_t>(first + n));
      double by_scale = 0.0, all = 0.0;
      for (std::size_t i = first; i < first + n; ++i) {
        const double s = static_cast<double>(p.scales[at]);
        by_scale += static_cast<double>(dy[i]) *
                    (static_cast<double>(y[i]) - static_cast<double>(x[i])) / s;
        all += std::fabs(static_cast<double>(dy[i])) *
               (std::fabs(static_cast<double>(y[i])) + std::fabs(static_cast<double>(x[i])));
      }
      int reached = 0;
      for (std::size_t i = 0; i < n; ++i) {
        // The scale is linear within a step that changes neither which element is the largest nor its sign.
        constexpr double h = 1e-7;
        auto up = group, down = group;
        up[i] += h, down[i] -= h;
        const double slope = (scale_of<Q>(up) - scale_of<Q>(down)) / (2.0 * h);
        const double wanted = by_scale * slope;
        const double got =
            static_cast<double>(have[first + i]) - static_cast<double>(before[first + i]);
        // The format's rounding of the scale; 18 roundings of 2^-24 of a sum of at most 600 terms; the last sum. The slope
        // itself is a difference of numbers below 4 in double: 2^-51 / h.
        const double format = Q::scale_format::stored_bits == 16 ? 0x1p-11 : 0x1p-23;
        const double largest = std::fabs(scale_of<Q>(group)) * 7.0;
        const double bound = format * std::fabs(wanted) + 0x1p-19 * all / largest +
                             0x1p-23 * (std::fabs(wanted) + 4.0) + std::fabs(by_scale) * 0x1p-26;
        CAPTURE(i);
        CHECK(std::fabs(got - wanted) <= bound);
        reached += got != 0.0 ? 1 : 0;
      }
      CHECK(reached == (std::is_same_v<Q, Ends> && only == 0 ? 2 : 1));
    }

  const auto oracle = added<Q>(qat::scalar{}, x, rows, dy, before);
  CHECK(same_bits(have, oracle));
  qat::core::ThreadExecutor threads(3);
  CHECK(same_bits(have, added<Q>(qat::parallel(threads), x, rows, dy, before)));
}

}  // namespace

TEST_CASE("add_scale_gradient: what differences of the scale give, at every size") {
  for (const std::size_t cols : {5u, 24u, 64u, 100u, 600u}) {
    check_scale_gradient<W4Scale>(cols);
    check_scale_gradient<KV4>(cols);
    check_scale_gradient<G24>(cols);
    check_scale_gradient<HalfSpan>(cols);
    check_scale_gradient<Signed>(cols);
    check_scale_gradient<Ends>(cols);
    check_scale_gradient<Ends>(cols, 1);
    check_scale_gradient<Ends>(cols, -1);
    check_scale_gradient<Mirrored>(cols);
  }
}

TEST_CASE("add_scale_gradient: columns that are not contiguous give the same bits") {
  const std::size_t rows = 3, cols = 700;
  const auto x = qat::testing::uniform_floats(5, rows * cols, 4.0f),
             dy = qat::testing::uniform_floats(6, rows * cols, 4.0f),
             before = qat::testing::uniform_floats(7, rows * cols, 4.0f);
  std::vector<float> xt(x.size()), dyt(x.size()), dxt(x.size());
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) {
      xt[c * rows + r] = x[r * cols + c];
      dyt[c * rows + r] = dy[r * cols + c];
      dxt[c * rows + r] = before[r * cols + c];
    }
  const auto turned = [&](auto& v) {
    return qat::matrix_view(v.data(), rows, cols, 1, static_cast<std::ptrdiff_t>(rows));
  };
  const auto p = qat::calibrate<W4Scale>(qat::matrix_view<const float>(x.data(), rows, cols));
  qat::add_scale_gradient<W4Scale>(turned(xt), p, turned(dyt), turned(dxt));
  const auto expected = added<W4Scale>(qat::simd<>{}, x, rows, dy, before);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) CHECK(dxt[c * rows + r] == expected[r * cols + c]);
}

TEST_CASE(
    "add_scale_gradient: the first of equals receives, and groups without a measured scale add "
    "nothing") {
  const auto dy = qat::testing::uniform_floats(6, 8, 4.0f);
  const std::vector<float> zeros(8, 0.0f);
  const auto of = [&](std::vector<float> x) { return added<KV4>(qat::simd<>{}, x, 1, dy, zeros); };
  const auto equal = of({0.1f, -1.0f, 0.45f, 1.0f, -1.0f, 0.3f, 0.2f, 0.6f});
  for (std::size_t i = 0; i < 8; ++i) CHECK((equal[i] != 0.0f) == (i == 1));
  const float huge = std::numeric_limits<float>::infinity();
  const float none = std::numeric_limits<float>::quiet_NaN();
  CHECK(of(zeros) == zeros);
  CHECK(of({1.0f, huge, 0.4f, 0.0f, 0.3f, 0.2f, 0.1f, 0.6f}) == zeros);
  CHECK(of({1.0f, none, 0.4f, 0.0f, 0.3f, 0.2f, 0.1f, 0.6f}) == zeros);
  CHECK(of({1e-39f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f}) == zeros);  // a scale of 1
  CHECK(of({1e-5f, 1e-6f, 2e-6f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f}) ==
        zeros);  // fp16's smallest normal
}
