#pragma once

#include <qat/io/byte_reader.hpp>
#include <qat/io/gguf_value.hpp>
#include <qat/io/mapped_file.hpp>
#include <qat/io/named_tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// ggml's files of models.

namespace qat::io {

namespace detail {

/// ggml's number and name of a type, and ours where we decode it.
struct ggml_type {
  std::uint32_t number;
  const char* name;
  tensor_type type;
};

inline constexpr ggml_type ggml_types[] = {
    {0, "F32", tensor_type::f32},     {1, "F16", tensor_type::f16},
    {2, "Q4_0", tensor_type::q4_0},   {3, "Q4_1", tensor_type::q4_1},
    {6, "Q5_0", tensor_type::other},  {7, "Q5_1", tensor_type::other},
    {8, "Q8_0", tensor_type::q8_0},   {10, "Q2_K", tensor_type::other},
    {11, "Q3_K", tensor_type::other}, {12, "Q4_K", tensor_type::other},
    {13, "Q5_K", tensor_type::other}, {14, "Q6_K", tensor_type::other},
    {30, "BF16", tensor_type::bf16}};

}  // namespace detail

/// A GGUF file of version 2 or 3.
///
/// Tensors have ggml's names; shapes are outermost first, the other way round than in the file.
///
/// Layout  "GGUF", u32 version, u64 tensors, u64 keys; for each key its name, u32 type, value; for each tensor its name, u32
///         rank, u64 extents (innermost first), u32 type, u64 offset; padding to general.alignment (32 where it is not
///         given); the tensors, each offset a multiple of the alignment. A string is a u64 length and its bytes.
/// Source  ggml's docs/gguf.md.
class GgufFile {
 public:
  /// Throws  FileError, FormatError.
  explicit GgufFile(const std::string& path, file_access access = file_access::map)
      : file_(std::in_place, path, access) {
    parse(file_->bytes(), path);
  }

  /// From borrowed bytes.
  ///
  /// Throws  FormatError.
  GgufFile(std::span<const std::byte> bytes, const std::string& path) { parse(bytes, path); }

  /// In order of their names.
  [[nodiscard]] const std::map<std::string, named_tensor>& tensors() const { return tensors_; }
  /// Null where there is none.
  [[nodiscard]] const named_tensor* find(const std::string& name) const {
    const auto at = tensors_.find(name);
    return at == tensors_.end() ? nullptr : &at->second;
  }
  [[nodiscard]] const GgufMetadata& metadata() const { return metadata_; }

 private:
  static constexpr std::uint64_t most_entries = 1 << 20;
  static constexpr std::uint64_t longest_key = 65535;

  void parse(std::span<const std::byte> bytes, const std::string& path) {
    ByteReader reader(bytes, path);
    constexpr std::uint32_t magic = 0x46554747;  // "GGUF"
    if (const auto found = reader.read<std::uint32_t>("the magic"); found != magic)
      reader.fail_at(0, "\"GGUF\"", "another file");
    const auto version = reader.read<std::uint32_t>("the version");
    if (version != 2 && version != 3) reader.fail_at(4, "version 2 or 3", std::to_string(version));
    const std::uint64_t tensor_count = read_count(reader, "the number of tensors");
    const std::uint64_t key_count = read_count(reader, "the number of keys");
    metadata_ = GgufMetadata(path);
    for (std::uint64_t i = 0; i < key_count; ++i) {
      const std::size_t begin = reader.position();
      const std::string key(reader.string<std::uint64_t>(longest_key, "a key"));
      if (!metadata_.add(key, read_gguf_value(reader)))
        reader.fail_at(begin, "each key once", key + " twice");
    }
    std::vector<std::pair<named_tensor, std::uint64_t>> listed;
    for (std::uint64_t i = 0; i < tensor_count; ++i) listed.push_back(read_entry(reader));
    place(listed, reader);
  }

