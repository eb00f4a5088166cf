#include <qat/quant/quantizer.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <type_traits>

namespace {

using W4 = qat::Quantizer<qat::bits<4>, qat::per_channel>;
using MinMax8 = qat::Quantizer<qat::affine, qat::min_max, qat::per_token, qat::bits<8>>;

}  // namespace

TEST_CASE("quantizer: policies in any order are one type") {
  CHECK(std::is_same_v<W4, qat::Quantizer<qat::per_channel, qat::bits<4>>>);
  CHECK(std::is_same_v<W4, qat::Quantizer<qat::absmax, qat::per_channel, qat::symmetric,
                                          qat::bits<4>, qat::straight_through>>);
  CHECK(!std::is_same_v<W4, qat::Quantizer<qat::per_token, qat::bits<4>>>);
}

TEST_CASE("quantizer: defaults are the documented ones") {
  using Q = qat::Quantizer<qat::bits<8>>;
  CHECK(std::is_same_v<Q::granularity, qat::per_tensor>);
  CHECK(std::is_same_v<Q::rounding, qat::round_nearest_even>);
  CHECK(std::is_same_v<Q::symmetry, qat::symmetric>);
  CHECK(std::is_same_v<Q::range, qat::absmax>);
  CHECK(std::is_same_v<Q::grid, qat::integer_grid>);
  CHECK(std::is_same_v<Q::scale_format, qat::fp32_scale>);
  CHECK(std::is_same_v<Q::scale_application, qat::reciprocal>);
  CHECK(std::is_same_v<Q::gradient, qat::straight_through>);
}

TEST_CASE("quantizer: the code type holds the codes") {
  CHECK(std::is_same_v<W4::code_type, std::int8_t>);
  CHECK(std::is_same_v<MinMax8::code_type, std::uint8_t>);
  CHECK(MinMax8::qmax == 255);
}

TEST_CASE("quantizer: its description is a value that compares and prints") {
  CHECK(W4::description ==
        qat::quantizer_description{.bits = 4, .qmin = -7, .qmax = 7, .whole_tensor = false});
  CHECK(W4::description != MinMax8::description);
  CHECK(qat::to_string(W4::description) == "4-bit codes -7..7, one scale a row, 32-bit scales");
  using G = qat::Quantizer<qat::bits<4>, qat::per_group<64>, qat::affine, qat::fp16_scale>;
  CHECK(qat::to_string(G::description) ==
        "4-bit codes 0..15 with a zero point, one scale a group of 64, 16-bit scales");
}
