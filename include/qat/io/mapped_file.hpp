#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

/// \file
/// The bytes of a file.

namespace qat::io {

/// How a file comes into memory.
enum class file_access {
  map,   ///< pages are read when they are touched; a file that shrinks meanwhile raises SIGBUS
  read,  ///< the whole file is copied: for files that may change
};

/// A file that cannot be opened, read or written: "model.bin: No such file or directory".
class FileError : public std::runtime_error {
 public:
  FileError(const std::string& path, const std::string& reason)
      : std::runtime_error(path + ": " + reason) {}
};

namespace detail {

struct file_descriptor {
  explicit file_descriptor(int n) : number(n) {}
  file_descriptor(const file_descriptor&) = delete;
  file_descriptor& operator=(const file_descriptor&) = delete;
  ~file_descriptor() {
    if (number >= 0) ::close(number);
  }
  int number;
};

struct unmap {
  std::size_t size = 0;
  void operator()(void* address) const { ::munmap(address, size); }
};

}  // namespace detail

/// A whole file, read only. Owns the mapping or the copy.
class MappedFile {
 public:
  /// Throws  FileError with the system's reason; for a folder or anything else that is not a regular file too.
  explicit MappedFile(std::string path, file_access access = file_access::map)
      : path_(std::move(path)) {
    const detail::file_descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.number < 0) throw FileError(path_, std::strerror(errno));
    struct stat status = {};
    if (::fstat(file.number, &status) != 0) throw FileError(path_, std::strerror(errno));
    if (!S_ISREG(status.st_mode)) throw FileError(path_, "is not a regular file");
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return;
    if (access == file_access::map) {
      void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
      if (address == MAP_FAILED) throw FileError(path_, std::strerror(errno));
      mapping_ = std::unique_ptr<void, detail::unmap>(address, detail::unmap{size});
      bytes_ = {static_cast<const std::byte*>(address), size};
    } else {
      copy_ = std::make_unique<std::byte[]>(size);
      read_all(file.number, size);
      bytes_ = {copy_.get(), size};
    }
  }

  MappedFile(MappedFile&& other) noexcept
      : path_(std::move(other.path_)),
        mapping_(std::move(other.mapping_)),
        copy_(std::move(other.copy_)),
        bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile other) noexcept {
    std::swap(path_, other.path_);
    std::swap(mapping_, other.mapping_);
    std::swap(copy_, other.copy_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedFile() = default;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  void read_all(int file, std::size_t size) {
    for (std::size_t done = 0; done < size;) {
      const ssize_t count = ::read(file, copy_.get() + done, size - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw FileError(path_, std::strerror(errno));
      if (count == 0)
        throw FileError(path_, "ended after " + std::to_string(done) + " of " +
                                   std::to_string(size) + " bytes");
      done += static_cast<std::size_t>(count);
    }
  }

  std::string path_;
  std::unique_ptr<void, detail::unmap> mapping_;
  std::unique_ptr<std::byte[]> copy_;
  std::span<const std::byte> bytes_;
};

/// The whole file as text.
///
/// Throws  as MappedFile.
[[nodiscard]] inline std::string read_text(const std::string& path) {
  const MappedFile file(path, file_access::read);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

}  // namespace qat::io
