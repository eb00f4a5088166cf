#include <qat/kernels/packed_weights.hpp>
#include <qat/quant/pack.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tests/support/products.hpp>

namespace {

using namespace qat;
using testing::Draw;
using testing::draw_codes;
using testing::draw_scales;

using W8 = Quantizer<bits<8>, per_channel>;
using W4 = Quantizer<bits<4>, per_channel>;
using W2F = Quantizer<bits<2>, per_channel, symmetric_full>;
using W4G13 = Quantizer<bits<4>, per_group<13>, symmetric_full>;
using W8G6 = Quantizer<bits<8>, per_group<6>>;

static_assert(product_weight<W4> && product_weight<W2F> && product_weight<W8G6>);
static_assert(!product_weight<Quantizer<bits<4>, per_channel, affine>>);
static_assert(!product_weight<Quantizer<bits<3>, per_channel>>);
static_assert(product_activation<Quantizer<bits<3>, per_token>>);
static_assert(!product_activation<Quantizer<bits<8>, per_token, affine>>);
static_assert(!product_activation<Quantizer<bits<8>, per_token, affine_signed>>);

template <class F>
void for_each_weight(F&& f) {
  f(std::type_identity<W8>{});
  f(std::type_identity<W4>{});
  f(std::type_identity<W2F>{});
  f(std::type_identity<W4G13>{});
  f(std::type_identity<W8G6>{});
}

matrix_view<const std::int8_t> view(const std::vector<std::int8_t>& codes, std::size_t rows,
                                    std::size_t cols) {
  return {codes.data(), rows, cols};
}

}  // namespace

TEST_CASE("PackedWeights: bytes lie where the documentation says") {
  const std::vector<float> scales(17, 1.0f);
  const auto byte = [&]<class W>(std::type_identity<W>, std::size_t k, std::size_t n,
                                 std::size_t at_k, int code) {
    std::vector<std::int8_t> codes(n * k, 0);
    codes[(n - 1) * k + at_k] = static_cast<std::int8_t>(code);
    const PackedWeights<W> weights(view(codes, n, k), std::span(scales).first(n));
    // The position of the one byte that differs from code 0, and its value.
    const auto pieces = weights.pieces();
    const auto differs = [&](std::uint8_t b) { return b != detail::zero_byte<W::bit_width>; };
    REQUIRE(std::ranges::count_if(pieces, differs) == 1);
    const auto found = std::ranges::find_if(pieces, differs);
    return std::pair<std::size_t, int>(static_cast<std::size_t>(found - pieces.begin()), *found);
  };
  using position = std::pair<std::size_t, int>;
  const std::type_identity<W8> w8;
  const std::type_identity<W4> w4;
  const std::type_identity<W2F> w2;
  CHECK(byte(w8, 9, 4, 2, -5) == position(3 * 4 + 2, 123));      // row 3, k 2
  CHECK(byte(w8, 9, 4, 6, 5) == position(64 + 3 * 4 + 2, 133));  // the second piece
  CHECK(byte(w4, 9, 4, 2, -5) == position(3 * 4 + 2, 0x83));     // low nibble
  CHECK(byte(w4, 9, 4, 6, -5) == position(3 * 4 + 2, 0x38));     // high nibble
  CHECK(byte(w4, 9, 17, 8, 7) == position(2 * 64 + 64, 0x8f));   // block 1, row 0, its second piece
  CHECK(byte(w2, 17, 2, 1, 1) == position(4 + 1, 0xab));         // fields 0, 1, 2, 3 of a byte
  CHECK(byte(w2, 17, 2, 5, 1) == position(4 + 1, 0xae));
  CHECK(byte(w2, 17, 2, 9, 1) == position(4 + 1, 0xba));
  CHECK(byte(w2, 17, 2, 13, 1) == position(4 + 1, 0xea));
  CHECK(byte(w2, 17, 2, 16, -2) == position(64 + 4, 0xa8));
}

