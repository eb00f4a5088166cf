// The tile kernel of the products of codes, included once in each target region, inside the region's namespace, after its
// `lanes<Bits>`: 16 columns of one row in registers.
//
//   sums      accumulators of one block: start(int32), add(sums, sums)
//   partial   what dot(partial, weights, codes) adds to: sums, if partial_pieces is 0; else narrower accumulators that hold
//             the products of that many pieces: start_partial(), add_partial(sums, partial)
//   piece     64 bytes of weights: load_piece(pointer); keep(piece) makes the compiler hold it in a register
//   weights   field F of a piece: field<F>(piece); if has_fields_in_place, field_in_place<F>(piece) is 2^(Bits F) times as
//             large, and divide<Shift>(sums) takes the factor back
//   codes     four codes of x for all columns: quad(pointer)
//   integers  finish(sums): 16 int32 in column order; load / store to the partial results in y
//   reals     16 floats: real(integers), spread(float), fma, mul, load / store

/// Multiplies field F of one piece of each of NB blocks by the codes of MR rows, then the fields after it.
template <int Bits, std::size_t MR, std::size_t NB, int Field>
QAT_INLINE void multiply_fields(typename lanes<Bits>::partial (&sums)[MR][NB],
                                const typename lanes<Bits>::piece (&pieces)[NB],
                                const std::int8_t* const (&x)[MR], std::size_t k) {
  using L = lanes<Bits>;
  typename L::weights w[NB];
#pragma GCC unroll 4
  for (std::size_t b = 0; b < NB; ++b) w[b] = L::template field<Field>(pieces[b]);
#pragma GCC unroll 8
  for (std::size_t r = 0; r < MR; ++r) {
    const typename L::codes codes = L::quad(x[r] + k + 4 * Field);
#pragma GCC unroll 4
    for (std::size_t b = 0; b < NB; ++b) sums[r][b] = L::dot(sums[r][b], w[b], codes);
  }
  if constexpr (Field + 1 < 8 / Bits) multiply_fields<Bits, MR, NB, Field + 1>(sums, pieces, x, k);
}

/// Multiplies one piece of each of NB blocks by the codes of MR rows.
template <int Bits, std::size_t MR, std::size_t NB>
QAT_INLINE void multiply_piece(typename lanes<Bits>::partial (&sums)[MR][NB],
                               const std::uint8_t* piece, std::size_t block_bytes,
                               const std::int8_t* const (&x)[MR], std::size_t k) {
  using L = lanes<Bits>;
  typename L::piece pieces[NB];
#pragma GCC unroll 4
  for (std::size_t b = 0; b < NB; ++b) pieces[b] = L::load_piece(piece + b * block_bytes);
  multiply_fields<Bits, MR, NB, 0>(sums, pieces, x, k);
}

/// As multiply_fields, but leaves each field where it is in its byte and gives it sums of its own, 2^(Bits F) too large.
template <int Bits, std::size_t MR, std::size_t NB, int Field>
QAT_INLINE void multiply_fields_in_place(
    typename lanes<Bits>::sums (&sums)[piece_fields<Bits>][MR][NB],
    const typename lanes<Bits>::piece (&pieces)[NB], const std::int8_t* const (&x)[MR],
    std::size_t k) {
  using L = lanes<Bits>;
#pragma GCC unroll 4
  for (std::size_t r = 0; r < MR; ++r) {
    const typename L::codes codes = L::quad(x[r] + k + 4 * Field);
#pragma GCC unroll 4
    for (std::size_t b = 0; b < NB; ++b)
      sums[Field][r][b] =
          L::dot(sums[Field][r][b], L::template field_in_place<Field>(pieces[b]), codes);
  }
  if constexpr (Field + 1 < 8 / Bits)
    multiply_fields_in_place<Bits, MR, NB, Field + 1>(sums, pieces, x, k);
}

/// Adds the scaled sums of the fields after the first to `sums`.
template <int Bits, std::size_t MR, std::size_t NB, int Field>
QAT_INLINE void add_fields(typename lanes<Bits>::sums (&sums)[MR][NB],
                           const typename lanes<Bits>::sums (&scaled)[piece_fields<Bits>][MR][NB]) {
  using L = lanes<Bits>;
#pragma GCC unroll 4
  for (std::size_t r = 0; r < MR; ++r)
#pragma GCC unroll 4
    for (std::size_t b = 0; b < NB; ++b)
      sums[r][b] = L::add(sums[r][b], L::template divide<Bits * Field>(scaled[Field][r][b]));
  if constexpr (Field + 1 < 8 / Bits) add_fields<Bits, MR, NB, Field + 1>(sums, scaled);
}

