// Prints one 64-bit hash for each part of the library, over the result bits of a fixed corpus. The same
// source compiled by any compiler, at any level, for any instruction set prints the same lines:
// tests/golden/identity.txt. To cover something new, add a function and a line in main.

#include <qat/quant.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <tests/identity/hash.hpp>

namespace {

using qat::testing::Hash;

/// The corpus: 12 rows of 331 floats (a prime, so that every tail occurs), made by integer arithmetic alone.
struct corpus {
  static constexpr std::size_t rows = 12;
  static constexpr std::size_t cols = 331;
  std::vector<float> values = std::vector<float>(rows * cols);

  [[nodiscard]] qat::matrix_view<const float> view() const { return {values.data(), rows, cols}; }
};

/// A float of either sign with a random significand and an exponent in [low, high).
float random_float(std::uint32_t bits, std::uint32_t low, std::uint32_t high) {
  const std::uint32_t exponent = 127 + low + (bits >> 23 & 0xffu) % (high - low);
  return std::bit_cast<float>((bits & 0x807fffffu) | exponent << 23);
}

corpus make_corpus() {
  corpus c;
  constexpr auto below = [](int exponent) { return static_cast<std::uint32_t>(exponent); };
  for (std::size_t r = 0; r < corpus::rows; ++r)
    for (std::size_t i = 0; i < corpus::cols; ++i) {
      const std::uint32_t bits = qat::core::random_bits(7, r, i);
      float& x = c.values[r * corpus::cols + i];
      switch (r) {
        case 4:
          x = 0.0f;
          break;  // all zero
        case 5:
          x = static_cast<float>(static_cast<int>(bits % 29) - 14) * 0.5f;
          break;  // ties
        case 6:
          x = std::bit_cast<float>(bits & 0x807fffffu);
          break;  // denormals
        case 7:
          x = random_float(bits, below(100), below(127));
          break;  // huge
        case 8:
          x = i == 200 ? std::bit_cast<float>(0x7fc00001u)
                       : random_float(bits, below(-3), below(3));
          break;
        case 9:
          x = i == 17 ? std::bit_cast<float>(0xff800000u) : random_float(bits, below(-3), below(3));
          break;
        case 10:
          x = random_float(bits, below(-126), below(-90));
          break;  // tiny
        case 11:
          x = 1.0f;
          break;  // constant
        default:
          x = random_float(bits, below(-12), below(4));
          break;
      }
    }
  return c;
}

template <class Q>
void add_quantizer(Hash& hash, const corpus& c) {
  using code_type = typename Q::code_type;
  const auto x = c.view();
  const qat::random_key key{.seed = 5, .stream = 3};
  const qat::parameters<Q> p = qat::calibrate<Q>(x);
  hash.add_all(p.scales);
  hash.add_all(p.zero_points);

  std::vector<code_type> codes(c.values.size());
  const qat::matrix_view<code_type> code_view{codes.data(), x.rows, x.cols};
  qat::quantize<Q>(x, p, code_view, key);
  hash.add_all(codes);

  std::vector<std::uint8_t> packed(qat::packed_bytes<Q>(x.rows, x.cols));
  qat::pack<Q>(code_view, packed);
  hash.add_all(packed);

  std::vector<float> levels(c.values.size());
  const qat::matrix_view<float> level_view{levels.data(), x.rows, x.cols};
  qat::dequantize<Q>(code_view, p, level_view);
  hash.add_all(levels);
  qat::fake_quantize<Q>(x, p, level_view, key);
  hash.add_all(levels);

  std::vector<float> gradient(c.values.size(), 0.75f);
  const qat::matrix_view<float> gradient_view{gradient.data(), x.rows, x.cols};
  qat::fake_quantize_backward<Q>(x, p, gradient_view, gradient_view);
  hash.add_all(gradient);
}

template <class... Ps>
std::uint64_t quantizer(const corpus& c) {
  Hash hash;
  add_quantizer<qat::Quantizer<Ps...>>(hash, c);
  return hash.value();
}

std::uint64_t reductions(const corpus& c) {
  Hash hash;
  // Many lengths: a wrong rounding in one lane disappears in most sums.
  for (std::size_t r = 0; r < corpus::rows; ++r)
    for (std::size_t n = 0; n <= corpus::cols; n += n < 66 ? 1 : 3) {
      const float* const row = c.view().row(r);
      hash.add(qat::core::absmax(row, n));
      hash.add(qat::core::sum(row, n));
      hash.add(qat::core::sum_of_squares(row, n));
      hash.add(qat::core::dot(row, c.values.data(), n));
    }
  return hash.value();
}

/// f over every row, by lanes and one by one.
template <class F>
void add_function(Hash& hash, const corpus& c, F&& f) {
  std::vector<float> y(c.values.size());
  qat::core::transform(c.values.data(), y.size(), y.data(), f);
  hash.add_all(y);
  for (const float x : c.values) hash.add(f(x));
}

std::uint64_t elementary(const corpus& c) {
  Hash hash;
  add_function(hash, c, [](auto x) { return qat::core::exp(x); });
  add_function(hash, c, [](auto x) { return qat::core::log(x); });
  add_function(hash, c, [](auto x) { return qat::core::sin(x); });
  add_function(hash, c, [](auto x) { return qat::core::cos(x); });
  add_function(hash, c, [](auto x) { return qat::core::rsqrt(x); });
  add_function(hash, c, [](auto x) { return qat::core::pow(x, decltype(x)(1.25f)); });
  return hash.value();
}

std::uint64_t one_pass_kernels(const corpus& c) {
  using A8 = qat::Quantizer<qat::bits<8>, qat::per_token>;
  using W4 = qat::Quantizer<qat::bits<4>, qat::per_group<128>>;
  Hash hash;
  const auto x = c.view();
  std::vector<float> gain(corpus::cols);
  for (std::size_t i = 0; i < gain.size(); ++i)
    gain[i] = random_float(qat::core::random_bits(8, 0, i), static_cast<std::uint32_t>(-2), 2);

  std::vector<float> scales(corpus::rows);
  std::vector<std::int8_t> codes(c.values.size());
  qat::rms_norm_quantize<A8>(x, std::span<const float>(gain), 1e-5f,
                             qat::parameters_span<A8>{scales},
                             qat::matrix_view<std::int8_t>{codes.data(), x.rows, x.cols});
  hash.add_all(scales);
  hash.add_all(codes);

  std::vector<float> group_scales(qat::parameter_count<W4>(x.rows, x.cols));
  std::vector<std::uint8_t> packed(qat::packed_bytes<W4>(x.rows, x.cols));
  qat::calibrate_pack<W4>(x, qat::parameters_span<W4>{group_scales}, packed);
  hash.add_all(group_scales);
  hash.add_all(packed);
  return hash.value();
}

template <class W>
void add_product(Hash& hash, const corpus& c) {
  using A8 = qat::Quantizer<qat::bits<8>, qat::per_token>;
  const auto x = c.view();
  const auto quantized = [&]<class Q>(std::type_identity<Q>) {
    std::vector<std::int8_t> codes(c.values.size());
    qat::parameters<Q> p = qat::calibrate<Q>(x);
    qat::quantize<Q>(x, p, qat::matrix_view<std::int8_t>{codes.data(), x.rows, x.cols});
    return std::pair{p.scales, codes};
  };
  const auto activation = quantized(std::type_identity<A8>{});
  const auto weight = quantized(std::type_identity<W>{});
  const qat::PackedWeights<W> weights(
      qat::matrix_view<const std::int8_t>{weight.second.data(), x.rows, x.cols}, weight.first);
  const qat::matrix_view<const std::int8_t> codes{activation.second.data(), x.rows, x.cols};
  const auto product = [&](qat::product_path path) {
    Hash y_hash;
    std::vector<float> y(x.rows * x.rows);
    qat::code_product<A8>(codes, activation.first, weights,
                          qat::matrix_view<float>{y.data(), x.rows, x.rows}, path);
    y_hash.add_all(y);
    return y_hash.value();
  };
  const std::uint64_t oracle = product(qat::product_path::scalar);
  hash.add(oracle);
  // Machines differ in their paths, so another path adds to the hash only where it is wrong.
  for (const qat::product_path path : qat::available_product_paths())
    if (product(path) != oracle) hash.add(std::uint64_t{1});
}

std::uint64_t products(const corpus& c) {
  Hash hash;
  add_product<qat::Quantizer<qat::bits<8>, qat::per_channel>>(hash, c);
  add_product<qat::Quantizer<qat::bits<4>, qat::per_group<128>>>(hash, c);
  add_product<qat::Quantizer<qat::bits<2>, qat::per_channel>>(hash, c);
  return hash.value();
}

}  // namespace

int main() {
  using namespace qat;
  const corpus c = make_corpus();
  const std::pair<const char*, std::uint64_t> parts[] = {
      {"elementary", elementary(c)},
      {"reductions", reductions(c)},
      {"w4_per_channel", quantizer<bits<4>, per_channel>(c)},
      {"a8_affine_per_token",
       quantizer<bits<8>, per_token, affine, min_max, clipped_straight_through>(c)},
      {"w4_group_full_fp16",
       quantizer<bits<4>, per_group<32>, symmetric_full, signed_absmax, fp16_scale>(c)},
      {"w3_half_away_power_of_two",
       quantizer<bits<3>, per_group<64>, round_half_away, power_of_two_scale, fixed_mask<-1, 1>>(
           c)},
      {"w8_floor_divide_bf16",
       quantizer<bits<8>, round_floor, divide, bf16_scale, absmax_half_span>(c)},
      {"w2_stochastic", quantizer<bits<2>, per_channel, round_stochastic>(c)},
      {"w4_llmqat_reference", quantizer<bits<4>, per_channel, llmqat_reference>(c)},
      {"one_pass_kernels", one_pass_kernels(c)},
      {"products", products(c)},
  };
  qat::testing::print_hashes(parts);
  return 0;
}
