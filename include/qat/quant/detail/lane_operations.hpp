#pragma once

#include <qat/core/batch.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

/// \file
/// What quantizing rows needs of the registers and xsimd 8.1 does not name: a mask as bits, floats narrowed to bytes
/// and back, streaming stores.

namespace qat::detail {

/// Bit i is lane i.
template <class Arch, class Bool>
QAT_INLINE std::uint64_t lane_mask(Bool lanes) {
#if defined(__AVX512F__)
  if constexpr (sizeof(core::float_batch<Arch>) == 64)
    return static_cast<std::uint64_t>(static_cast<std::uint16_t>(lanes.data));
#endif
#if defined(__AVX__)
  if constexpr (sizeof(core::float_batch<Arch>) == 32)
    return static_cast<std::uint64_t>(static_cast<unsigned>(_mm256_movemask_ps(lanes.data)));
#endif
#if defined(__x86_64__)
  if constexpr (sizeof(core::float_batch<Arch>) == 16)
    return static_cast<std::uint64_t>(static_cast<unsigned>(_mm_movemask_ps(lanes.data)));
#else
  constexpr std::size_t size = core::float_batch<Arch>::size;
  bool lane[size];
  lanes.store_unaligned(lane);
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < size; ++i) bits |= static_cast<std::uint64_t>(lane[i]) << i;
  return bits;
#endif
}

/// The inverse of lane_mask for the low bits.
template <class Arch>
QAT_INLINE typename core::float_batch<Arch>::batch_bool_type lanes_from_mask(std::uint64_t bits) {
  using batch = core::float_batch<Arch>;
#if defined(__AVX512F__)
  if constexpr (sizeof(batch) == 64)
    return typename batch::batch_bool_type(static_cast<__mmask16>(bits));
#endif
  alignas(64) float selected[batch::size];
  for (std::size_t i = 0; i < batch::size; ++i) selected[i] = static_cast<float>((bits >> i) & 1u);
  return batch::load_aligned(selected) != batch(0.0f);
}

/// codes[i] = the low byte of integers[i].
template <class Arch, class Code>
QAT_INLINE void store_codes(Code* codes, core::int_batch<Arch> integers) {
#if defined(__AVX512F__)
  if constexpr (sizeof(core::float_batch<Arch>) == 64) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(codes), _mm512_cvtepi32_epi8(integers.data));
    return;
  }
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(core::float_batch<Arch>) == 32) {
    // The low byte of each lane to the front of its half, then both fronts together.
    const __m256i front = _mm256_shuffle_epi8(
        integers.data,
        _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12,
                         -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    const __m128i both =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(front), _mm256_extracti128_si256(front, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(codes), both);
    return;
  }
#endif
  constexpr std::size_t size = core::float_batch<Arch>::size;
  alignas(64) std::int32_t lane[size];
  integers.store_aligned(lane);
  for (std::size_t i = 0; i < size; ++i) codes[i] = static_cast<Code>(lane[i]);
}

/// The inverse: codes as floats, exactly.
template <class Arch, class Code>
QAT_INLINE core::float_batch<Arch> load_codes(const Code* codes) {
  using batch = core::float_batch<Arch>;
#if defined(__AVX512F__)
  if constexpr (sizeof(batch) == 64) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    if constexpr (std::is_signed_v<Code>)
      return batch(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)));
    else
      return batch(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)));
  }
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(batch) == 32) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes));
    if constexpr (std::is_signed_v<Code>)
      return batch(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)));
    else
      return batch(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)));
  }
#endif
  alignas(64) float lane[batch::size];
  for (std::size_t i = 0; i < batch::size; ++i) lane[i] = static_cast<float>(codes[i]);
  return batch::load_aligned(lane);
}

/// 64 codes to 32 bytes of nibbles, the even code low, each with the highest of its low four bits flipped where Flip.
/// Returns whether Arch has a way of its own; if not, nothing is done.
template <class Arch, bool Flip, class Code>
QAT_INLINE bool pack_64_nibbles(const Code* codes, std::uint8_t* bytes) {
  [[maybe_unused]] constexpr std::int8_t flip = Flip ? 8 : 0;
#if defined(__AVX512BW__)
  if constexpr (sizeof(core::float_batch<Arch>) == 64) {
    __m512i fields = _mm512_xor_si512(_mm512_loadu_si512(codes), _mm512_set1_epi8(flip));
    fields = _mm512_and_si512(fields, _mm512_set1_epi8(15));
    fields = _mm512_or_si512(fields, _mm512_srli_epi16(fields, 4));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes), _mm512_cvtepi16_epi8(fields));
    return true;
  }
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(core::float_batch<Arch>) == 32) {
    const auto pairs = [](const Code* from) QAT_LAMBDA_INLINE {
      __m256i fields = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
      fields =
          _mm256_and_si256(_mm256_xor_si256(fields, _mm256_set1_epi8(flip)), _mm256_set1_epi8(15));
      fields = _mm256_or_si256(fields, _mm256_srli_epi16(fields, 4));
      return _mm256_and_si256(fields, _mm256_set1_epi16(255));
    };
    const __m256i packed = _mm256_packus_epi16(pairs(codes), pairs(codes + 32));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes), _mm256_permute4x64_epi64(packed, 0xd8));
    return true;
  }
