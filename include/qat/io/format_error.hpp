#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

/// \file
/// What a reader of files throws.

namespace qat::io {

/// A file that is not what it claims to be. The message names the path, the offset, what was expected and what was found:
/// "model.gguf at byte 24: expected a tensor count below 65536; found 4294967295".
class FormatError : public std::runtime_error {
 public:
  FormatError(std::string path, std::uint64_t offset, const std::string& expected,
              const std::string& found)
      : std::runtime_error(path + " at byte " + std::to_string(offset) + ": expected " + expected +
                           "; found " + found),
        path_(std::move(path)),
        offset_(offset) {}

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Bytes from the beginning of the file.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

 private:
  std::string path_;
  std::uint64_t offset_;
};

}  // namespace qat::io
