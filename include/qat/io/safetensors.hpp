#pragma once

#include <qat/io/byte_reader.hpp>
#include <qat/io/mapped_file.hpp>
#include <qat/io/named_tensor.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

/// \file
/// Hugging Face's safetensors.

namespace qat::io {

namespace detail {

/// Parses JSON without exceptions of its own, duplicate keys and depths beyond 64 refused.
///
/// Throws  FormatError with the byte at which it went wrong.
inline nlohmann::json parse_json(std::string_view text, const std::string& path,
                                 std::uint64_t offset) {
  std::vector<std::set<std::string>> keys;
  std::string complaint;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using event_t = nlohmann::json::parse_event_t;
    if (depth > 64 && complaint.empty()) complaint = "more than 64 levels";
    if (event == event_t::object_start) keys.emplace_back();
    if (event == event_t::object_end && !keys.empty()) keys.pop_back();
    if (event == event_t::key && !keys.empty() && parsed.is_string() &&
        !keys.back().insert(parsed.get<std::string>()).second && complaint.empty())
      complaint = "the key " + parsed.get<std::string>() + " twice";
    return true;
  };
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text, watch);
  } catch (const nlohmann::json::exception& e) {
    throw FormatError(path, offset, "JSON", e.what());
  }
  if (!complaint.empty()) throw FormatError(path, offset, "JSON of a header", complaint);
  return json;
}

}  // namespace detail

/// A safetensors file.
///
/// Layout  u64 length of the header; JSON {name: {dtype, shape, data_offsets: [begin, end]}, __metadata__: {...}}; the
///         tensors' bytes, which cover what is left without overlap or hole.
class SafetensorsFile {
 public:
  /// Throws  FileError, FormatError.
  explicit SafetensorsFile(const std::string& path, file_access access = file_access::map)
      : file_(std::in_place, path, access) {
    parse(file_->bytes(), path);
  }

  /// From borrowed bytes.
  ///
  /// Throws  FormatError.
  SafetensorsFile(std::span<const std::byte> bytes, const std::string& path) { parse(bytes, path); }

  /// In order of their names.
  [[nodiscard]] const std::map<std::string, named_tensor>& tensors() const { return tensors_; }
  /// Null where there is none.
  [[nodiscard]] const named_tensor* find(const std::string& name) const {
    const auto at = tensors_.find(name);
    return at == tensors_.end() ? nullptr : &at->second;
  }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  /// The header may take 100 MB, as in the format's own reader.
  static constexpr std::uint64_t longest_header = 100'000'000;

  void parse(std::span<const std::byte> bytes, const std::string& path) {
    ByteReader reader(bytes, path);
    const std::string_view header = reader.string<std::uint64_t>(longest_header, "the header");
    const auto data = bytes.subspan(reader.position());
    const nlohmann::json json = detail::parse_json(header, path, 8);
    const auto expect = [&](bool rule, const std::string& expected, const std::string& found) {
      if (!rule) throw FormatError(path, 8, expected, found);
    };
    expect(json.is_object(), "a JSON object", json.type_name());
    std::vector<std::pair<std::uint64_t, std::uint64_t>> pieces;
    for (const auto& item : json.items()) {
      const std::string& name = item.key();
      const nlohmann::json& entry = item.value();
      if (name == "__metadata__") {
        expect(entry.is_object(), "an object as __metadata__", entry.type_name());
        for (const auto& [key, value] : entry.items()) {
          expect(value.is_string(), "text as __metadata__." + key, value.type_name());
          metadata_[key] = value.get<std::string>();
        }
        continue;
      }
      const auto member = [&](const char* key) -> const nlohmann::json& {
        expect(entry.is_object() && entry.contains(key), "tensor " + name + " with " + key,
               entry.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 80));
        return entry[key];
      };
      const auto number = [&](const nlohmann::json& value, const char* what) {
        expect(value.is_number_unsigned(), "a whole number as " + std::string(what) + " of " + name,
               value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 80));
        return value.get<std::uint64_t>();
      };
      named_tensor t;
      t.name = name;
      const nlohmann::json& dtype = member("dtype");
      expect(dtype.is_string(), "text as dtype of " + name, dtype.type_name());
      t.type_name = dtype.get<std::string>();
      for (const tensor_type type : {tensor_type::f32, tensor_type::f16, tensor_type::bf16})
        if (t.type_name == to_string(type)) t.type = type;
      const nlohmann::json& shape = member("shape");
      expect(shape.is_array() && shape.size() <= 8, "at most 8 extents of " + name,
             std::to_string(shape.size()));
      for (const nlohmann::json& extent : shape) t.shape.push_back(number(extent, "an extent"));
      const nlohmann::json& offsets = member("data_offsets");
      expect(offsets.is_array() && offsets.size() == 2, "two data_offsets of " + name,
             std::to_string(offsets.size()));
      const std::uint64_t begin = number(offsets[0], "an offset");
      const std::uint64_t end = number(offsets[1], "an offset");
      expect(begin <= end && end <= data.size(),
             "data_offsets of " + name + " within " + std::to_string(data.size()) + " bytes",
             std::to_string(begin) + " to " + std::to_string(end));
      expect(t.type == tensor_type::other || stored_bytes(t.type, t.size()) == end - begin,
             "the bytes of " + name + " (" + t.type_name + " " + shape_of(t) + ")",
             std::to_string(end - begin));
      t.bytes =
          data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
      pieces.emplace_back(begin, end);
      tensors_.emplace(name, std::move(t));
    }
    std::sort(pieces.begin(), pieces.end());
    std::uint64_t covered = 0;
    for (const auto& [begin, end] : pieces) {
      expect(begin == covered, "a tensor at " + std::to_string(covered) + " of the data",
             "one at " + std::to_string(begin));
      covered = end;
    }
    expect(covered == data.size(),
           "tensors up to byte " + std::to_string(data.size()) + " of the data",
           "up to " + std::to_string(covered));
  }

  std::optional<MappedFile> file_;
  std::map<std::string, named_tensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace qat::io
