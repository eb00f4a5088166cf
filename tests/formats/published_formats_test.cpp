// The table of the README: which policies are which published format, by known bytes and known values.

#include <qat/core/half.hpp>
#include <qat/quant/fake_quantize.hpp>
#include <qat/quant/pack.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <set>

#include <tests/support/floats.hpp>
#include <tests/support/golden.hpp>
#include <tests/support/inputs.hpp>
#include <tests/support/onnx_case.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

// LLM-QAT's W4A8KV4 in the clean form of its equation (3).
using llmqat_w4 = qat::Quantizer<qat::bits<4>, qat::per_channel>;
using llmqat_a8 = qat::Quantizer<qat::bits<8>, qat::per_token>;
using llmqat_kv4 = qat::Quantizer<qat::bits<4>, qat::per_token, qat::fp16_scale>;
using ggml_q8_0 =
    qat::Quantizer<qat::bits<8>, qat::per_group<32>, qat::symmetric_full, qat::fp16_scale>;
using ggml_q4_0 = qat::Quantizer<qat::bits<4>, qat::per_group<32>, qat::symmetric_full,
                                 qat::signed_absmax, qat::fp16_scale>;
using torchao_int4 =
    qat::Quantizer<qat::bits<4>, qat::per_group<32>, qat::symmetric_full, qat::absmax_half_span>;
using torchao_int8_token =
    qat::Quantizer<qat::bits<8>, qat::per_token, qat::affine_signed, qat::min_max>;
using channel_int8 = qat::Quantizer<qat::bits<8>, qat::per_channel, qat::symmetric_full,
                                    qat::absmax_half_span, qat::divide>;

bool same_floats(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!same(a[i], b[i])) return false;
  return true;
}

/// Scale of the first two bytes of a ggml block.
float block_scale(const std::vector<std::uint32_t>& bytes) {
  return qat::core::float_from_fp16(static_cast<std::uint16_t>(bytes[0] | bytes[1] << 8));
}

}  // namespace

TEST_CASE("formats: LLM-QAT equation 3 with codes by hand") {
  // llm_qat.md 1.3.7: x with m = 2.5. The reference adds 1e-6 to m and s; the clean form gives the same codes.
  const std::vector<float> x{-1.0f, -0.4f, 0.05f, 0.33f, 0.9f, 2.5f};
  std::vector<std::int8_t> codes(6);
  std::vector<float> scale(1);
  qat::calibrate_quantize<llmqat_w4>(x, {scale}, codes);
  CHECK(codes == std::vector<std::int8_t>{-3, -1, 0, 1, 3, 7});
  CHECK(scale[0] == 2.5f / 7.0f);
  qat::calibrate_quantize<llmqat_a8>(x, {scale}, codes);
  CHECK(codes == std::vector<std::int8_t>{-51, -20, 3, 17, 46, 127});
  using w3 = qat::Quantizer<qat::bits<3>, qat::per_channel>;
  qat::calibrate_quantize<w3>(x, {scale}, codes);
  CHECK(codes == std::vector<std::int8_t>{-1, 0, 0, 0, 1, 3});
  qat::calibrate_quantize<llmqat_kv4>(x, {scale}, codes);
  CHECK(scale[0] == 0x1.6dcp-2f);  // 2.5 / 7 to fp16
  CHECK(codes == std::vector<std::int8_t>{-3, -1, 0, 1, 3, 7});
  // W4 bytes: fields 5 7 8 9 11 15, low nibble first.
  std::vector<std::uint8_t> bytes(3);
  qat::calibrate_quantize<llmqat_w4>(x, {scale}, codes);
  qat::pack<llmqat_w4>(codes, bytes);
  CHECK(bytes == std::vector<std::uint8_t>{0x75, 0x98, 0xfb});
}

TEST_CASE("formats: LLM-QAT's asymmetric rows differ because their zero is no level") {
  // The reference maps min x to code 0 with a real-valued offset, so 0 falls between levels: x = 0.05 gives -0.0667 at 4
  // bits. Ours shifts by an integer zero point. The steps agree where the interval contains 0, the values do not.
  const std::vector<float> x{-1.0f, -0.4f, 0.05f, 0.33f, 0.9f, 2.5f};
  const std::vector<float> reference{-1.0f, -0.3f, -0.066667f, 0.4f, 0.866667f, 2.5f};
  using affine4 = qat::Quantizer<qat::bits<4>, qat::per_channel, qat::affine, qat::min_max>;
  auto p = qat::calibrate<affine4>(x);
  CHECK(p.scales[0] == 3.5f / 15.0f);
  CHECK(p.zero_points[0] == 4);  // -1 / (3.5 / 15) = -4.29
  std::vector<float> y(6);
  qat::fake_quantize<affine4>(x, p, y);
  CHECK(y[2] == 0.0f);
  for (std::size_t i = 0; i < x.size(); ++i)  // each is within half a step of x
    CHECK(std::fabs(static_cast<double>(y[i]) - static_cast<double>(reference[i])) <= 3.5 / 15.0);
}

