#include <qat/kernels/rms_norm_quantize.hpp>
#include <qat/quant/calibrate.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <tests/support/floats.hpp>

namespace {

using A8 = qat::Quantizer<qat::bits<8>, qat::per_token>;
using A8_group = qat::Quantizer<qat::bits<8>, qat::per_group<32>, qat::fp16_scale>;
using A8_affine = qat::Quantizer<qat::bits<8>, qat::per_token, qat::affine, qat::min_max>;

template <class Q>
struct outcome {
  qat::parameters<Q> p;
  std::vector<typename Q::code_type> codes;
  bool operator==(const outcome& o) const {
    if (codes != o.codes || p.zero_points != o.p.zero_points) return false;
    for (std::size_t i = 0; i < p.scales.size(); ++i) {
      const bool both_nan = std::isnan(p.scales[i]) && std::isnan(o.p.scales[i]);
      if (!both_nan && p.scales[i] != o.p.scales[i]) return false;
    }
    return true;
  }
};

template <class Q, class Backend>
outcome<Q> run(Backend backend, const std::vector<float>& x, std::size_t rows, std::size_t cols,
               const std::vector<float>& gain, float epsilon) {
  outcome<Q> o{qat::detail::make_parameters<Q>(rows, cols), {}};
  o.codes.resize(rows * cols);
  qat::rms_norm_quantize<Q>(backend, qat::matrix_view<const float>(x.data(), rows, cols), gain,
                            epsilon, qat::detail::span_of<Q>(o.p),
                            qat::matrix_view<typename Q::code_type>(o.codes.data(), rows, cols));
  return o;
}

/// The definition: store the normalized rows, then calibrate and quantize them.
template <class Q>
outcome<Q> by_definition(const std::vector<float>& x, std::size_t rows, std::size_t cols,
                         const std::vector<float>& gain, float epsilon) {
  std::vector<float> y(x.size());
  for (std::size_t r = 0; r < rows; ++r) {
    const float mean =
        qat::core::oracle::sum_of_squares(x.data() + r * cols, cols) / static_cast<float>(cols);
    const float factor = 1.0f / std::sqrt(mean + epsilon);
    for (std::size_t c = 0; c < cols; ++c) y[r * cols + c] = x[r * cols + c] * factor * gain[c];
  }
  const qat::matrix_view<const float> view(y.data(), rows, cols);
  outcome<Q> o{qat::calibrate<Q>(qat::scalar{}, view), {}};
  o.codes.resize(rows * cols);
  qat::quantize<Q>(qat::scalar{}, view, o.p,
                   qat::matrix_view<typename Q::code_type>(o.codes.data(), rows, cols));
  return o;
}

template <class Q>
void check_all_sizes() {
  for (const std::size_t cols : {1u, 7u, 15u, 16u, 31u, 64u, 65u, 130u, 511u, 512u, 513u, 1100u}) {
    CAPTURE(cols);
    const std::size_t rows = 3;
    auto x = qat::testing::uniform_floats(cols, rows * cols, 2.0f);
    const auto gain = qat::testing::uniform_floats(99, cols, 2.0f);
    CHECK(run<Q>(qat::scalar{}, x, rows, cols, gain, 1e-5f) ==
          by_definition<Q>(x, rows, cols, gain, 1e-5f));
    CHECK(run<Q>(qat::simd<>{}, x, rows, cols, gain, 1e-5f) ==
          by_definition<Q>(x, rows, cols, gain, 1e-5f));
    x[cols] = std::numeric_limits<float>::infinity();
    CHECK(run<Q>(qat::simd<>{}, x, rows, cols, gain, 1e-5f) ==
          by_definition<Q>(x, rows, cols, gain, 1e-5f));
  }
}

}  // namespace

TEST_CASE("rms_norm_quantize: every size has the bits of normalizing then quantizing") {
  check_all_sizes<A8>();
  check_all_sizes<A8_group>();
  check_all_sizes<A8_affine>();
}

TEST_CASE("rms_norm_quantize: a row of equal values has an absolute maximum of the gain") {
  const std::vector<float> x(64, 3.0f), gain(64, 2.0f);
  const auto o = run<A8>(qat::simd<>{}, x, 1, 64, gain, 0.0f);
  CHECK(o.p.scales[0] == 2.0f / 127.0f);  // 3 * (1 / sqrt(9)) is 1 after one rounding of 1/3
  for (const auto code : o.codes) CHECK(code == 127);
}

TEST_CASE("rms_norm_quantize: an all-zero row gives scale 1 and codes 0") {
  const std::vector<float> x(40, 0.0f), gain(40, 1.0f);
  const auto o = run<A8>(qat::simd<>{}, x, 1, 40, gain, 1e-6f);
  CHECK(o.p.scales[0] == 1.0f);
  for (const auto code : o.codes) CHECK(code == 0);
}

TEST_CASE("rms_norm_quantize: wrong shapes are refused with the values") {
  std::vector<float> x(6), gain(2);
  std::vector<std::int8_t> codes(6);
  std::vector<float> scales(2);
  const qat::matrix_view<const float> view(x.data(), 2, 3);
  try {
    qat::rms_norm_quantize<A8>(view, gain, 1e-5f, qat::parameters_span<A8>{scales},
                               qat::matrix_view<std::int8_t>(codes.data(), 2, 3));
    FAIL("accepted two gains for three columns");
  } catch (const qat::ContractViolation& error) {
    CHECK(std::string(error.what()).find("2 gains for rows of 3") != std::string::npos);
  }
}
