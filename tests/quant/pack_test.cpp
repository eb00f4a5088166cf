#include <qat/quant/pack.hpp>

#include <doctest/doctest.h>

#include <algorithm>

#include <tests/support/floats.hpp>
#include <tests/support/guarded_matrix.hpp>
#include <tests/support/quantizers.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

template <int N>
using signed_bits = qat::Quantizer<qat::bits<N>>;
template <int N>
using unsigned_bits = qat::Quantizer<qat::bits<N>, qat::affine, qat::min_max>;

// By calculation: nothing of this size is stored.
constexpr std::size_t huge = std::size_t{1} << 60;
static_assert(qat::packed_row_bytes<signed_bits<8>>(huge + 1) == huge + 1);
static_assert(qat::packed_row_bytes<signed_bits<4>>(huge + 1) == huge / 2 + 1);
static_assert(qat::packed_row_bytes<signed_bits<3>>(huge + 3) == huge / 8 * 3 + 2);
static_assert(qat::packed_row_bytes<unsigned_bits<1>>(huge * 15) == huge / 8 * 15);
static_assert(qat::packed_bytes<signed_bits<4>>(std::size_t{1} << 32, 3) == std::size_t{1} << 33);
static_assert(qat::packed_bytes<signed_bits<4>>(5, 0) == 0);

/// The layout once more, one bit after the other.
template <class Q>
std::vector<std::uint8_t> packed_bit_by_bit(const GuardedMatrix<typename Q::code_type>& m) {
  const auto codes = m.view();
  const std::size_t row_bytes = (codes.cols * Q::bit_width + 7) / 8;
  std::vector<std::uint8_t> bytes(codes.rows * row_bytes);
  for (std::size_t r = 0; r < codes.rows; ++r)
    for (std::size_t c = 0; c < codes.cols; ++c) {
      const int field = static_cast<int>(codes(r, c)) + (Q::qmin < 0 ? 1 << (Q::bit_width - 1) : 0);
      for (std::size_t bit = 0; bit < Q::bit_width; ++bit) {
        const std::size_t at = c * Q::bit_width + bit;
        if ((field >> bit) & 1)
          bytes[r * row_bytes + at / 8] |= static_cast<std::uint8_t>(1u << (at % 8));
      }
    }
  return bytes;
}

template <class Q>
void check_layout_and_round_trip() {
  INFO(qat::to_string(Q::description));
  using code_type = typename Q::code_type;
  const int count = Q::qmax - Q::qmin + 1;
  const auto code_at = [&](std::size_t r, std::size_t c) {
    return static_cast<code_type>(Q::qmin + static_cast<int>(r * 7 + c * 5 + c / 3) % count);
  };
  for (const std::size_t cols :
       sizes{0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 64, 65, 127, 130, 520, 1031})
    for (const placement where : {placement{}, placement{.misalignment = 3, .padding = 1},
                                  placement{.gap = 1}, placement{.by_columns = true}}) {
      CAPTURE(cols);
      const auto codes = guarded<code_type>(3, cols, where, code_at);
      const std::vector<std::uint8_t> expected = packed_bit_by_bit<Q>(codes);
      CHECK(expected.size() == qat::packed_bytes<Q>(3, cols));
      for (const std::size_t off : sizes{0, 1}) {
        std::vector<std::uint8_t> bytes(expected.size() + 16, 0x5a);
        qat::pack<Q>(codes.view(), std::span(bytes).subspan(8 + off, expected.size()));
        CHECK(std::equal(expected.begin(), expected.end(),
                         bytes.begin() + 8 + static_cast<int>(off)));
        const auto guard = [&](std::size_t i) { return bytes[i] == 0x5a; };
        CHECK((guard(7 + off) && guard(8 + off + expected.size())));
        GuardedMatrix<code_type> back(3, cols, where);
        qat::unpack<Q>(std::span(std::as_const(bytes)).subspan(8 + off, expected.size()),
                       back.view());
        CHECK(back.guards_are_intact());
        int wrong = 0;
        for (std::size_t r = 0; r < 3; ++r)
          for (std::size_t c = 0; c < cols; ++c) wrong += back.view()(r, c) != code_at(r, c);
        CHECK(wrong == 0);
      }
    }
}

}  // namespace

TEST_CASE("pack: every code of every width lies where the layout says and comes back") {
  for_each_width<2, 8>([]<int N>() {
    check_layout_and_round_trip<signed_bits<N>>();
    check_layout_and_round_trip<unsigned_bits<N>>();
  });
  check_layout_and_round_trip<unsigned_bits<1>>();
  check_layout_and_round_trip<qat::Quantizer<qat::bits<4>, qat::symmetric_full>>();
  check_layout_and_round_trip<qat::Quantizer<qat::bits<8>, qat::affine_signed>>();
}

TEST_CASE("pack: bytes by hand") {
  const std::vector<std::int8_t> four{-7, 7, 0, 1, -1};
  std::vector<std::uint8_t> bytes(3);
  qat::pack<signed_bits<4>>(four, bytes);
  CHECK(bytes ==
        std::vector<std::uint8_t>{0xf1, 0x98, 0x07});  // fields 1 15 8 9 7, low nibble first
  const std::vector<std::int8_t> three{-3, 3, 0};
  bytes.resize(2);
  qat::pack<signed_bits<3>>(three, bytes);
  CHECK(bytes == std::vector<std::uint8_t>{0x39, 0x01});  // 001 111 100 from the lowest bit on
  const std::vector<std::uint8_t> one{1, 0, 1, 1, 0, 0, 0, 0, 1};
  qat::pack<unsigned_bits<1>>(one, bytes);
  CHECK(bytes == std::vector<std::uint8_t>{0x0d, 0x01});
}

TEST_CASE("pack: all bytes unpack and pack to themselves") {
  for_each_width<1, 8>([]<int N>() {
    using Q = unsigned_bits<N>;
    std::vector<std::uint8_t> bytes(8 * N), again(8 * N);
    std::vector<std::uint8_t> codes(64);
    for (unsigned value = 0; value < 256; ++value) {
      for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(value + 31 * i);
      qat::unpack<Q>(bytes, codes);
      CHECK(*std::max_element(codes.begin(), codes.end()) <= Q::qmax);
      qat::pack<Q>(codes, again);
      CHECK(again == bytes);
    }
  });
}

TEST_CASE("pack: of a code outside the range the low bits of the field are kept") {
  const std::vector<std::int8_t> codes{8, -9};  // fields 16 and -1
  std::vector<std::uint8_t> bytes(1);
  qat::pack<signed_bits<4>>(codes, bytes);
  CHECK(bytes[0] == 0xf0);
}

TEST_CASE("pack: another number of bytes throws") {
  std::vector<std::int8_t> codes(5);
  volatile std::size_t too_few = 2;  // hidden: g++ 12 warns of the write that the check prevents
  std::vector<std::uint8_t> bytes(too_few);
  CHECK_THROWS_WITH_AS(qat::pack<W4>(codes, bytes), doctest::Contains("2 bytes where 3 are needed"),
                       qat::ContractViolation);
  CHECK_THROWS_WITH_AS(qat::unpack<W4>(bytes, codes),
                       doctest::Contains("2 bytes where 3 are needed"), qat::ContractViolation);
}