TEST_CASE("formats: ggml Q8_0 and Q4_0 blocks decode to the values of gguf") {
  int blocks = 0;
  for (const golden_line& line : golden_lines("ggml_blocks.txt")) {
    const std::vector<std::uint32_t> bytes = words_of(line[1]);
    std::vector<std::int8_t> codes(32);
    std::vector<float> y(32);
    if (line[0] == "Q8_0") {
      for (std::size_t i = 0; i < 32; ++i) codes[i] = static_cast<std::int8_t>(bytes[2 + i]);
      // Q8_0's scale is not negative in files; a negative one is decoded by the signed range of Q4_0.
      if (block_scale(bytes) > 0.0f) {
        qat::dequantize<ggml_q8_0>(codes, qat::parameters<ggml_q8_0>{{block_scale(bytes)}, {}}, y);
        CHECK(same_floats(y, floats_of(line[2])));
        ++blocks;
      }
    } else {
      for (std::size_t i = 0; i < 16; ++i) {
        codes[i] = static_cast<std::int8_t>(static_cast<int>(bytes[2 + i] & 15) - 8);
        codes[16 + i] = static_cast<std::int8_t>(static_cast<int>(bytes[2 + i] >> 4) - 8);
      }
      qat::dequantize<ggml_q4_0>(codes, qat::parameters<ggml_q4_0>{{block_scale(bytes)}, {}}, y);
      CHECK(same_floats(y, floats_of(line[2])));
      ++blocks;
      // ggml interleaves the halves of a block; our row stream of the interleaved order has the same bytes.
      std::vector<std::int8_t> interleaved(32);
      for (std::size_t i = 0; i < 32; ++i) interleaved[i] = codes[i % 2 * 16 + i / 2];
      std::vector<std::uint8_t> packed(16);
      qat::pack<ggml_q4_0>(interleaved, packed);
      for (std::size_t i = 0; i < 16; ++i) CHECK(packed[i] == bytes[2 + i]);
    }
  }
  CHECK(blocks == 11);
}

TEST_CASE("formats: torchao int4 group symmetric by hand") {
  // llm_qat.md 4.2: s = m / 7.5, codes -8..7, x * (1 / s): +m gives 7.5 and is clipped to 7, -m gives -8 (7.5 to even).
  const std::vector<float> x{7.5f, -7.5f, 0.5f, 1.5f, -6.4f, 0.0f};
  std::vector<std::int8_t> codes(6);
  std::vector<float> scale(1), y(6);
  qat::calibrate_quantize<torchao_int4>(x, {scale}, codes);
  CHECK(scale[0] == 1.0f);
  CHECK(codes == std::vector<std::int8_t>{7, -8, 0, 2, -6, 0});
  qat::dequantize<torchao_int4>(codes, qat::parameters<torchao_int4>{scale, {}}, y);
  CHECK(y == std::vector<float>{7.0f, -8.0f, 0.0f, 2.0f, -6.0f, 0.0f});
}

TEST_CASE("formats: affine parameters and values equal torch per channel") {
  const auto check = []<class Q>(const golden_line& line) {
    const std::vector<float> x = floats_of(line[4]);
    auto p = qat::calibrate<Q>(x);
    CHECK(same(p.scales[0], floats_of(line[2])[0]));
    CHECK(static_cast<int>(p.zero_points[0]) == std::stoi(line[3]));
    std::vector<float> y(x.size());
    qat::fake_quantize<Q>(x, p, y);
    CHECK(same_floats(y, floats_of(line[5])));
  };
  for (const golden_line& line : golden_lines("torch_affine.txt")) {
    if (line[0] == "4")
      check.operator()<qat::Quantizer<qat::bits<4>, qat::per_channel, qat::affine, qat::min_max>>(
          line);
    else if (line[1] == "0")
      check.operator()<qat::Quantizer<qat::bits<8>, qat::per_channel, qat::affine, qat::min_max>>(
          line);
    else
      check.operator()<torchao_int8_token>(line);
  }
}

