#include <qat/quant/calibrate.hpp>
#include <qat/quant/parameters.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace {

using W4 = qat::Quantizer<qat::bits<4>, qat::per_channel>;
using W4g32 = qat::Quantizer<qat::bits<4>, qat::per_group<32>, qat::fp16_scale>;
using W4g32z =
    qat::Quantizer<qat::bits<4>, qat::per_group<32>, qat::fp16_scale, qat::affine, qat::min_max>;
using W8 = qat::Quantizer<qat::bits<8>>;
using MX = qat::Quantizer<qat::bits<8>, qat::per_group<32>, qat::power_of_two_scale>;

template <class Q>
std::string refusal(std::vector<float> scales, std::vector<typename Q::code_type> zero_points,
                    std::size_t rows, std::size_t cols) {
  try {
    qat::detail::check_parameters<Q>(qat::parameters_view<Q>{scales, zero_points}, rows, cols);
  } catch (const qat::ContractViolation& violation) {
    return violation.what();
  }
  return "";
}

bool mentions(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("parameters: groups and counts follow the granularity") {
  CHECK(qat::groups_per_row<W4>(100) == 1);
  CHECK(qat::groups_per_row<W4g32>(96) == 3);
  CHECK(qat::groups_per_row<W4g32>(97) == 4);
  CHECK(qat::groups_per_row<W4g32>(0) == 0);
  CHECK(qat::parameter_count<W8>(7, 9) == 1);
  CHECK(qat::parameter_count<W4>(7, 9) == 7);
  CHECK(qat::parameter_count<W4g32>(7, 97) == 28);
}

TEST_CASE("parameters: sizes beyond 2^31 are calculated without overflow") {
  constexpr std::size_t rows = std::size_t{1} << 20, cols = std::size_t{1} << 20;
  static_assert(qat::parameter_count<W4g32>(rows, cols) == std::size_t{1} << 35);
  static_assert(qat::stored_bits<W4g32>(rows, cols) == 4.5);
  CHECK(qat::stored_bits<W4>(rows, cols) == 4.0 + 0x1p-20 * 32.0);
}

TEST_CASE("stored_bits: scales and zero points count at their width") {
  CHECK(qat::stored_bits<W4g32>(8, 64) == 4.0 + 16.0 / 32.0);           // ggml Q4_0
  CHECK(qat::stored_bits<W4g32z>(8, 64) == 4.0 + (16.0 + 4.0) / 32.0);  // the zero point has 4 bits
  CHECK(qat::stored_bits<MX>(8, 64) == 8.0 + 8.0 / 32.0);
  CHECK(qat::stored_bits<W8>(8, 64) == 8.0 + 32.0 / 512.0);
  CHECK(qat::stored_bits<W4g32>(1, 40) ==
        4.0 + 2.0 * 16.0 / 40.0);  // a short last group costs a whole scale
  CHECK(qat::stored_bits<W4>(0, 64) == 0.0);
}

TEST_CASE("parameters: a wrong number of scales or zero points is refused with the numbers") {
  CHECK(refusal<W4>({1, 1, 1}, {}, 3, 5) == "");
  CHECK(mentions(refusal<W4>({1, 1}, {}, 3, 5), "2 scales where 3 are needed"));
  CHECK(mentions(refusal<W4>({1, 1, 1}, {0}, 3, 5), "1 zero points where 0 are needed"));
  CHECK(mentions(refusal<W4g32z>({1, 1}, {0}, 1, 64), "1 zero points where 2 are needed"));
}

TEST_CASE("parameters: a scale that is zero or infinite or negative is refused and NaN is not") {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {0.0f, -0.0f, -1.0f, infinity, -infinity})
    CHECK(mentions(refusal<W8>({bad}, {}, 2, 2), "zero, infinite or of the wrong sign"));
  CHECK(refusal<W8>({std::numeric_limits<float>::quiet_NaN()}, {}, 2, 2) == "");
  CHECK(refusal<W8>({-std::numeric_limits<float>::quiet_NaN()}, {}, 2, 2) == "");
  CHECK(refusal<W8>({std::numeric_limits<float>::denorm_min()}, {}, 2, 2) == "");
}

TEST_CASE("parameters: a negative scale is accepted where the range is signed") {
  using Q4_0 = qat::Quantizer<qat::bits<4>, qat::symmetric_full, qat::signed_absmax>;
  CHECK(refusal<Q4_0>({-1.0f}, {}, 2, 2) == "");
  CHECK(mentions(refusal<Q4_0>({0.0f}, {}, 2, 2), "zero"));
}

TEST_CASE("parameters: a zero point outside the codes is refused with its value") {
  CHECK(refusal<W4g32z>({1}, {15}, 1, 8) == "");
  CHECK(mentions(refusal<W4g32z>({1}, {16}, 1, 8), "zero point 16 outside the codes 0..15"));
}

TEST_CASE("parameters: heads that do not divide the width are refused with both") {
  using heads = qat::Quantizer<qat::bits<4>, qat::per_head<64>>;
  CHECK(refusal<heads>({1, 1}, {}, 1, 128) == "");
  CHECK(mentions(refusal<heads>({1, 1}, {}, 1, 96), "a width of 96 and groups of 64"));
}
