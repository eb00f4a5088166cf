#include <qat/kernels/quantize_pack.hpp>

#include <doctest/doctest.h>

#include <tests/support/backends.hpp>
#include <tests/support/floats.hpp>
#include <tests/support/guarded_matrix.hpp>
#include <tests/support/quantizers.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

float ordinary(std::size_t r, std::size_t c) {
  return uniform(r + 1, c) * 3.0f;
}

}  // namespace

TEST_CASE("quantize_pack: the bits are those of calibrate and quantize and pack") {
  for_each_quantizer<W4, kv4, odd_groups, random8>([]<class Q>() {
    for (const std::size_t cols : sizes{0, 1, 7, 16, 48, 63, 129, 512, 1040}) {
      if (Q::granularity::must_divide && cols % 16 != 0) continue;
      CAPTURE(cols);
      for (const placement where : {placement{}, placement{.misalignment = 1, .padding = 3},
                                    placement{.gap = 1}, placement{.by_columns = true}}) {
        auto x = guarded<float>(3, cols, where, ordinary);
        if (cols > 20) x.view()(1, 20) = not_a_number;
        const auto p = qat::calibrate<Q>(qat::scalar{}, x.view());
        GuardedMatrix<typename Q::code_type> codes(3, cols);
        qat::quantize<Q>(qat::scalar{}, x.view(), p, codes.view(), {.seed = 5});
        std::vector<std::uint8_t> expected(qat::packed_bytes<Q>(3, cols));
        qat::pack<Q>(codes.view(), expected);
        const auto check = [&](auto backend) {
          auto q = qat::detail::make_parameters<Q>(3, cols);
          std::vector<std::uint8_t> bytes(expected.size() + 2, 0x5a);
          qat::calibrate_pack<Q>(backend, x.view(), qat::detail::span_of<Q>(q),
                                 std::span(bytes).subspan(1, expected.size()), {.seed = 5});
          CHECK(std::equal(expected.begin(), expected.end(), bytes.begin() + 1));
          CHECK((bytes.front() == 0x5a && bytes.back() == 0x5a));
          int wrong = q.zero_points != p.zero_points;
          for (std::size_t i = 0; i < p.scales.size(); ++i)
            wrong += !same(q.scales[i], p.scales[i]);
          CHECK(wrong == 0);
        };
        check(qat::scalar{});
        if constexpr (std::is_same_v<Q, W4>)
          for_each_simd(check);
        else
          check(qat::simd<>{});
      }
    }
  });
}

TEST_CASE("quantize_pack: one tensor is measured as a whole and threads change no bit") {
  constexpr std::size_t rows = 70, cols = 1041;
  const auto x = guarded<float>(rows, cols, {}, ordinary);
  const auto p = qat::calibrate<T8>(x.view());
  GuardedMatrix<std::uint8_t> codes(rows, cols);
  qat::quantize<T8>(x.view(), p, codes.view());
  std::vector<std::uint8_t> expected(rows * cols), bytes(rows * cols);
  qat::pack<T8>(codes.view(), expected);
  auto q = qat::detail::make_parameters<T8>(rows, cols);
  for (const bool threaded : {false, true}) {
    test_executor executor{threaded};
    qat::calibrate_pack<T8>(qat::parallel(executor), x.view(), qat::detail::span_of<T8>(q), bytes);
    CHECK(bytes == expected);
    CHECK(q.scales == p.scales);
  }
}

TEST_CASE("quantize_pack: another number of bytes or parameters throws") {
  std::vector<float> x(5), scales(1);
  std::vector<std::uint8_t> bytes(2);
  CHECK_THROWS_WITH_AS(qat::calibrate_pack<W4>(x, {scales}, bytes),
                       doctest::Contains("2 bytes where 3 are needed"), qat::ContractViolation);
  bytes.resize(3);
  CHECK_THROWS_WITH_AS(qat::calibrate_pack<W4>(x, {}, bytes),
                       doctest::Contains("0 scales where 1 are needed"), qat::ContractViolation);
}
