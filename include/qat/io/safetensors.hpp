#pragma once

#include <qat/io/byte_reader.hpp>
#include <qat/io/json_field.hpp>
#include <qat/io/mapped_file.hpp>
#include <qat/io/named_tensor.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Hugging Face's safetensors.

namespace qat::io {

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
  static constexpr std::uint64_t header_begin = sizeof(std::uint64_t);

  void parse(std::span<const std::byte> bytes, const std::string& path) {
    ByteReader reader(bytes, path);
    const std::string_view header = reader.string<std::uint64_t>(longest_header, "the header");
    const auto data = bytes.subspan(reader.position());
    const nlohmann::json document = parse_json(header, path, header_begin);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> pieces;
    JsonField(document, path, "", header_begin)
        .each([&](const std::string& name, const JsonField& entry) {
          if (name == "__metadata__")
            return entry.each([&](const std::string& key, const JsonField& value) {
              metadata_[key] = value.text();
            });
          const named_tensor t = tensor_of(name, entry, data);
          const auto begin = static_cast<std::uint64_t>(t.bytes.data() - data.data());
          pieces.emplace_back(begin, begin + t.bytes.size());
          tensors_.emplace(name, t);
        });
    const auto expect = [&](bool rule, const std::string& expected, const std::string& found) {
      if (!rule) throw FormatError(path, header_begin, expected, found);
    };
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

  /// An entry of the header.
  static named_tensor tensor_of(const std::string& name, const JsonField& entry,
                                std::span<const std::byte> data) {
    named_tensor t;
    t.name = name;
    t.type_name = entry["dtype"].text();
    for (const tensor_type type : {tensor_type::f32, tensor_type::f16, tensor_type::bf16})
      if (t.type_name == to_string(type)) t.type = type;
    const JsonField shape = entry["shape"];
    if (shape.size() > 8) shape.refuse("at most 8 extents", std::to_string(shape.size()));
    for (std::size_t i = 0; i < shape.size(); ++i)
      t.shape.push_back(shape[i].count(std::numeric_limits<std::uint64_t>::max()));
    const JsonField offsets = entry["data_offsets"];
    if (offsets.size() != 2) offsets.refuse("two offsets", std::to_string(offsets.size()));
    const std::uint64_t end = offsets[1].count(data.size());
    const std::uint64_t begin = offsets[0].count(end);
    if (t.type != tensor_type::other && stored_bytes(t.type, t.size()) != end - begin)
      entry.refuse("the bytes of " + t.type_name + " " + shape_of(t), std::to_string(end - begin));
    t.bytes = data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    return t;
  }

  std::optional<MappedFile> file_;
  std::map<std::string, named_tensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace qat::io
