#pragma once

#include <qat/core/contracts.hpp>
#include <qat/io/atomic_file.hpp>
#include <qat/io/byte_reader.hpp>
#include <qat/io/named_tensor.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

/// \file
/// Hugging Face's safetensors, written.

namespace qat::io {

/// A tensor of a file to be written: its name, the format's name of its type, its extents, outermost first.
struct safetensors_entry {
  std::string name;
  std::string dtype;  ///< F32, F16, BF16, I64, I32, U8 or I8
  std::vector<std::uint64_t> shape;

  /// Bytes of its elements.
  ///
  /// Throws  ContractViolation for another type or a size that no file has.
  [[nodiscard]] std::uint64_t bytes() const {
    constexpr std::pair<std::string_view, std::uint64_t> sizes[] = {
        {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"U8", 1}, {"I8", 1}};
    for (const auto& known : sizes) {
      if (known.first != dtype) continue;
      std::uint64_t product = known.second;
      for (const std::uint64_t extent : shape) product = saturating_product(product, extent);
      QAT_EXPECTS(product < std::uint64_t{1} << 62, name + " of " + std::to_string(product));
      return product;
    }
    throw ContractViolation(name + " of type " + dtype + ", which safetensors does not have");
  }
};

/// The bytes of a tensor that a file must have as this entry says.
///
/// Throws  FormatError if it is missing, or of another type, shape or number of bytes; ContractViolation as the entry's bytes().
[[nodiscard]] inline std::span<const std::byte> tensor_bytes(
    const std::map<std::string, named_tensor>& tensors, const std::string& path,
    const safetensors_entry& wanted) {
  const auto at = tensors.find(wanted.name);
  if (at == tensors.end()) throw FormatError(path, 0, "a tensor " + wanted.name, "none");
  const named_tensor& t = at->second;
  if (t.type_name != wanted.dtype || t.shape != wanted.shape || t.bytes.size() != wanted.bytes()) {
    named_tensor shaped;
    shaped.shape = wanted.shape;
    throw FormatError(path, 0, wanted.name + " of " + wanted.dtype + " " + shape_of(shaped),
                      t.type_name + " " + shape_of(t));
  }
  return t.bytes;
}

/// Writes a safetensors file from first to last without holding its tensors. The file appears on commit().
///
/// Layout  as SafetensorsFile reads it; the header is padded with spaces so that tensors begin at a multiple of 8.
class SafetensorsWriter {
 public:
  /// Writes the header.
  ///
  /// Throws  FileError; ContractViolation for two entries of one name or as safetensors_entry::bytes.
  SafetensorsWriter(const std::string& path, std::span<const safetensors_entry> entries,
                    const std::map<std::string, std::string>& metadata)
      : file_(path) {
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    for (const safetensors_entry& entry : entries) {
      QAT_EXPECTS(!header.contains(entry.name), "two tensors named " + entry.name);
      const std::uint64_t end = left_ + entry.bytes();
      header[entry.name] = {
          {"dtype", entry.dtype}, {"shape", entry.shape}, {"data_offsets", {left_, end}}};
      left_ = end;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    static_assert(std::endian::native == std::endian::little);
    const std::uint64_t length = text.size();
    file_.write(std::as_bytes(std::span(&length, 1)));
    file_.write(text);
  }

  /// The next bytes of the tensors, which follow each other in the order of the entries.
  ///
  /// Throws  FileError; ContractViolation for more bytes than the entries have.
  template <class T>
  void append(std::span<const T> elements) {
    const auto bytes = std::as_bytes(elements);
    QAT_EXPECTS(bytes.size() <= left_, std::to_string(bytes.size()) + " bytes where " +
                                           std::to_string(left_) + " are left");
    file_.write(bytes);
    left_ -= bytes.size();
  }

  /// Throws  FileError; ContractViolation if bytes are missing.
  void commit() {
    QAT_EXPECTS(left_ == 0, std::to_string(left_) + " bytes are missing");
    file_.commit();
  }

 private:
  AtomicFile file_;
  std::uint64_t left_ = 0;
};

}  // namespace qat::io
