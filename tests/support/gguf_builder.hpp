#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <tests/support/files.hpp>

/// \file
/// Builds the bytes of GGUF files, right or wrong ones.

namespace qat::testing {

/// A file of keys and tensors in the order in which they are added.
class GgufBuilder {
 public:
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;

  static std::string string(const std::string& text) {
    return bytes_of<std::uint64_t>(text.size()) + text;
  }

  /// A key with the number of its type and the bytes of its value.
  void add(const std::string& key, std::uint32_t type, const std::string& value) {
    keys_ += string(key) + bytes_of(type) + value;
    ++key_count_;
  }
  void add_u32(const std::string& key, std::uint32_t value) { add(key, 4, bytes_of(value)); }
  void add_f32(const std::string& key, float value) { add(key, 6, bytes_of(value)); }
  void add_text(const std::string& key, const std::string& text) { add(key, 8, string(text)); }
  void add_texts(const std::string& key, const std::vector<std::string>& texts) {
    std::string value = bytes_of<std::uint32_t>(8) + bytes_of<std::uint64_t>(texts.size());
    for (const std::string& text : texts) value += string(text);
    add(key, 9, value);
  }

  /// A tensor with the number of its type; extents innermost first, as the file has them.
  void add_tensor(const std::string& name, const std::vector<std::uint64_t>& extents,
                  std::uint32_t type, const std::string& data) {
    data_.resize((data_.size() + alignment - 1) / alignment * alignment, '\0');
    add_entry(name, extents, type, data_.size());
    data_ += data;
  }
  /// A tensor that may lie anywhere.
  void add_entry(const std::string& name, const std::vector<std::uint64_t>& extents,
                 std::uint32_t type, std::uint64_t offset) {
    entries_ += string(name) + bytes_of(static_cast<std::uint32_t>(extents.size()));
    for (const std::uint64_t extent : extents) entries_ += bytes_of(extent);
    entries_ += bytes_of(type) + bytes_of(offset);
    ++tensor_count_;
  }

  [[nodiscard]] std::string bytes() const {
    std::string all = "GGUF" + bytes_of(version) + bytes_of(tensor_count_) + bytes_of(key_count_) +
                      keys_ + entries_;
    all.resize((all.size() + alignment - 1) / alignment * alignment, '\0');
    return all + data_;
  }

 private:
  std::uint64_t tensor_count_ = 0;
  std::uint64_t key_count_ = 0;
  std::string keys_;
  std::string entries_;
  std::string data_;
};

}  // namespace qat::testing