/// Accumulates whole pieces of codes [k, end) for a narrow tile, which is bound by memory: each piece is loaded once and its
/// fields are not shifted. `piece` moves along. No software prefetch: the hardware follows NB streams, and prefetches cost
/// load slots (measured on Zen 4: 5 to 8 % slower from L3, no faster from memory).
template <int Bits, std::size_t MR, std::size_t NB>
QAT_INLINE void stream_pieces(typename lanes<Bits>::sums (&sums)[MR][NB],
                              const std::uint8_t*& piece, std::size_t block_bytes,
                              const std::int8_t* const (&x)[MR], std::size_t k, std::size_t end) {
  using L = lanes<Bits>;
  constexpr std::size_t depth = piece_depth<Bits>;
  // The scaled sums of a segment, 64 * 3 * 128 at most a code, fit in an int32.
  constexpr std::size_t segment = std::size_t{1} << 16;
  while (k < end) {
    const std::size_t stop = end - k < segment ? end : k + segment;
    typename L::sums scaled[piece_fields<Bits>][MR][NB];
#pragma GCC unroll 4
    for (std::size_t f = 0; f < piece_fields<Bits>; ++f)
#pragma GCC unroll 4
      for (std::size_t r = 0; r < MR; ++r)
#pragma GCC unroll 4
        for (std::size_t b = 0; b < NB; ++b) scaled[f][r][b] = L::start(0);
    for (; k < stop; k += depth, piece += piece_bytes) {
      typename L::piece pieces[NB];
#pragma GCC unroll 4
      for (std::size_t b = 0; b < NB; ++b) {
        pieces[b] = L::load_piece(piece + b * block_bytes);
        L::keep(pieces[b]);
      }
      multiply_fields_in_place<Bits, MR, NB, 0>(scaled, pieces, x, k);
    }
    add_fields<Bits, MR, NB, 0>(sums, scaled);
  }
}

/// Accumulates whole pieces of codes [k, end). `piece` and `k` move along.
template <int Bits, std::size_t MR, std::size_t NB>
QAT_INLINE void multiply_pieces(typename lanes<Bits>::sums (&sums)[MR][NB],
                                const std::uint8_t*& piece, std::size_t block_bytes,
                                const std::int8_t* const (&x)[MR], std::size_t& k,
                                std::size_t end) {
  using L = lanes<Bits>;
  constexpr std::size_t depth = piece_depth<Bits>;
  if constexpr (L::partial_pieces == 0) {
    for (; k < end; k += depth, piece += piece_bytes)
      multiply_piece<Bits, MR, NB>(sums, piece, block_bytes, x, k);
  } else {
    while (k < end) {
      const std::size_t stop =
          end - k < L::partial_pieces * depth ? end : k + L::partial_pieces * depth;
      typename L::partial partial[MR][NB];
#pragma GCC unroll 8
      for (std::size_t r = 0; r < MR; ++r)
#pragma GCC unroll 4
        for (std::size_t b = 0; b < NB; ++b) partial[r][b] = L::start_partial();
      for (; k < stop; k += depth, piece += piece_bytes)
        multiply_piece<Bits, MR, NB>(partial, piece, block_bytes, x, k);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < MR; ++r)
#pragma GCC unroll 4
        for (std::size_t b = 0; b < NB; ++b) sums[r][b] = L::add_partial(sums[r][b], partial[r][b]);
    }
  }
}

/// Accumulates one group of `length` codes into `sums`; reads exactly `length` codes of each row.
template <int Bits, std::size_t MR, std::size_t NB>
QAT_INLINE void accumulate_group(typename lanes<Bits>::sums (&sums)[MR][NB],
                                 const std::uint8_t* piece, std::size_t block_bytes,
                                 const std::int8_t* const (&x)[MR], std::size_t k,
                                 std::size_t length) {
  using L = lanes<Bits>;
  constexpr std::size_t depth = piece_depth<Bits>;
  const std::size_t end = k + length / depth * depth;
  if constexpr (L::has_fields_in_place && MR * NB * piece_fields<Bits> <= 16) {
    stream_pieces<Bits, MR, NB>(sums, piece, block_bytes, x, k, end);
    k = end;
  } else {
    multiply_pieces<Bits, MR, NB>(sums, piece, block_bytes, x, k, end);
  }
  const std::size_t rest = length % depth;
  if (rest != 0) {  // the row may end at the end of a page
    alignas(16) std::int8_t tail[MR][depth] = {};
    const std::int8_t* tails[MR];
#pragma GCC unroll 8
    for (std::size_t r = 0; r < MR; ++r) {
      __builtin_memcpy(tail[r], x[r] + k, rest);
      tails[r] = tail[r];
    }
    k = 0;
    multiply_pieces<Bits, MR, NB>(sums, piece, block_bytes, tails, k, depth);
  }
}

