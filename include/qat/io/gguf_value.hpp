#pragma once

#include <qat/io/byte_reader.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// The keys of a GGUF file and their values.

namespace qat::io {

/// Types of values, by the numbers of the format.
enum class gguf_type : std::uint32_t {
  uint8,
  int8,
  uint16,
  int16,
  uint32,
  int32,
  float32,
  boolean,
  string,
  array,
  uint64,
  int64,
  float64
};

/// A value as it lies in the file. Borrows the file's bytes.
struct gguf_value {
  gguf_type type = gguf_type::uint8;  ///< of an array: of its elements
  bool is_array = false;
  std::uint64_t count = 1;
  std::uint64_t offset = 0;          ///< in the file
  std::span<const std::byte> bytes;  ///< of an array: of its elements
};

namespace detail {

/// Bytes of a number; 0 for strings and arrays.
[[nodiscard]] constexpr std::size_t bytes_of(gguf_type type) {
  constexpr std::size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<std::size_t>(type)];
}

[[nodiscard]] constexpr const char* name_of(gguf_type type) {
  constexpr const char* names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                   "bool", "string", "array", "u64", "i64", "f64"};
  return names[static_cast<std::size_t>(type)];
}

[[nodiscard]] inline gguf_type read_gguf_type(ByteReader& reader) {
  const auto number = reader.read<std::uint32_t>("the type of a value");
  if (number > static_cast<std::uint32_t>(gguf_type::float64))
    reader.fail_at(reader.position() - sizeof(number), "a type of value from 0 to 12",
                   std::to_string(number));
  return static_cast<gguf_type>(number);
}

}  // namespace detail

/// The value behind a key: u32 type, then a number, a string (u64 length, bytes), or an array (u32 type, u64 count,
/// elements). Nothing is allocated.
///
/// Throws  FormatError if the file ends within it, and for arrays of arrays.
[[nodiscard]] inline gguf_value read_gguf_value(ByteReader& reader) {
  gguf_value value;
  value.type = detail::read_gguf_type(reader);
  if (value.type == gguf_type::array) {
    value.is_array = true;
    value.type = detail::read_gguf_type(reader);
    if (value.type == gguf_type::array)
      reader.fail_at(reader.position() - 4, "numbers or strings in an array", "arrays");
    value.count = reader.read<std::uint64_t>("the size of an array");
  }
  value.offset = reader.position();
  const auto whole = reader.bytes().subspan(reader.position());
  if (value.type == gguf_type::string) {
    for (std::uint64_t i = 0; i < value.count; ++i)
      static_cast<void>(
          reader.string<std::uint64_t>(std::numeric_limits<std::uint32_t>::max(), "a string"));
  } else {
    static_cast<void>(
        reader.take(saturating_product(value.count, detail::bytes_of(value.type)), "a value"));
  }
  value.bytes = whole.first(reader.position() - static_cast<std::size_t>(value.offset));
  return value;
}

/// The keys of a file. Every access names the key when it fails.
class GgufMetadata {
 public:
  explicit GgufMetadata(std::string path) : path_(std::move(path)) {}

  /// False if the key was there before.
  bool add(const std::string& key, const gguf_value& value) {
    return values_.emplace(key, value).second;
  }