TEST_CASE("PackedWeights: code returns every code that was packed") {
  for_each_weight([]<class W>(std::type_identity<W>) {
    for (const std::size_t n : {1u, 16u, 17u, 33u})
      for (const std::size_t k : {1u, 5u, 13u, 26u, 40u}) {
        Draw draw(n * k);
        const auto codes = draw_codes<W>(draw, n * k);
        const PackedWeights<W> weights(view(codes, n, k),
                                       draw_scales(draw, parameter_count<W>(n, k)));
        CHECK(weights.rows() == n);
        CHECK(weights.cols() == k);
        bool good = true;
        for (std::size_t i = 0; i < n; ++i)
          for (std::size_t j = 0; j < k; ++j) good = good && weights.code(i, j) == codes[i * k + j];
        CHECK(good);
        // Rows with gaps take another way to the same bytes.
        std::vector<std::int8_t> columns(n * k);
        for (std::size_t i = 0; i < n; ++i)
          for (std::size_t j = 0; j < k; ++j) columns[j * n + i] = codes[i * k + j];
        const PackedWeights<W> transposed(
            matrix_view<const std::int8_t>(columns.data(), n, k, 1, static_cast<std::ptrdiff_t>(n)),
            std::vector<float>(parameter_count<W>(n, k), 1.0f));
        CHECK(std::ranges::equal(transposed.pieces(), weights.pieces()));
        CHECK(weights.pieces().size() == (n + 15) / 16 * weights.shape().pieces * 64);
        CHECK(reinterpret_cast<std::uintptr_t>(weights.pieces().data()) % 64 == 0);
        CHECK(reinterpret_cast<std::uintptr_t>(weights.scales().data()) % 64 == 0);
      }
  });
}

TEST_CASE("PackedWeights: a group begins on a piece of its own") {
  const std::vector<std::int8_t> codes(30, 1);
  const std::vector<float> scales{1.0f, 2.0f, 3.0f};
  const PackedWeights<W4G13> weights(view(codes, 1, 30), scales);
  CHECK(weights.shape().groups == 3);
  CHECK(weights.shape().group_pieces == 2);
  CHECK(weights.shape().pieces == 5);  // 13, 13 and 4 codes
  CHECK(weights.pieces()[2 * 64] == 0x99);
  CHECK(weights.pieces()[64] == 0x99);      // codes 8 and 12
  CHECK(weights.pieces()[64 + 1] == 0x89);  // code 9; 13 belongs to the next group
  CHECK(weights.scales()[0] == 1.0f);
  CHECK(weights.scales()[16] == 2.0f);
  CHECK(weights.scales()[32] == 3.0f);
  CHECK(weights.scales()[1] == 0.0f);
}

TEST_CASE("PackedWeights: from_packed_rows reads what pack writes") {
  for_each_weight([]<class W>(std::type_identity<W>) {
    constexpr std::size_t n = 19;
    constexpr std::size_t k = 45;
    Draw draw(7);
    const auto codes = draw_codes<W>(draw, n * k);
    const auto scales = draw_scales(draw, parameter_count<W>(n, k));
    std::vector<std::uint8_t> stream(packed_bytes<W>(n, k));
    pack<W>(view(codes, n, k), stream);
    const PackedWeights<W> from_codes(view(codes, n, k), scales);
    const auto from_rows = PackedWeights<W>::from_packed_rows(stream, n, k, scales);
    CHECK(std::ranges::equal(from_codes.pieces(), from_rows.pieces()));
    CHECK(std::ranges::equal(from_codes.scales(), from_rows.scales()));
    CHECK_THROWS_AS(static_cast<void>(PackedWeights<W>::from_packed_rows(
                        std::span(stream).first(stream.size() - 1), n, k, scales)),
                    ContractViolation);
  });
}

TEST_CASE("PackedWeights: codes and scales that do not fit are refused") {
  const std::vector<std::int8_t> codes{-7, 7, -8, 0};
  const std::vector<float> one{1.0f};
  CHECK_NOTHROW(PackedWeights<W4>(view(codes, 1, 2), one));
  CHECK_THROWS_WITH_AS(PackedWeights<W4>(view(codes, 1, 4), one), doctest::Contains("-8..7"),
                       ContractViolation);
  CHECK_THROWS_AS(PackedWeights<W4>(view(codes, 2, 1), one), ContractViolation);
  const std::vector<std::uint8_t> stream{0x0f};  // -8 and 7
  CHECK_THROWS_AS(static_cast<void>(PackedWeights<W4>::from_packed_rows(stream, 1, 2, one)),
                  ContractViolation);
  using headed = Quantizer<bits<4>, per_head<3>>;
  CHECK_THROWS_AS(PackedWeights<headed>(view(codes, 1, 2), one), ContractViolation);
}

TEST_CASE("PackedWeights: nothing and a copy are weights too") {
  const PackedWeights<W4> nothing;
  CHECK(nothing.rows() == 0);
  CHECK(nothing.cols() == 0);
  const std::vector<std::int8_t> codes(70, 3);
  const std::vector<float> scales(7, 2.0f);
  const PackedWeights<W4> original(view(codes, 7, 10), scales);
  PackedWeights<W4> copy = original;
  CHECK(copy.pieces().data() != original.pieces().data());
  CHECK(std::ranges::equal(copy.pieces(), original.pieces()));
  const PackedWeights<W4> moved = std::move(copy);
  CHECK(moved.code(6, 9) == 3);
}
