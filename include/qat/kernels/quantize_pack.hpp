#pragma once

#include <qat/quant/pack.hpp>
#include <qat/quant/quantize.hpp>

/// \file
/// From values to shipped bits in one pass over memory.

namespace qat {

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
  if constexpr (Q::granularity::whole_tensor)
    detail::write_parameters<Q>(p, 0, detail::measure_tensor<Q, runs>(e, view));
  const std::size_t row_bytes = packed_row_bytes<Q>(view.cols);
  const std::size_t per_row = groups_per_row<Q>(view.cols);
  const auto pack_rows = [&](std::size_t first, std::size_t last) {
    // Codes of one row wait here until a whole piece can be packed: groups need not end on a byte.
    code_type codes[detail::piece_elements];
    for (std::size_t r = first; r < last; ++r) {
      std::uint8_t* to = packed.data() + r * row_bytes;
      std::size_t waiting = 0;
      detail::for_each_group<Q>(view.cols, [&](std::size_t group, std::size_t begin,
                                               std::size_t count) {
        const std::size_t at = Q::granularity::whole_tensor ? 0 : r * per_row + group;
        const auto fresh = detail::measure_and_write<Q, runs>(view, r, begin, count, p, at);
        const auto g = detail::operands_of<Q>(fresh);
        detail::read_pieces(view, r, begin, count, [&](const float* from, std::size_t offset,
                                                       std::size_t n) {
          const std::uint64_t index = std::uint64_t{r} * view.cols + begin + offset;
          for (std::size_t i = 0; i < n;) {
            const std::size_t some = std::min(n - i, detail::piece_elements - waiting);
            if (detail::is_fresh<Q>(fresh))
              runs::template quantize<true>(from + i, codes + waiting, some, g, key, index + i);
            else
              runs::template quantize<false>(from + i, codes + waiting, some, g, key, index + i);
            i += some;
            waiting += some;
            if (waiting == detail::piece_elements) {
              detail::pack_run<Q>(codes, waiting, to);
              to += packed_row_bytes<Q>(waiting);
              waiting = 0;
            }
          }
        });
      });
      detail::pack_run<Q>(codes, waiting, to);
    }
  };
  detail::execution_traits<E>::run(e, view.rows, detail::rows_of_block(view.cols), pack_rows);
}

template <quantizer_like Q, readable_matrix<float> X>
void calibrate_pack(const X& x, const parameters_span<Q>& p, std::span<std::uint8_t> packed,
                    random_key key = {}) {
  calibrate_pack<Q>(simd<>{}, x, p, packed, key);
}

}  // namespace qat
