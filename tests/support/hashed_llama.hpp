#pragma once

#include <qat/llama/parameters.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

#include <tests/support/golden.hpp>

/// \file
/// LLaMAs whose numbers follow from a hash, so that a script in another language makes the same.

namespace qat::testing {

/// In [-2048, 2048): what element i of tensor `index` (from 1 on, in the order of for_each_parameter) is made of.
[[nodiscard]] inline float hashed_integer(std::uint32_t index, std::size_t i) {
  const std::uint32_t hash = mixed((index << 20) + static_cast<std::uint32_t>(i));
  return static_cast<float>(static_cast<int>(hash >> 20) - 2048);
}

/// n = hashed_integer: 1 + n / 2^13 in norms, n / 2^11 in the embedding, n unit elsewhere.
[[nodiscard]] inline llama::llama_parameters<float> hashed_parameters(
    const llama::llama_config& config, float unit) {
  llama::llama_parameters<float> parameters(config);
  std::uint32_t index = 0;
  llama::for_each_parameter(parameters, [&](const std::string& name, Tensor<float>& t) {
    ++index;
    const bool norm = name.find("norm") != std::string::npos;
    const bool embedding = name.find("embed") != std::string::npos;
    for (std::size_t i = 0; i < t.size(); ++i) {
      const float n = hashed_integer(index, i);
      t.data()[i] = norm ? 1.0f + n * 0x1p-13f : n * (embedding ? 0x1p-11f : unit);
    }
  });
  return parameters;
}

}  // namespace qat::testing