TEST_CASE("formats: compressed-tensors channel int8 by hand") {
  // s = m / ((127 + 128) / 2), codes -128..127, x / s.
  const std::vector<float> x{127.5f, -127.5f, 63.5f, -0.5f, 1.5f};
  std::vector<std::int8_t> codes(5);
  std::vector<float> scale(1), y(5);
  qat::calibrate_quantize<channel_int8>(x, {scale}, codes);
  CHECK(scale[0] == 1.0f);
  CHECK(codes == std::vector<std::int8_t>{127, -128, 64, 0, 2});
  std::vector<std::uint8_t> bytes(5);
  qat::pack<channel_int8>(codes, bytes);  // pack-quantized adds 128
  CHECK(bytes == std::vector<std::uint8_t>{255, 0, 192, 128, 130});
  qat::dequantize<channel_int8>(codes, qat::parameters<channel_int8>{scale, {}}, y);
  CHECK(y == std::vector<float>{127.0f, -128.0f, 64.0f, 0.0f, 2.0f});
}

TEST_CASE("formats: ONNX QuantizeLinear and its kin") {
  const auto path = data_file("vectors/onnx_node_tests.jsonl");
  if (!path) return;
  using dynamic = qat::Quantizer<qat::bits<8>, qat::affine, qat::min_max, qat::divide>;
  using uint4 = qat::Quantizer<qat::bits<4>, qat::affine, qat::min_max, qat::divide>;
  using blocked = qat::Quantizer<qat::bits<8>, qat::per_group<2>, qat::symmetric_full, qat::divide>;
  const std::set<std::string> not_expressed{
      "test_dequantizelinear_e5m2",      // levels are minifloats
      "test_quantizelinear_e4m3fn",      // levels are minifloats
      "test_quantizelinear_float4e2m1",  // levels are minifloats
      "test_dequantizelinear_int16",     // codes of 16 bits
      "test_dequantizelinear_uint16",    // codes of 16 bits
      "test_quantizelinear_int16",       // codes of 16 bits
      "test_quantizelinear_uint16",      // codes of 16 bits
  };
  std::size_t expressed = 0, refused = 0;
  for (const onnx_case& one : quantize_linear_cases(*path)) {
    CAPTURE(one.name);
    if (not_expressed.count(one.name) != 0) {
      ++refused;
    } else if (one.name.find("test_dynamicquantizelinear") == 0) {
      const std::vector<float> x = one.floats("inputs", "x");
      std::vector<float> scale(1);
      std::vector<std::uint8_t> zero(1), codes(x.size());
      qat::calibrate_quantize<dynamic>(x, {scale, zero}, codes);
      CHECK(scale == one.floats("outputs", "y_scale"));
      CHECK(static_cast<double>(zero[0]) == one.values("outputs", "y_zero_point")[0]);
      const std::vector<double> y = one.values("outputs", "y");
      CHECK(std::equal(codes.begin(), codes.end(), y.begin(), y.end()));
      ++expressed;
    } else if (one.name == "test_dequantizelinear_uint4") {
      qat::parameters<uint4> p{one.floats("inputs", "x_scale"), {}};
      p.zero_points = {static_cast<std::uint8_t>(one.values("inputs", "x_zero_point")[0])};
      std::vector<std::uint8_t> codes;
      for (const double code : one.values("inputs", "x"))
        codes.push_back(static_cast<std::uint8_t>(code));
      std::vector<float> y(codes.size());
      qat::dequantize<uint4>(codes, p, y);
      CHECK(y == one.floats("outputs", "y"));
      ++expressed;
    } else if (one.name == "test_quantizelinear_blocked_symmetric") {
      // Its output type is int16, but every code lies in 8 bits, where saturation cannot tell the two apart.
      const std::vector<float> x = one.floats("inputs", "x");
      qat::parameters<blocked> p{one.floats("inputs", "y_scale"), {}};
      std::vector<std::int8_t> codes(12);
      qat::quantize<blocked>(qat::matrix_view<const float>(x.data(), 3, 4), p,
                             qat::matrix_view<std::int8_t>(codes.data(), 3, 4));
      const std::vector<double> y = one.values("outputs", "y");
      CHECK(std::equal(codes.begin(), codes.end(), y.begin(), y.end()));
      ++expressed;
    } else {
      FAIL_CHECK("neither expressed nor named as out of reach");
    }
  }
  CHECK(expressed == 4);
  CHECK(refused == not_expressed.size());
}
