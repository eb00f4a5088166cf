#pragma once

#include <qat/io/format_error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

/// \file
/// A cursor over the bytes of a file that nobody has to trust.

namespace qat::io {

/// a * b, or the largest number where that does not fit: a size that no file has.
[[nodiscard]] constexpr std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  return b != 0 && a > most / b ? most : a * b;
}

/// Reads little-endian numbers and strings one behind the other; never beyond the end. Borrows the bytes.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, std::string path)
      : bytes_(bytes), path_(std::move(path)) {}

  /// A number of T's size.
  ///
  /// Throws  FormatError if the file ends before it; `what` names it.
  template <class T>
    requires std::is_arithmetic_v<T>
  [[nodiscard]] T read(const char* what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  /// The next `count` bytes.
  ///
  /// Throws  FormatError if fewer are left.
  [[nodiscard]] std::span<const std::byte> take(std::uint64_t count, const char* what) {
    if (count > left())
      throw FormatError(path_, at_, std::to_string(count) + " bytes of " + what,
                        std::to_string(left()) + " bytes");
    const auto some = bytes_.subspan(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return some;
  }

  /// A string whose length the file gives as L before it.
  ///
  /// Throws  FormatError if it is longer than `most` or than the file.
  template <class L>
  [[nodiscard]] std::string_view string(std::uint64_t most, const char* what) {
    const std::size_t begin = at_;
    const auto length = static_cast<std::uint64_t>(read<L>(what));
    if (length > most)
      throw FormatError(path_, begin,
                        std::string(what) + " of at most " + std::to_string(most) + " bytes",
                        std::to_string(length));
    const auto text = take(length, what);
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }

  /// Throws FormatError at the position, or at `offset`.
  [[noreturn]] void fail(const std::string& expected, const std::string& found) const {
    throw FormatError(path_, at_, expected, found);
  }
  [[noreturn]] void fail_at(std::uint64_t offset, const std::string& expected,
                            const std::string& found) const {
    throw FormatError(path_, offset, expected, found);
  }

  /// Bytes read so far, bytes to come.
  [[nodiscard]] std::size_t position() const { return at_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
  std::string path_;
  std::size_t at_ = 0;
};

}  // namespace qat::io
