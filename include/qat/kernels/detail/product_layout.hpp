#pragma once

#include <qat/config.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

/// \file
/// Where a weight code lies in the piece layout that every path of the products of codes reads. The layout itself is
/// described on qat::PackedWeights.

namespace qat::detail {

/// A piece: what 16 output columns share of one step along K.
inline constexpr std::size_t piece_bytes = 64;

/// Output columns of a block of pieces.
inline constexpr std::size_t block_columns = 16;

[[nodiscard]] constexpr std::size_t ceil_divide(std::size_t count, std::size_t size) {
  return count / size + (count % size != 0 ? 1 : 0);
}

/// Codes along K in one piece: 4 for 8 bits, 8 for 4 bits, 16 for 2 bits.
template <int Bits>
inline constexpr std::size_t piece_depth = 32 / static_cast<std::size_t>(Bits);

/// Fields of a byte: 1, 2 or 4.
template <int Bits>
inline constexpr std::size_t piece_fields = 8 / static_cast<std::size_t>(Bits);

/// Added to a code before it is stored, so that fields are unsigned.
template <int Bits>
inline constexpr int field_offset = 1 << (Bits - 1);

/// Byte of a piece that holds code k (below piece_depth) of column n (below 16).
[[nodiscard]] constexpr std::size_t piece_byte(std::size_t n, std::size_t k) {
  return n * 4 + k % 4;
}

/// Lowest bit of that code's field in its byte.
template <int Bits>
[[nodiscard]] constexpr int piece_shift(std::size_t k) {
  return static_cast<int>(k / 4) * Bits;
}

/// The byte whose fields all hold code 0: what fills the padding.
template <int Bits>
inline constexpr std::uint8_t zero_byte = Bits == 8   ? 0x80
                                          : Bits == 4 ? 0x88
                                                      : 0xaa;

/// One scale a row of weights, or one for each group of it.
enum class scale_mode { per_channel, per_group };

/// Lengths of one row of codes in pieces: groups begin on a piece.
struct piece_shape {
  std::size_t depth = 0;         ///< K
  std::size_t groups = 0;        ///< accumulations in a row; 0 if K is 0
  std::size_t group_depth = 0;   ///< codes of every group but the last, which takes the rest
  std::size_t group_pieces = 0;  ///< pieces of every group but the last
  std::size_t pieces = 0;        ///< pieces of a block

  template <int Bits>
  [[nodiscard]] static constexpr piece_shape of(std::size_t depth, std::size_t group_depth) {
    if (depth == 0) return {};
    const std::size_t groups = ceil_divide(depth, group_depth);
    const std::size_t group_pieces = ceil_divide(group_depth, piece_depth<Bits>);
    const std::size_t last = depth - (groups - 1) * group_depth;
    return {depth, groups, group_depth, group_pieces,
            (groups - 1) * group_pieces + ceil_divide(last, piece_depth<Bits>)};
  }

  /// Codes of group g.
  [[nodiscard]] constexpr std::size_t length(std::size_t g) const {
    return g + 1 == groups ? depth - g * group_depth : group_depth;
  }
};

/// Memory of whole cache lines: 64 bytes aligned, 2 MiB from 2 MiB on, so that a system that gives huge pages can.
template <class T>
struct aligned_allocator {
  using value_type = T;

  aligned_allocator() = default;
  template <class U>
  constexpr aligned_allocator(const aligned_allocator<U>&) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T))
      throw std::bad_array_new_length();
    return static_cast<T*>(::operator new(count * sizeof(T), alignment(count)));
  }
  void deallocate(T* p, std::size_t count) noexcept { ::operator delete(p, alignment(count)); }
  friend constexpr bool operator==(aligned_allocator, aligned_allocator) { return true; }

 private:
  static constexpr std::align_val_t alignment(std::size_t count) {
    constexpr std::size_t huge_page = std::size_t{1} << 21;
    return std::align_val_t{count * sizeof(T) < huge_page ? piece_bytes : huge_page};
  }
};

}  // namespace qat::detail