  static std::uint64_t read_count(ByteReader& reader, const char* what) {
    const auto count = reader.read<std::uint64_t>(what);
    if (count > most_entries)
      reader.fail_at(reader.position() - sizeof(count),
                     std::string(what) + " up to " + std::to_string(most_entries),
                     std::to_string(count));
    return count;
  }

  /// A tensor without its bytes, and its offset in the data.
  static std::pair<named_tensor, std::uint64_t> read_entry(ByteReader& reader) {
    named_tensor t;
    t.name = reader.string<std::uint64_t>(longest_key, "the name of a tensor");
    const std::size_t begin = reader.position();
    const auto rank = reader.read<std::uint32_t>("a rank");
    if (rank < 1 || rank > 4)
      reader.fail_at(begin, "1 to 4 extents of " + t.name, std::to_string(rank));
    t.shape.resize(rank);
    for (std::size_t d = rank; d-- > 0;) t.shape[d] = reader.read<std::uint64_t>("an extent");
    const auto number = reader.read<std::uint32_t>("a type");
    t.type_name = "ggml type " + std::to_string(number);
    for (const detail::ggml_type& known : detail::ggml_types)
      if (known.number == number) {
        t.type = known.type;
        t.type_name = known.name;
      }
    constexpr std::uint64_t saturated = std::numeric_limits<std::uint64_t>::max();
    if (t.size() == saturated || t.shape.back() % block_of(t.type).elements != 0)
      reader.fail_at(begin, "rows of " + t.name + " in blocks of " + t.type_name, shape_of(t));
    return {t, reader.read<std::uint64_t>("an offset")};
  }

  /// Finds the bytes of every tensor behind the header. The size of a type that we do not decode is not known: such a
  /// tensor ends where the next begins.
  void place(std::vector<std::pair<named_tensor, std::uint64_t>>& listed, ByteReader& reader) {
    const std::uint64_t alignment = metadata_.number("general.alignment", 32);
    if (alignment == 0 || alignment % 8 != 0 || alignment > (1 << 20))
      reader.fail("a general.alignment of 8 to 2^20 in eights", std::to_string(alignment));
    const std::uint64_t padding = (alignment - reader.position() % alignment) % alignment;
    if (!listed.empty()) static_cast<void>(reader.take(padding, "padding"));
    const std::size_t begin = reader.position();
    const auto data = reader.bytes().subspan(begin);
    std::sort(listed.begin(), listed.end(),
              [](const auto& a, const auto& b) { return a.second < b.second; });
    std::uint64_t end = 0;
    for (std::size_t i = 0; i < listed.size(); ++i) {
      named_tensor& t = listed[i].first;
      const std::uint64_t offset = listed[i].second;
      const std::uint64_t limit = i + 1 < listed.size() ? listed[i + 1].second : data.size();
      if (offset % alignment != 0 || offset < end || offset > data.size())
        reader.fail_at(begin,
                       "an offset of " + t.name + " from " + std::to_string(end) + " to " +
                           std::to_string(data.size()) + ", a multiple of " +
                           std::to_string(alignment),
                       std::to_string(offset));
      const std::uint64_t size = t.type == tensor_type::other
                                     ? std::min<std::uint64_t>(limit, data.size()) - offset
                                     : stored_bytes(t.type, t.size());
      if (size > data.size() - offset)
        reader.fail_at(begin + offset,
                       std::to_string(size) + " bytes of " + t.name + " (" + t.type_name + " " +
                           shape_of(t) + ")",
                       std::to_string(data.size() - offset));
      t.bytes = data.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
      end = offset + size;
      if (!tensors_.emplace(t.name, t).second)
        reader.fail_at(begin, "each tensor once", t.name + " twice");
    }
  }

  std::optional<MappedFile> file_;
  GgufMetadata metadata_{""};
  std::map<std::string, named_tensor> tensors_;
};

}  // namespace qat::io