/// Computes a tile; see product_tile.
template <int Bits, scale_mode Mode, std::size_t MR, std::size_t NB>
void compute_tile(const product_tile& t) {
  using L = lanes<Bits>;
  // Rows that do not exist repeat the last one and are not stored.
  const auto row_of = [&t](std::size_t r) { return r < t.rows ? r : t.rows - 1; };
  const std::int8_t* x[MR];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < MR; ++r)
    x[r] = t.x + static_cast<std::ptrdiff_t>(row_of(r)) * t.x_stride;
  const auto columns_of = [&t](std::size_t b) {
    const std::size_t before = b * block_columns;
    return t.columns <= before                  ? std::size_t{0}
           : t.columns - before < block_columns ? t.columns - before
                                                : block_columns;
  };

  if constexpr (Mode == scale_mode::per_channel) {
    typename L::sums sums[MR][NB];
#pragma GCC unroll 8
    for (std::size_t r = 0; r < MR; ++r)
#pragma GCC unroll 4
      for (std::size_t b = 0; b < NB; ++b)
        sums[r][b] = L::start(t.offsets[row_of(r) * t.offsets_stride]);
    accumulate_group<Bits, MR, NB>(sums, t.pieces, t.block_bytes, x, 0, t.last_depth);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < MR; ++r) {
      float* y = t.y + static_cast<std::ptrdiff_t>(row_of(r)) * t.y_stride;
#pragma GCC unroll 4
      for (std::size_t b = 0; b < NB; ++b) {
        const std::size_t columns = columns_of(b);
        float* at = y + b * block_columns;
        typename L::integers total = L::finish(sums[r][b]);
        if (r >= t.rows) continue;
        if (t.continues) total = L::add_integers(total, L::load_integers(at, columns));
        if (!t.completes) {
          L::store_integers(at, total, columns);
        } else {
          const typename L::reals scale =
              L::mul(L::spread(t.x_scales[r]), L::load_all(t.scales + b * t.block_scales));
          L::store(at, L::mul(L::real(total), scale), columns);
        }
      }
    }
  } else {
    typename L::reals reals[MR][NB];
#pragma GCC unroll 8
    for (std::size_t r = 0; r < MR; ++r)
#pragma GCC unroll 4
      for (std::size_t b = 0; b < NB; ++b)
        reals[r][b] = t.continues
                          ? L::load(t.y + static_cast<std::ptrdiff_t>(row_of(r)) * t.y_stride +
                                        b * block_columns,
                                    columns_of(b))
                          : L::spread(0.0f);
    const std::uint8_t* piece = t.pieces;
    const float* scales = t.scales;
    const std::size_t group_bytes = ceil_divide(t.group_depth, piece_depth<Bits>) * piece_bytes;
    for (std::size_t g = 0; g < t.groups; ++g) {
      typename L::sums sums[MR][NB];
#pragma GCC unroll 8
      for (std::size_t r = 0; r < MR; ++r)
#pragma GCC unroll 4
        for (std::size_t b = 0; b < NB; ++b)
          sums[r][b] = L::start(t.offsets[row_of(r) * t.offsets_stride + g]);
      const std::size_t length = g + 1 == t.groups ? t.last_depth : t.group_depth;
      accumulate_group<Bits, MR, NB>(sums, piece, t.block_bytes, x, g * t.group_depth, length);
#pragma GCC unroll 4
      for (std::size_t b = 0; b < NB; ++b) {
        const typename L::reals scale = L::load_all(scales + b * t.block_scales);
#pragma GCC unroll 8
        for (std::size_t r = 0; r < MR; ++r)
          reals[r][b] = L::fma(L::real(L::finish(sums[r][b])), scale, reals[r][b]);
      }
      piece += group_bytes;
      scales += block_columns;
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < MR; ++r) {
      if (r >= t.rows) continue;
      float* y = t.y + static_cast<std::ptrdiff_t>(r) * t.y_stride;
#pragma GCC unroll 4
      for (std::size_t b = 0; b < NB; ++b)
        L::store(y + b * block_columns,
                 t.completes ? L::mul(reals[r][b], L::spread(t.x_scales[r])) : reals[r][b],
                 columns_of(b));
    }
  }
}
