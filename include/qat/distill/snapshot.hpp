#pragma once

#include <qat/distill/training_state.hpp>
#include <qat/io/format_error.hpp>
#include <qat/io/safetensors.hpp>
#include <qat/io/safetensors_writer.hpp>
#include <qat/llama/parameters.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

/// \file
/// A training state on disk: what a resumed run needs to end in the bytes of one that was never stopped.

namespace qat::distill {

/// The format of the files below; another one is refused.
inline constexpr int snapshot_version = 1;

/// Writes a state beside the caller's own facts (options, where its files end ...). The file appears whole or not at all.
///
/// Layout  safetensors, F32: every parameter under "parameter." + its name, its moments under "first." and "second.";
///         metadata: version, step, facts as JSON.
/// Error   exact.
/// Throws  io::FileError.
/// Cost    one write of 12 bytes a parameter, and a sync.
inline void save_snapshot(const std::string& path, const training_state& state,
                          const nlohmann::ordered_json& facts) {
  std::vector<io::safetensors_entry> entries;
  llama::for_each_parameter(state.parameters, [&](const std::string& name, const Tensor<float>& t) {
    for (const char* prefix : {"parameter.", "first.", "second."})
      entries.push_back({prefix + name, "F32", t.shape().extents()});
  });
  io::SafetensorsWriter writer(path, entries,
                               {{"version", std::to_string(snapshot_version)},
                                {"step", std::to_string(state.step)},
                                {"facts", facts.dump()}});
  llama::for_each_parameter(
      state.parameters,
      [&](const std::string&, const Tensor<float>& w, const nn::adamw_state<float>& m) {
        writer.append(w.elements());
        writer.append(m.first.elements());
        writer.append(m.second.elements());
      },
      state.moments);
  writer.commit();
}

/// The facts that a snapshot was saved with; its tensors are not read.
///
/// Throws  io::FileError, io::FormatError.
[[nodiscard]] inline nlohmann::ordered_json snapshot_facts(const std::string& path) {
  const io::SafetensorsFile file(path);
  const auto facts = file.metadata().find("facts");
  if (facts == file.metadata().end())
    throw io::FormatError(path, 0, "a snapshot of training", "another safetensors file");
  return nlohmann::ordered_json::parse(facts->second);
}

/// Reads a state of a model with this config.
///
/// Throws  io::FileError; io::FormatError for another version, a missing tensor, or one of another shape.
/// Cost    one read of the file.
[[nodiscard]] inline training_state load_snapshot(const std::string& path,
                                                  const llama::llama_config& config) {
  const io::SafetensorsFile file(path);
  const auto metadata = [&](const char* key) {
    const auto at = file.metadata().find(key);
    if (at == file.metadata().end())
      throw io::FormatError(path, 0, std::string("a snapshot with \"") + key + "\"", "none");
    return at->second;
  };
  if (metadata("version") != std::to_string(snapshot_version))
    throw io::FormatError(path, 0, "version " + std::to_string(snapshot_version),
                          metadata("version"));
  training_state state{llama::llama_parameters<float>(config)};
  state.step = std::stoull(metadata("step"));
  const auto read = [&](const std::string& name, Tensor<float>& t) {
    const auto bytes = io::tensor_bytes(file.tensors(), path, {name, "F32", t.shape().extents()});
    std::memcpy(t.data(), bytes.data(), bytes.size());
  };
  llama::for_each_parameter(
      state.parameters,
      [&](const std::string& name, Tensor<float>& w, nn::adamw_state<float>& m) {
        read("parameter." + name, w);
        read("first." + name, m.first);
        read("second." + name, m.second);
      },
      state.moments);
  return state;
}

}  // namespace qat::distill