  [[nodiscard]] bool has(const std::string& key) const { return values_.count(key) != 0; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::map<std::string, gguf_value>& values() const { return values_; }

  /// An unsigned number.
  ///
  /// Throws  FormatError where the key is absent, or its value of another kind or negative; so do all readers.
  [[nodiscard]] std::uint64_t number(const std::string& key) const {
    const gguf_value& value = scalar(key);
    std::uint64_t result = 0;
    visit(value, [&](auto n) {
      if constexpr (std::is_integral_v<decltype(n)> && !std::is_same_v<decltype(n), bool>) {
        if constexpr (std::is_signed_v<decltype(n)>)
          if (n < 0) refuse(key, value, "a number of at least 0", std::to_string(n));
        result = static_cast<std::uint64_t>(n);
      } else {
        refuse(key, value, "a whole number", detail::name_of(value.type));
      }
    });
    return result;
  }
  [[nodiscard]] std::uint64_t number(const std::string& key, std::uint64_t otherwise) const {
    return has(key) ? number(key) : otherwise;
  }
  [[nodiscard]] float real(const std::string& key) const {
    const gguf_value& value = scalar(key);
    float result = 0.0f;
    visit(value, [&](auto n) {
      if constexpr (std::is_floating_point_v<decltype(n)>) {
        result = static_cast<float>(n);
      } else {
        refuse(key, value, "a real number", detail::name_of(value.type));
      }
    });
    return result;
  }
  [[nodiscard]] float real(const std::string& key, float otherwise) const {
    return has(key) ? real(key) : otherwise;
  }
  [[nodiscard]] bool flag(const std::string& key, bool otherwise) const {
    if (!has(key)) return otherwise;
    const gguf_value& value = scalar(key);
    if (value.type != gguf_type::boolean)
      refuse(key, value, "true or false", detail::name_of(value.type));
    return value.bytes[0] != std::byte{0};
  }
  [[nodiscard]] std::string text(const std::string& key, const std::string& otherwise) const {
    if (!has(key)) return otherwise;
    const gguf_value& value = scalar(key);
    if (value.type != gguf_type::string)
      refuse(key, value, "a string", detail::name_of(value.type));
    return strings_of(value)[0];
  }
  [[nodiscard]] std::vector<std::string> texts(const std::string& key) const {
    return strings_of(list(key, gguf_type::string));
  }
  /// The elements of an array of T: float or std::int32_t.
  template <class T>
  [[nodiscard]] std::vector<T> numbers(const std::string& key) const {
    constexpr gguf_type type = std::is_same_v<T, float> ? gguf_type::float32 : gguf_type::int32;
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, std::int32_t>);
    const gguf_value& value = list(key, type);
    std::vector<T> all(static_cast<std::size_t>(value.count));
    if (!all.empty()) std::memcpy(all.data(), value.bytes.data(), value.bytes.size());
    return all;
  }

 private:
  [[noreturn]] void refuse(const std::string& key, const gguf_value& value,
                           const std::string& expected, const std::string& found) const {
    throw FormatError(path_, value.offset, expected + " as " + key, found);
  }
  [[nodiscard]] const gguf_value& find(const std::string& key) const {
    const auto at = values_.find(key);
    if (at == values_.end()) throw FormatError(path_, 0, "the key " + key, "none");
    return at->second;
  }
  [[nodiscard]] const gguf_value& scalar(const std::string& key) const {
    const gguf_value& value = find(key);
    if (value.is_array) refuse(key, value, "one value", "an array");
    return value;
  }
  [[nodiscard]] const gguf_value& list(const std::string& key, gguf_type type) const {
    const gguf_value& value = find(key);
    if (!value.is_array || value.type != type)
      refuse(key, value, std::string("an array of ") + detail::name_of(type),
             std::string(value.is_array ? "one of " : "a ") + detail::name_of(value.type));
    return value;
  }
  [[nodiscard]] std::vector<std::string> strings_of(const gguf_value& value) const {
    ByteReader reader(value.bytes, path_);
    std::vector<std::string> all;
    all.reserve(static_cast<std::size_t>(value.count));  // each has at least 8 bytes in the file
    for (std::uint64_t i = 0; i < value.count; ++i)
      all.emplace_back(
          reader.string<std::uint64_t>(std::numeric_limits<std::uint32_t>::max(), "a string"));
    return all;
  }

  /// f(number) with the number's own type.
  template <class F>
  static void visit(const gguf_value& value, F&& f) {
    ByteReader reader(value.bytes, "");
    const auto give = [&]<class T>(T) { f(reader.read<T>("a value")); };
    switch (value.type) {
      case gguf_type::uint8:
        return give(std::uint8_t{});
      case gguf_type::int8:
        return give(std::int8_t{});
      case gguf_type::uint16:
        return give(std::uint16_t{});
      case gguf_type::int16:
        return give(std::int16_t{});
      case gguf_type::uint32:
        return give(std::uint32_t{});
      case gguf_type::int32:
        return give(std::int32_t{});
      case gguf_type::float32:
        return give(float{});
      case gguf_type::uint64:
        return give(std::uint64_t{});
      case gguf_type::int64:
        return give(std::int64_t{});
      case gguf_type::float64:
        return give(double{});
      case gguf_type::boolean:
      case gguf_type::string:
      case gguf_type::array:
        return f(false);  // no number
    }
  }

  std::string path_;
  std::map<std::string, gguf_value> values_;
};

}  // namespace qat::io
