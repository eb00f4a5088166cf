#pragma once

#include <qat/quant/detail/walk.hpp>

#include <cstring>
#include <span>

/// \file
/// Codes in exactly their width: the row stream.
///
/// Each row starts on a byte. Field j of a row holds, at bits [j * b, (j + 1) * b) of the row's little-endian bit stream
/// (bit k of the stream is bit k % 8 of byte k / 8),
///
///   field = code + 2^(b - 1)   for signed codes,   field = code   for `affine`,
///
/// and the bits after the last field are 0. Four bits: the even code is the low nibble, and 8 is zero. This is the order
/// of compressed-tensors' "pack-quantized" words, read as bytes.

namespace qat {

/// What is added to a code to make its field.
template <quantizer_like Q>
inline constexpr int pack_offset = Q::qmin < 0 ? 1 << (Q::bit_width - 1) : 0;

/// Bytes of a packed row: ceil(cols * b / 8); by calculation, without overflow for any cols in memory.
template <quantizer_like Q>
[[nodiscard]] constexpr std::size_t packed_row_bytes(std::size_t cols) {
  constexpr std::size_t width = Q::bit_width;
  return cols / 8 * width + (cols % 8 * width + 7) / 8;
}

/// Bytes of a packed matrix: rows * packed_row_bytes(cols).
template <quantizer_like Q>
[[nodiscard]] constexpr std::size_t packed_bytes(std::size_t rows, std::size_t cols) {
  return rows * packed_row_bytes<Q>(cols);
}

namespace detail {

/// The same byte in every byte of a word, the same 16 bits in every 16, and so on: `low` ones every `period` bits.
[[nodiscard]] constexpr std::uint64_t ones(unsigned low, unsigned period) {
  std::uint64_t pattern = 0;
  for (unsigned at = 0; at < 64; at += period) pattern |= (~std::uint64_t{0} >> (64 - low)) << at;
  return pattern;
}

/// Fields of Width bits that lie Period bits apart close up in pairs: one of 2 * Width bits each 2 * Period bits.
template <unsigned Width, unsigned Period>
[[nodiscard]] constexpr std::uint64_t close_pairs(std::uint64_t fields) {
  constexpr std::uint64_t even = ones(Width, 2 * Period);
  return (fields & even) | (fields >> (Period - Width) & even << Width);
}

/// The inverse of close_pairs.
template <unsigned Width, unsigned Period>
[[nodiscard]] constexpr std::uint64_t spread_pairs(std::uint64_t pairs) {
  constexpr std::uint64_t even = ones(Width, 2 * Period);
  return (pairs & even) | (pairs & even << Width) << (Period - Width);
}

/// Eight bytes that hold a field each, the first lowest, to 8 * Width bits.
template <unsigned Width>
[[nodiscard]] constexpr std::uint64_t close_up(std::uint64_t fields) {
  return close_pairs<4 * Width, 32>(close_pairs<2 * Width, 16>(close_pairs<Width, 8>(fields)));
}

/// The inverse of close_up.
template <unsigned Width>
[[nodiscard]] constexpr std::uint64_t spread_out(std::uint64_t packed) {
  return spread_pairs<Width, 8>(spread_pairs<2 * Width, 16>(spread_pairs<4 * Width, 32>(packed)));
}

/// Eight codes make `b` whole bytes, so a row is a sequence of such octets and one shorter end. For signed codes adding
/// 2^(b-1) to the low b bits is flipping the highest of them. Arch void: octets only, the oracle.
template <quantizer_like Q, class Arch>
void pack_run(const typename Q::code_type* codes, std::size_t n, std::uint8_t* bytes) {
  constexpr unsigned width = Q::bit_width;
  if constexpr (width == 4 && !std::is_void_v<Arch>) {
    while (n >= 64 && pack_64_nibbles<Arch, (Q::qmin < 0)>(codes, bytes)) {
      n -= 64;
      codes += 64;
      bytes += 32;
    }
  }
  constexpr std::uint64_t flip = Q::qmin < 0 ? ones(1, 8) << (width - 1) : 0;
  const auto octet = [&](std::size_t count) {
    std::uint64_t fields = 0;
    std::memcpy(&fields, codes, count);
    fields = close_up<width>((fields ^ flip) & ones(width, 8));
    if (count != 8) fields &= ~std::uint64_t{0} >> (64 - count * width);
    std::memcpy(bytes, &fields, (count * width + 7) / 8);
  };
  for (; n >= 8; n -= 8, codes += 8, bytes += width) octet(8);
  if (n != 0) octet(n);
}

template <quantizer_like Q>
void unpack_run(const std::uint8_t* bytes, std::size_t n, typename Q::code_type* codes) {
  constexpr unsigned width = Q::bit_width;
  const auto octet = [&](std::size_t count) {
    std::uint64_t fields = 0;
    std::memcpy(&fields, bytes, (count * width + 7) / 8);
    fields = spread_out<width>(fields & ones(8 * width, 64));
    for (std::size_t i = 0; i < count; ++i)
      codes[i] = static_cast<typename Q::code_type>(static_cast<int>((fields >> (8 * i)) & 0xffu) -
                                                    pack_offset<Q>);
  };
  for (; n >= 8; n -= 8, codes += 8, bytes += width) octet(8);
  if (n != 0) octet(n);
}

template <quantizer_like Q>
void check_packed_size(std::size_t bytes, std::size_t rows, std::size_t cols) {
  QAT_EXPECTS(bytes == packed_bytes<Q>(rows, cols),
              std::to_string(bytes) + " bytes where " +
                  std::to_string(packed_bytes<Q>(rows, cols)) + " are needed");
}

}  // namespace detail

/// Packs codes into the row stream above.
///
///   bits [j b, (j + 1) b) of row r = code[r, j] + pack_offset
///
/// Shapes    codes (rows, cols); packed of packed_bytes<Q>(rows, cols) bytes.
/// Valid     codes of Q's range; of others the low b bits of the field are kept.
/// Error     exact: unpack gives the codes back.
/// Throws    ContractViolation if `packed` has another size.
/// Cost      one byte read and b / 8 bytes written an element; no allocation.
template <quantizer_like Q, readable_matrix<typename Q::code_type> C,
          class Arch = core::default_arch>
void pack(const C& codes, std::span<std::uint8_t> packed) {
  const matrix_view<const typename Q::code_type> view = as_view(codes);
  detail::check_packed_size<Q>(packed.size(), view.rows, view.cols);
  const std::size_t row_bytes = packed_row_bytes<Q>(view.cols);
  for (std::size_t r = 0; r < view.rows; ++r)
    detail::read_pieces(view, r, 0, view.cols,
                        [&](const typename Q::code_type* from, std::size_t offset, std::size_t n) {
                          detail::pack_run<Q, Arch>(
                              from, n, packed.data() + r * row_bytes + packed_row_bytes<Q>(offset));
                        });
}

/// The inverse of pack.
///
///   code[r, j] = bits [j b, (j + 1) b) of row r - pack_offset
///
/// Shapes    packed of packed_bytes<Q>(rows, cols) bytes; codes (rows, cols).
/// Error     exact.
/// Throws    ContractViolation if `packed` has another size.
/// Cost      b / 8 bytes read and one byte written an element; no allocation.
template <quantizer_like Q, writable_matrix<typename Q::code_type> C>
void unpack(std::span<const std::uint8_t> packed, C&& codes) {
  const matrix_view<typename Q::code_type> view = as_view(codes);
  detail::check_packed_size<Q>(packed.size(), view.rows, view.cols);
  const std::size_t row_bytes = packed_row_bytes<Q>(view.cols);
  const bool contiguous = detail::rows_are_contiguous(view);
  typename Q::code_type buffer[detail::piece_elements];
  for (std::size_t r = 0; r < view.rows; ++r) {
    const std::uint8_t* const row = packed.data() + r * row_bytes;
    if (contiguous) {
      detail::unpack_run<Q>(row, view.cols, view.row(r));
      continue;
    }
    for (std::size_t done = 0; done < view.cols; done += detail::piece_elements) {
      const std::size_t n = std::min(detail::piece_elements, view.cols - done);
      detail::unpack_run<Q>(row + packed_row_bytes<Q>(done), n, buffer);
      for (std::size_t i = 0; i < n; ++i) view(r, done + i) = buffer[i];
    }
  }
}

}  // namespace qat
