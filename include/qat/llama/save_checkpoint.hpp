#pragma once

#include <qat/core/half.hpp>
#include <qat/io/safetensors_writer.hpp>
#include <qat/llama/hugging_face_config.hpp>
#include <qat/llama/parameters.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// \file
/// From parameters to a folder that `transformers` loads.

namespace qat::llama {

/// In what a checkpoint's numbers are written.
enum class checkpoint_type { f32, bf16 };

namespace detail {

/// Appends numbers as bf16, rounded to nearest even, without a copy of all of them.
inline void append_bf16(io::SafetensorsWriter& writer, std::span<const float> numbers) {
  std::array<std::uint16_t, 4096> some;
  for (std::size_t i = 0; i < numbers.size(); i += some.size()) {
    const auto part = numbers.subspan(i, std::min(some.size(), numbers.size() - i));
    std::transform(part.begin(), part.end(), some.begin(), core::bf16_from_float);
    writer.append(std::span<const std::uint16_t>(some.data(), part.size()));
  }
}

}  // namespace detail

/// Writes config.json, tokenizer.json where one is given, and model.safetensors; the folder is made. Each file appears whole
/// or not at all, the tensors last.
///
/// Error   f32 exact; bf16 one rounding to nearest even a number.
/// Throws  io::FileError with the system's reason; ContractViolation as hugging_face_config.
/// Cost    one write of the parameters.
inline void save_hugging_face(const llama_parameters<float>& parameters, const std::string& folder,
                              checkpoint_type type = checkpoint_type::f32,
                              const std::optional<std::string>& tokenizer_json = std::nullopt) {
  namespace fs = std::filesystem;
  const bool half = type == checkpoint_type::bf16;
  const std::string config =
      hugging_face_config(parameters.config, half ? "bfloat16" : "float32").dump(2) + "\n";
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw io::FileError(folder, error.message());
  const auto path_of = [&](const char* name) { return (fs::path(folder) / name).string(); };
  io::write_text(path_of("config.json"), config);
  if (tokenizer_json) io::write_text(path_of("tokenizer.json"), *tokenizer_json);

  std::vector<io::safetensors_entry> entries;
  for_each_parameter(parameters, [&](const std::string& name, const Tensor<float>& t) {
    entries.push_back({name, half ? "BF16" : "F32", t.shape().extents()});
  });
  io::SafetensorsWriter writer(path_of("model.safetensors"), entries, {{"format", "pt"}});
  for_each_parameter(parameters, [&](const std::string&, const Tensor<float>& t) {
    if (half) {
      detail::append_bf16(writer, t.elements());
    } else {
      writer.append(t.elements());
    }
  });
  writer.commit();
}

}  // namespace qat::llama
