#pragma once

#include <qat/quant/pack.hpp>
#include <qat/quant/quantize.hpp>

/// \file
/// From values to shipped bits in one pass over memory.

namespace qat {

namespace detail {

/// Collects the codes of a row until whole octets can be packed: groups need not end on a byte.
template <quantizer_like Q, class Arch>
struct row_packer {
  std::uint8_t* to;
  std::size_t waiting = 0;
  typename Q::code_type codes[piece_elements] = {};

  /// make(codes, done, some) makes `some` codes, the `done`-th first, n in all. pack(to, some) may pack the first few of
  /// `some` itself and returns their number, a multiple of 8.
  template <class Make, class Pack>
  void add(std::size_t n, Make&& make, Pack&& pack) {
    std::size_t done = 0;
    if (waiting == 0) {
      done = pack(to, n);
      to += packed_row_bytes<Q>(done);
    }
    while (done < n) {
      const std::size_t some = std::min(n - done, piece_elements - waiting);
      make(codes + waiting, done, some);
      done += some;
      waiting += some;
      if (waiting == piece_elements) finish();
    }
  }

  void finish() {
    pack_run<Q, Arch>(codes, waiting, to);
    to += packed_row_bytes<Q>(waiting);
    waiting = 0;
  }
};

}  // namespace detail

/// Measures, quantizes and packs each group while it is in the cache: calibrate, quantize, pack.
///
/// Shapes    x (rows, cols); p as calibrate; packed of packed_bytes<Q>(rows, cols) bytes, the layout of pack.
/// Valid     as calibrate_quantize.
/// Error     none: the bits of the three calls.
/// Throws    as calibrate_quantize; ContractViolation if `packed` has another size.
/// Cost      one read and b / 8 bytes written an element (per_tensor: two reads); no allocation.
/// Backends  scalar (oracle), simd: bit-identical.
template <quantizer_like Q, execution E, readable_matrix<float> X>
void calibrate_pack(const E& e, const X& x, const parameters_span<Q>& p,
                    std::span<std::uint8_t> packed, random_key key = {}) {
  core::check_float_environment("calibrate_pack");
  const matrix_view<const float> view = as_view(x);
  detail::check_parameter_shape<Q>(p, view.rows, view.cols);
  detail::check_packed_size<Q>(packed.size(), view.rows, view.cols);
  using runs = detail::runs_for<Q, E>;
  using code_type = typename Q::code_type;
  using arch = detail::arch_of_backend<typename detail::execution_traits<E>::backend_type>;
  if constexpr (Q::granularity::whole_tensor)
    detail::write_parameters<Q>(p, 0, detail::measure_tensor<Q, runs>(e, view));
  const std::size_t row_bytes = packed_row_bytes<Q>(view.cols);
  const std::size_t per_row = groups_per_row<Q>(view.cols);
  const bool contiguous = detail::rows_are_contiguous(view);
  const auto pack_rows = [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) {
      // All groups of the row first: their scales do not wait for one another, nor the codes for their scales.
      const auto index_of = [&](std::size_t group) {
        return Q::granularity::whole_tensor ? 0 : r * per_row + group;
      };
      if constexpr (!Q::granularity::whole_tensor)
        detail::for_each_group<Q>(view.cols, [&](std::size_t group, std::size_t begin,
                                                 std::size_t count) {
          detail::write_parameters<Q>(
              p, index_of(group),
              detail::fresh_parameters<Q>(detail::measure_group<Q, runs>(view, r, begin, count)));
        });
      // While this row is encoded from the cache, the next one comes from memory.
      const std::ptrdiff_t ahead = contiguous && r + 1 < last ? view.row_stride : 0;
      detail::row_packer<Q, arch> packer{packed.data() + r * row_bytes};
      detail::for_each_group<Q>(view.cols, [&](std::size_t group, std::size_t begin,
                                               std::size_t count) {
        const auto fresh = detail::read_parameters<Q>(p, index_of(group));
        const auto g = detail::operands_of<Q>(fresh);
        const bool is_fresh = detail::is_fresh<Q>(fresh);
        detail::read_pieces(
            view, r, begin, count, [&](const float* whole, std::size_t offset, std::size_t n) {
              for (std::size_t start = 0; start < n; start += detail::piece_elements) {
                const float* const from = whole + start;
                const std::uint64_t index = std::uint64_t{r} * view.cols + begin + offset + start;
                const std::size_t piece = std::min(detail::piece_elements, n - start);
                if (ahead != 0) detail::prefetch(from + ahead, piece);
                packer.add(
                    piece,
                    [&](code_type* codes, std::size_t done, std::size_t some) {
                      if (is_fresh)
                        runs::template quantize<true>(from + done, codes, some, g, key,
                                                      index + done);
                      else
                        runs::template quantize<false>(from + done, codes, some, g, key,
                                                       index + done);
                    },
                    [&](std::uint8_t* bytes, std::size_t some) {
                      if constexpr (std::is_void_v<arch>)
                        return std::size_t{0};
                      else if (is_fresh)
                        return runs::template quantize_nibbles<true>(from, bytes, some, g, key,
                                                                     index);
                      else
                        return runs::template quantize_nibbles<false>(from, bytes, some, g, key,
                                                                      index);
                    });
              }
            });
      });
      packer.finish();
    }
  };
  detail::execution_traits<E>::run(e, view.rows, detail::rows_of_block(view.cols), pack_rows);
}

template <quantizer_like Q, readable_matrix<float> X, class Arch = core::default_arch>
void calibrate_pack(const X& x, const parameters_span<Q>& p, std::span<std::uint8_t> packed,
                    random_key key = {}) {
  calibrate_pack<Q>(simd<Arch>{}, x, p, packed, key);
}

}  // namespace qat
