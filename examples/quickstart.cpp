// A linear layer on codes: quantize weights and activations, multiply the codes, compare with the
// fake-quantized floats.

#include <qat/quant.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

// Policies in any order; what is not named has a documented default.
using W4 = qat::Quantizer<qat::bits<4>, qat::per_channel>;
using A8 = qat::Quantizer<qat::per_token, qat::bits<8>>;

int main() {
  constexpr std::size_t tokens = 3, in = 256, out = 8;
  std::vector<float> weight(out * in), activation(tokens * in);
  for (std::size_t i = 0; i < weight.size(); ++i)
    weight[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 50) / 500.0f;
  for (std::size_t i = 0; i < activation.size(); ++i)
    activation[i] = static_cast<float>(static_cast<int>(i * 53 % 97) - 48) / 24.0f;
  const qat::matrix_view<const float> w(weight.data(), out, in);         // (O, I)
  const qat::matrix_view<const float> x(activation.data(), tokens, in);  // (N, I)

  // What training sees: weights on their grid, in fp32.
  const auto w_params = qat::calibrate<W4>(w);  // one scale a row
  std::vector<float> w_fake(out * in);
  qat::fake_quantize<W4>(w, w_params, qat::matrix_view<float>(w_fake.data(), out, in));

  // What ships: two codes a byte, and the scales.
  std::vector<std::int8_t> w_codes(out * in);
  const qat::matrix_view<std::int8_t> w_code_rows(w_codes.data(), out, in);
  qat::quantize<W4>(w, w_params, w_code_rows);
  std::vector<std::uint8_t> shipped(qat::packed_bytes<W4>(out, in));
  qat::pack<W4>(w_code_rows, shipped);

  // Activations: measured and quantized in one pass over memory.
  std::vector<float> x_scales(tokens);
  std::vector<std::int8_t> x_codes(tokens * in);
  const qat::matrix_view<std::int8_t> x_code_rows(x_codes.data(), tokens, in);
  qat::calibrate_quantize<A8>(x, qat::parameters_span<A8>{x_scales}, x_code_rows);

  // The product of the shipped codes: exact integer sums, scaled in one defined order.
  const auto layer = qat::PackedWeights<W4>::from_packed_rows(shipped, out, in, w_params.scales);
  std::vector<float> y(tokens * out);
  qat::code_product<A8>(x_code_rows, x_scales, layer,
                        qat::matrix_view<float>(y.data(), tokens, out));

  // The same product in double from the fake-quantized values. Three roundings part them: w_fake's,
  // the scales' product's and y's, each 2^-24 of the terms' magnitudes.
  double difference = 0.0, bound = 0.0;
  for (std::size_t t = 0; t < tokens; ++t)
    for (std::size_t o = 0; o < out; ++o) {
      double sum = 0.0, magnitude = 0.0;
      for (std::size_t i = 0; i < in; ++i) {
        const double term = static_cast<double>(x_codes[t * in + i]) *
                            static_cast<double>(x_scales[t]) *
                            static_cast<double>(w_fake[o * in + i]);
        sum += term;
        magnitude += std::fabs(term);
      }
      difference = std::fmax(difference, std::fabs(sum - static_cast<double>(y[t * out + o])));
      bound = std::fmax(bound, 3.0 * 0x1p-24 * magnitude);
    }

  const qat::error_statistics error = qat::error_stats<W4>(w, w_params);
  std::printf("weights      %s\n", qat::to_string(W4::description).c_str());
  std::printf("activations  %s\n", qat::to_string(A8::description).c_str());
  std::printf("stored bits  %.3f an element, scales included\n", qat::stored_bits<W4>(out, in));
  std::printf("SQNR         %.2f dB, clipped %.2f %%\n", error.signal_to_noise_db,
              100.0 * error.clipped_fraction);
  std::printf("codes and fake-quantized floats differ by at most %.1e (bound %.1e)\n", difference,
              bound);
  return difference <= bound ? 0 : 1;
}
