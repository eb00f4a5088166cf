#pragma once

#include <qat/io/json_field.hpp>
#include <qat/io/safetensors.hpp>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

/// \file
/// A folder as `transformers` saves it.

namespace qat::io {

/// config.json and the tensors of model.safetensors, or of the shards that model.safetensors.index.json names.
class HuggingFaceFolder {
 public:
  /// Throws  FileError with what to do; FormatError.
  explicit HuggingFaceFolder(const std::string& folder, file_access access = file_access::map)
      : folder_(folder) {
    namespace fs = std::filesystem;
    if (!fs::is_directory(folder))
      throw FileError(folder, "is not a folder; give the one that holds config.json");
    if (!fs::exists(path_of("config.json")))
      throw FileError(folder,
                      "has no config.json; give the folder of a model that transformers saved");
    config_ = parse_json(read_text(path_of("config.json")), path_of("config.json"));
    if (fs::exists(path_of("model.safetensors"))) {
      add(path_of("model.safetensors"), access);
    } else if (fs::exists(path_of("model.safetensors.index.json"))) {
      for (const std::string& shard : shards()) {
        if (!fs::exists(path_of(shard)))
          throw FileError(path_of(shard),
                          "is missing, although model.safetensors.index.json names it; "
                          "download it again");
        add(path_of(shard), access);
      }
    } else {
      throw FileError(folder,
                      "has no model.safetensors; save the model with safe_serialization=True");
    }
  }

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string path_of(const std::string& file) const {
    return (std::filesystem::path(folder_) / file).string();
  }
  [[nodiscard]] JsonField config() const { return {config_, path_of("config.json")}; }

  /// Of all shards, in order of their names.
  [[nodiscard]] const std::map<std::string, named_tensor>& tensors() const { return tensors_; }
  /// Null where there is none.
  [[nodiscard]] const named_tensor* find(const std::string& name) const {
    const auto at = tensors_.find(name);
    return at == tensors_.end() ? nullptr : &at->second;
  }

 private:
  /// The files of the index: plain names inside the folder.
  [[nodiscard]] std::vector<std::string> shards() const {
    const std::string path = path_of("model.safetensors.index.json");
    const nlohmann::json index = parse_json(read_text(path), path);
    std::set<std::string> names;
    JsonField(index, path)["weight_map"].each([&](const std::string&, const JsonField& file) {
      const std::string& name = file.some_text();
      if (name.find('/') != std::string::npos || name == "." || name == "..")
        file.refuse("the name of a file in the folder");
      names.insert(name);
    });
    return {names.begin(), names.end()};
  }

  void add(const std::string& path, file_access access) {
    files_.emplace_back(path, access);
    for (const auto& [name, tensor] : files_.back().tensors())
      if (!tensors_.emplace(name, tensor).second)
        throw FormatError(path, 8, "each tensor in one file", name + " in two");
  }

  std::string folder_;
  nlohmann::json config_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, named_tensor> tensors_;
};

}  // namespace qat::io