#endif
  static_cast<void>(codes);
  static_cast<void>(bytes);
  return false;
}

/// Whether store_nibbles exists for Arch.
template <class Arch>
inline constexpr bool packs_nibbles =
    std::is_base_of_v<xsimd::avx512bw, Arch> || std::is_same_v<xsimd::avx2, Arch> ||
    std::is_same_v<xsimd::fma3<xsimd::avx2>, Arch>;

/// Four registers of codes, of four bits each, to 2 * lanes bytes of nibbles, the even code low; Signed: codes + 8.
template <class Arch, bool Signed>
QAT_INLINE void store_nibbles([[maybe_unused]] std::uint8_t* bytes,
                              [[maybe_unused]] core::int_batch<Arch> a,
                              [[maybe_unused]] core::int_batch<Arch> b,
                              [[maybe_unused]] core::int_batch<Arch> c,
                              [[maybe_unused]] core::int_batch<Arch> d) {
  static_assert(packs_nibbles<Arch>);
  [[maybe_unused]] constexpr std::int8_t offset = Signed ? 8 : 0;
  // Packing works within each 128 bits: the bytes are in order once lanes of 32 bits of all registers are transposed.
  // Then each even field plus 16 times its odd neighbour makes 16 bits of which the low 8 count.
#if defined(__AVX512BW__)
  if constexpr (sizeof(a) == 64) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i fields =
        _mm512_packs_epi16(_mm512_packs_epi32(a.data, b.data), _mm512_packs_epi32(c.data, d.data));
    fields = _mm512_add_epi8(fields, _mm512_set1_epi8(offset));
    fields = _mm512_maddubs_epi16(fields, _mm512_set1_epi16(0x1001));
    fields = _mm512_permutexvar_epi32(order, fields);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes), _mm512_cvtepi16_epi8(fields));
    return;
  }
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(a) == 32) {
    __m256i fields =
        _mm256_packs_epi16(_mm256_packs_epi32(a.data, b.data), _mm256_packs_epi32(c.data, d.data));
    fields = _mm256_add_epi8(fields, _mm256_set1_epi8(offset));
    fields = _mm256_maddubs_epi16(fields, _mm256_set1_epi16(0x1001));
    fields = _mm256_permutevar8x32_epi32(fields, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    fields = _mm256_permute4x64_epi64(_mm256_packus_epi16(fields, fields), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), _mm256_castsi256_si128(fields));
    return;
  }
#endif
}

/// Asks for the lines of n floats a little behind `from`, into the second level: they may lie beyond the end of a matrix.
QAT_INLINE void prefetch_ahead(const float* from, std::size_t n) {
  constexpr std::size_t line = 64;
  // 2 KiB are eight steps of four registers: a few hundred nanoseconds, the latency of memory.
  const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(from) + 2048;
  for (std::size_t i = 0; i < n * sizeof(float); i += line)
    __builtin_prefetch(reinterpret_cast<const void*>(first + i), 0, 2);
}

/// Asks for the lines of n floats, into the second level.
QAT_INLINE void prefetch(const float* from, std::size_t n) {
  constexpr std::size_t line = 16;
  for (std::size_t i = 0; i < n; i += line) __builtin_prefetch(from + i, 0, 2);
}

/// Writes around the caches; `to` is aligned to the register. finish_streaming() orders the writes.
template <class Arch>
QAT_INLINE void stream(float* to, core::float_batch<Arch> value) {
#if defined(__AVX512F__)
  if constexpr (sizeof(value) == 64) return _mm512_stream_ps(to, value.data);
#endif
#if defined(__AVX__)
  if constexpr (sizeof(value) == 32) return _mm256_stream_ps(to, value.data);
#endif
#if defined(__x86_64__)
  if constexpr (sizeof(value) == 16) return _mm_stream_ps(to, value.data);
#else
  value.store_aligned(to);
#endif
}

QAT_INLINE void finish_streaming() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

}  // namespace qat::detail
