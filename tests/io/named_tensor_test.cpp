#include <qat/io/named_tensor.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <tests/support/files.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::named_tensor;
using qat::io::tensor_type;

namespace {

std::vector<float> decoded(const named_tensor& t) {
  std::vector<float> values(static_cast<std::size_t>(t.size()));
  qat::io::decode(t, 0, values);
  return values;
}

constexpr std::uint16_t half_of_1_5 = 0x3e00, half_of_minus_2 = 0xc000;

}  // namespace

TEST_CASE("named_tensor: floats of 32 and 16 bits are the numbers that they are") {
  const std::string f32 = bytes_of(1.5f) + bytes_of(-0.0f);
  CHECK(decoded({"a", tensor_type::f32, {2}, as_bytes(f32), "F32"}) ==
        std::vector<float>{1.5f, -0.0f});
  const std::string f16 = bytes_of(half_of_1_5) + bytes_of(half_of_minus_2);
  CHECK(decoded({"a", tensor_type::f16, {2}, as_bytes(f16), "F16"}) ==
        std::vector<float>{1.5f, -2.0f});
  const std::string bf16 = bytes_of<std::uint16_t>(0x3fc0);
  CHECK(decoded({"a", tensor_type::bf16, {1, 1}, as_bytes(bf16), "BF16"}) ==
        std::vector<float>{1.5f});
}

TEST_CASE("named_tensor: blocks of ggml decode element by element") {
  std::string q8 = bytes_of(half_of_1_5), q4 = bytes_of(half_of_1_5);
  std::string q41 = bytes_of(half_of_1_5) + bytes_of(half_of_minus_2);
  for (int i = 0; i < 32; ++i) q8 += static_cast<char>(4 * i - 64);
  for (int i = 0; i < 16; ++i) q4 += static_cast<char>(i | (15 - i) << 4);
  for (int i = 0; i < 16; ++i) q41 += static_cast<char>(i | (15 - i) << 4);
  const auto a = decoded({"a", tensor_type::q8_0, {32}, as_bytes(q8), "Q8_0"});
  const auto b = decoded({"b", tensor_type::q4_0, {32}, as_bytes(q4), "Q4_0"});
  const auto c = decoded({"c", tensor_type::q4_1, {32}, as_bytes(q41), "Q4_1"});
  for (int i = 0; i < 32; ++i) {
    const std::size_t at = static_cast<std::size_t>(i);
    const int q = i < 16 ? i : 31 - i;
    CHECK(a[at] == 1.5f * static_cast<float>(4 * i - 64));
    CHECK(b[at] == 1.5f * static_cast<float>(q - 8));
    CHECK(c[at] == 1.5f * static_cast<float>(q) - 2.0f);
  }
}

TEST_CASE("named_tensor: llama2.c codes take the scale of their group") {
  const std::string codes{1, 2, 3, 4}, scales = bytes_of(0.5f) + bytes_of(2.0f);
  const named_tensor t{"a", tensor_type::q80, {2, 2}, as_bytes(codes), "Q80", as_bytes(scales), 2};
  CHECK(decoded(t) == std::vector<float>{0.5f, 1.0f, 6.0f, 8.0f});
  std::vector<float> last(1);
  qat::io::decode(t, 3, last);
  CHECK(last[0] == 8.0f);
}

TEST_CASE("named_tensor: ranges beyond the tensor and within a block and unknown types throw") {
  const std::string bytes(68, '\0');
  const named_tensor t{"w", tensor_type::q8_0, {64}, as_bytes(bytes), "Q8_0"};
  std::vector<float> out(32);
  CHECK_NOTHROW(qat::io::decode(t, 32, out));
  CHECK_THROWS_AS(qat::io::decode(t, 33, out), qat::ContractViolation);
  CHECK_THROWS_AS(qat::io::decode(t, 64, out), qat::ContractViolation);
  CHECK_THROWS_AS(qat::io::decode(t, 0, std::span(out).first(31)), qat::ContractViolation);
  const named_tensor unknown{"w", tensor_type::other, {1}, {}, "IQ3_XXS"};
  CHECK_THROWS_WITH_AS(qat::io::decode(unknown, 0, std::span(out).first(1)),
                       doctest::Contains("IQ3_XXS"), qat::ContractViolation);
  CHECK(named_tensor{"w", tensor_type::f32, {1ull << 40, 1ull << 40}, {}, "F32"}.size() ==
        ~std::uint64_t{0});
}
