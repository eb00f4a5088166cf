// Facts about quantizers that hold at compile time.
#include <qat/quant/laws.hpp>
#include <qat/quant/pack.hpp>

#include <type_traits>

namespace {

using W4 = qat::Quantizer<qat::bits<4>, qat::per_channel, qat::round_nearest_even, qat::symmetric>;

// Order does not matter, and neither does naming a default.
static_assert(std::is_same_v<W4, qat::Quantizer<qat::per_channel, qat::bits<4>>>);
static_assert(std::is_same_v<W4, qat::Quantizer<qat::straight_through, qat::fp32_scale,
                                                qat::bits<4>, qat::reciprocal, qat::integer_grid,
                                                qat::absmax, qat::per_channel>>);
static_assert(!std::is_same_v<W4, qat::Quantizer<qat::bits<4>, qat::per_token>>);
static_assert(W4::qmax == 7 && W4::qmin == -7);

// Policies and quantizers are empty: they cost nothing to pass around.
static_assert(std::is_empty_v<W4> && std::is_empty_v<qat::round_stochastic>);
static_assert(std::is_trivially_copyable_v<qat::matrix_view<float>>);
static_assert(std::is_trivially_copyable_v<qat::parameters_view<W4>>);

// A single policy is no quantizer, and a quantizer no policy.
static_assert(qat::quantizer_like<W4> && !qat::quantizer_like<qat::bits<4>>);

// The arithmetic of an element is a constant expression.
constexpr qat::detail::group_operands by_quarters = qat::detail::operands_of<W4>({0.25f, 0.0f});
static_assert(qat::detail::level_of<W4>(0.6f, by_quarters, {}, 0) == 2.0f);
static_assert(qat::detail::level_of<W4>(100.0f, by_quarters, {}, 0) == 7.0f);
static_assert(qat::detail::level_of<W4>(-100.0f, by_quarters, {}, 0) == -7.0f);
static_assert(qat::detail::close_up<3>(0x0700000000000005u) == 0xe00005u);
static_assert(qat::detail::spread_out<3>(0xe00005u) == 0x0700000000000005u);
static_assert(qat::detail::close_up<7>(0x7f01020304050607u) ==
              (0x07ull | 0x06ull << 7 | 0x05ull << 14 | 0x04ull << 21 | 0x03ull << 28 |
               0x02ull << 35 | 0x01ull << 42 | 0x7full << 49));

}  // namespace
