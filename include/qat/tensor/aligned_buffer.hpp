#pragma once

#include <cstddef>
#include <memory>
#include <new>

/// \file
/// Memory on cache lines.

namespace qat {

/// Bytes on which every buffer of the library begins: a cache line, and the widest register.
inline constexpr std::size_t buffer_alignment = 64;

namespace detail {

struct aligned_delete {
  void operator()(std::byte* p) const noexcept {
    ::operator delete (p, std::align_val_t{buffer_alignment});
  }
};

}  // namespace detail

/// Uninitialized bytes that begin on a cache line.
using AlignedBuffer = std::unique_ptr<std::byte[], detail::aligned_delete>;

/// Throws  std::bad_alloc.
[[nodiscard]] inline AlignedBuffer make_aligned_buffer(std::size_t bytes) {
  return AlignedBuffer(static_cast<std::byte*>(
      ::operator new (bytes == 0 ? 1 : bytes, std::align_val_t{buffer_alignment})));
}

}  // namespace qat
