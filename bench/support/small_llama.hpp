#pragma once

#include <qat/core/philox.hpp>
#include <qat/llama/parameters.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// \file
/// The model of 7.2 million parameters that the benchmarks train and run, with random weights of a usual size.

namespace qat::benchmarking {

inline constexpr llama::llama_config small_llama{.vocabulary = 4096,
                                                 .hidden = 288,
                                                 .intermediate = 768,
                                                 .layers = 6,
                                                 .heads = 6,
                                                 .kv_heads = 6,
                                                 .head_size = 48,
                                                 .context = 256,
                                                 .tied_head = true};

[[nodiscard]] inline llama::llama_parameters<float> random_parameters(
    const llama::llama_config& config) {
  llama::llama_parameters<float> parameters(config);
  std::uint64_t stream = 0;
  llama::for_each_parameter(parameters, [&](const std::string& name, Tensor<float>& t) {
    ++stream;
    const bool norm = name.find("norm") != std::string::npos;
    const float size = 1.7f / std::sqrt(static_cast<float>(t.cols()));
    for (std::size_t i = 0; i < t.size(); ++i) {
      const auto n = static_cast<std::int32_t>(core::random_bits(1, stream, i));
      t.data()[i] = norm ? 1.0f : static_cast<float>(n) * 0x1p-31f * size;
    }
  });
  return parameters;
}

[[nodiscard]] inline std::vector<std::int32_t> random_tokens(std::uint64_t stream,
                                                             std::size_t count) {
  std::vector<std::int32_t> tokens(count);
  for (std::size_t i = 0; i < count; ++i)
    tokens[i] = static_cast<std::int32_t>(core::random_bits(2, stream, i) % small_llama.vocabulary);
  return tokens;
}

}  // namespace qat::benchmarking
