#pragma once

#include <qat/io/mapped_file.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

/// \file
/// Files that appear whole or not at all.

namespace qat::io {

/// Writes beside the file's path, under the name with ".partial" behind it, and takes its place on commit(). Until then, and
/// whatever happens, what was at the path stays as it was. One writer a path.
class AtomicFile {
 public:
  /// Throws  FileError with the system's reason.
  explicit AtomicFile(std::string path)
      : path_(std::move(path)),
        partial_(path_ + ".partial"),
        file_(::open(partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (file_.number < 0) throw FileError(partial_, std::strerror(errno));
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() {
    if (!committed_) ::unlink(partial_.c_str());
  }

  /// Throws  FileError: no space left, a file too large, ...
  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(file_.number, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) throw FileError(partial_, count < 0 ? std::strerror(errno) : "wrote nothing");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Syncs the bytes to the disk, renames the file, syncs its folder.
  ///
  /// Throws  FileError; the path then holds the old file or, if only the folder could not be synced, the new one.
  void commit() {
    if (::fsync(file_.number) != 0) throw FileError(partial_, std::strerror(errno));
    if (std::rename(partial_.c_str(), path_.c_str()) != 0)
      throw FileError(path_, std::strerror(errno));
    committed_ = true;
    const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
    const detail::file_descriptor parent(
        ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent.number < 0 || ::fsync(parent.number) != 0)
      throw FileError(folder.string(), std::strerror(errno));
  }

 private:
  std::string path_;
  std::string partial_;
  detail::file_descriptor file_;
  bool committed_ = false;
};

/// A whole file of text.
///
/// Throws  FileError; what was at the path is then unchanged.
inline void write_text(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace qat::io
