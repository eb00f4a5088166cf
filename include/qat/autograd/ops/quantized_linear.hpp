#pragma once

#include <qat/autograd/detail/through_quantizer.hpp>
#include <qat/autograd/ops/linear.hpp>
#include <qat/kernels/code_product.hpp>
#include <qat/kernels/float_product.hpp>
#include <qat/quant/fake_quantize.hpp>
#include <qat/quant/quantize.hpp>
#include <qat/tensor/quantized_matrix.hpp>
#include <qat/tensor/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

/// \file
/// The linear layer of a quantized model: on integer codes where both sides have them.

namespace qat {

/// Stands where a tensor stays in fp32.
struct not_quantized {};

/// True for a quantizer, false for not_quantized.
template <class T>
inline constexpr bool is_quantized = !std::is_same_v<T, not_quantized>;

/// On what a linear layer computes.
enum class linear_arithmetic {
  floats,  ///< neither side is quantized
  levels,  ///< fp32 levels: one side has no codes, or its grid is not code * scale (llmqat_reference)
  codes,  ///< exact integer sums
};

namespace detail {

/// Levels that are int8 codes times a scale of the row or of a group of it.
template <class Q>
concept has_signed_codes =
    product_activation<Q> && !std::is_same_v<typename Q::scale_application, llmqat_reference>;

/// Every row has one scale of its own: what a product takes for its left side.
template <class Q>
concept has_row_scales =
    quantizer_like<Q> && !Q::granularity::whole_tensor && (Q::granularity::group_size(0) == 0);

/// The narrowest of 2, 4 and 8 bits that holds the codes of W.
template <class W>
using product_container = with_policy<W, bits<(W::bit_width <= 2   ? 2
                                               : W::bit_width <= 4 ? 4
                                                                   : 8)>>;

/// What is not quantized has no parameters and no codes.
struct nothing {};

/// The parameters of a weight of W.
template <class W>
struct weight_parameters {
  using type = parameters<W>;
};
template <>
struct weight_parameters<not_quantized> {
  using type = nothing;
};

/// The codes of a weight of W as products read them.
template <class W, bool OnCodes>
struct weight_codes {
  using type = nothing;
};
template <class W>
struct weight_codes<W, true> {
  using type = PackedWeights<product_container<W>>;
};

}  // namespace detail

/// How a layer with weights of W and inputs of A computes.
template <class W, class A>
inline constexpr linear_arithmetic arithmetic_of =
    !is_quantized<W> && !is_quantized<A> ? linear_arithmetic::floats
    : detail::has_signed_codes<W> && detail::has_signed_codes<A> && detail::has_row_scales<A>
        ? linear_arithmetic::codes
        : linear_arithmetic::levels;

/// The input of one or several linear layers, quantized once.
template <class A>
struct linear_input {
  Variable<float> x;              ///< (N, I), as it was
  TensorView<std::int8_t> codes;  ///< (N, I), where layers compute on codes
  TensorView<float> levels;       ///< (N, I), where they compute on levels of a quantized A
  parameters_span<A> parameters;
};
template <>
struct linear_input<not_quantized> {
  Variable<float> x;
  detail::nothing parameters = {};
};

/// Quantizes the rows of x for layers with weights of W.
///
///   codes = quantize<A>(x) or levels = fake_quantize<A>(x), measured afresh
///
/// Shapes    x (..., I) without gaps.
/// Error     none beyond calibrate_quantize or calibrate_fake_quantize.
/// Cost      a read of x; the codes or levels live as long as the tape's arena holds them.
template <class W, class A>
linear_input<A> quantize_input(Tape<float>& tape, const Variable<float>& x) {
  if constexpr (!is_quantized<A>) {
    return {x};
  } else {
    const std::size_t rows = x.value.rows();
    const std::size_t cols = x.value.cols();
    linear_input<A> input{x, {}, {}, detail::take_parameters<A>(tape.arena(), rows, cols)};
    constexpr bool on_codes = arithmetic_of<W, A> == linear_arithmetic::codes;
    if constexpr (on_codes)
      input.codes = tape.arena().take<std::int8_t>(Shape{rows, cols});
    else
      input.levels = tape.arena().take<float>(Shape{rows, cols});
    if (!tape.computes()) return input;
    const auto execution = parallel(tape.executor());
    if constexpr (on_codes)
      calibrate_quantize<A>(execution, x.value.matrix(), input.parameters, input.codes.matrix());
    else
      calibrate_fake_quantize<A>(execution, x.value.matrix(), input.parameters,
                                 input.levels.matrix());
    return input;
  }
}

/// The weight (O, I) of a layer as its products read it, made once from the trained values and used until they change.
template <class W, class A>
class LinearWeights {
 public:
  static constexpr linear_arithmetic arithmetic = arithmetic_of<W, A>;

  LinearWeights() = default;

  /// Quantizes (where W says so) and packs.
  ///
  /// Shapes  w (O, I) without gaps.
  /// Cost    one read of w; allocates the packed form and, without codes, panels of the size of w.
  template <core::executor Executor>
  LinearWeights(Executor&& executor, const TensorView<const float>& w)
      : rows_(w.rows()), cols_(w.cols()) {
    if constexpr (arithmetic == linear_arithmetic::codes) {
      *this = LinearWeights(executor, quantized<W>(executor, w));
    } else if constexpr (is_quantized<W>) {
      parameters_ = calibrate<W>(parallel(executor), w.matrix());
      Tensor<float> levels(Shape{rows_, cols_});
      fake_quantize<W>(parallel(executor), w.matrix(), parameters_, levels.view().matrix());
      fill_panels(executor, levels.view());
    } else {
      fill_panels(executor, w);
    }
  }

  /// Packs what was quantized before.
  ///
  /// Error   the bits that the trained values give.
  /// Cost    one read of the codes, and as above.
  template <core::executor Executor, class Q = W>
    requires quantizer_like<Q> LinearWeights(Executor&& executor, const quantized_matrix<Q>& w)
        : rows_(w.codes.rows()), cols_(w.codes.cols()), parameters_(w.parameters) {
      if constexpr (arithmetic == linear_arithmetic::codes) {
        codes_ = packed_codes(w.codes.view().matrix(), parameters_.scales);
      } else {
        Tensor<float> levels(Shape{rows_, cols_});
        dequantize<W>(parallel(executor), w.codes.view().matrix(), parameters_,
                      levels.view().matrix());
        fill_panels(executor, levels.view());
      }
    }

    [[nodiscard]] std::size_t rows() const {
      return rows_;
    }
    [[nodiscard]] std::size_t cols() const {
      return cols_;
    }
    [[nodiscard]] const auto& codes() const {
      return codes_;
    }
    [[nodiscard]] const auto& parameters() const {
      return parameters_;
    }
    [[nodiscard]] float_panels<float> panels() const {
      return {panels_.data(), rows_, cols_};
    }

   private:
    using packed_codes =
        typename detail::weight_codes<W, arithmetic == linear_arithmetic::codes>::type;

    template <class Executor>
    void fill_panels(Executor& executor, const TensorView<const float>& w) {
      panels_ = Tensor<float>(Shape{panel_elements(rows_, cols_)});
      pack_panels(executor, w.matrix(), panels_.data());
    }

    std::size_t rows_ = 0;
    std::size_t cols_ = 0;
    [[no_unique_address]] typename detail::weight_parameters<W>::type parameters_;
    [[no_unique_address]] packed_codes codes_;
    Tensor<float> panels_;
};

namespace detail {

/// dw += the part of dy^T x^ that W's gradient policy lets through, x^ the input as the product saw it.
template <class W, class A>
void add_quantized_weight_gradient(Tape<float>& t, const TensorView<float>& dy,
                                   const linear_input<A>& input, const Variable<float>& w,
                                   const LinearWeights<W, A>& weights) {
  const ArenaScope scope(t.arena());
  TensorView<const float> seen = input.x.value;
  if constexpr (LinearWeights<W, A>::arithmetic == linear_arithmetic::codes) {
    const auto levels = t.arena().take<float>(Shape{input.x.value.rows(), input.x.value.cols()});
    if (t.computes())
      dequantize<A>(parallel(t.executor()), input.codes.matrix(), view_of<A>(input.parameters),
                    levels.matrix());
    seen = levels;
  } else if constexpr (is_quantized<A>) {
    seen = input.levels;
  }
  add_gradient_of<W>(t, w, weights.parameters(), [&](const TensorView<float>& dw) {
    add_weight_gradient<float, core::default_arch>(t, dy, seen, dw);
  });
}

/// dx += the part of dy w^ that A's gradient policy lets through, w^ the weight as the product saw it.
template <class W, class A>
void add_quantized_input_gradient(Tape<float>& t, const TensorView<float>& dy,
                                  const linear_input<A>& input, const Variable<float>& w,
                                  const LinearWeights<W, A>& weights) {
  const ArenaScope scope(t.arena());
  TensorView<const float> seen = w.value;
  if constexpr (is_quantized<W>) {
    const auto levels = t.arena().take<float>(w.shape());
    if (t.computes())
      fake_quantize<W>(parallel(t.executor()), w.value.matrix(), weights.parameters(),
                       levels.matrix());
    seen = levels;
  }
  add_gradient_of<A>(t, input.x, input.parameters, [&](const TensorView<float>& dx) {
    add_input_gradient<float, core::default_arch>(t, dy, seen, dx);
  });
}

}  // namespace detail

/// y = x^ w^^T (+ bias), x^ and w^ the levels of input and weight.
///
///   codes   y = float(sum_i cx ci cw) * (sx sw), per group as code_product says: exact sums
///   levels  one fma chain over I for each output (float_product)
///
/// Shapes    input of x (..., I), w (O, I) with `weights` made from it (borrowed until backward), bias (O), y (N, O).
/// Error     none of the sums on codes; three roundings. Row independent.
/// Gradient  straight-through: dx += dy w^ and dw += dy^T x^ where A's and W's gradient policies let them through, as fp32
///           chains on the levels; dbias as linear.
/// Throws    ContractViolation if shapes disagree or I is beyond max_exact_depth.
/// Cost      as code_product forward; backward as linear, plus levels of x or w in scratch.
/// Source    Liu et al. 2023 (arXiv 2305.17888), section 2.2; Bengio et al. 2013 (arXiv 1308.3432).
template <class W, class A>
Variable<float> quantized_linear(Tape<float>& tape, const linear_input<A>& input,
                                 const Variable<float>& w, const LinearWeights<W, A>& weights,
                                 const optional_bias<float>& bias = {}) {
  const std::size_t rows = input.x.value.rows();
  QAT_EXPECTS(input.x.value.cols() == w.value.cols() &&
                  (!tape.computes() ||
                   (weights.rows() == w.value.rows() && weights.cols() == w.value.cols())) &&
                  (!bias || bias->shape().size() == w.value.rows()),
              to_string(input.x.shape()) + " times " + to_string(w.shape()) + " prepared as " +
                  std::to_string(weights.rows()) + "x" + std::to_string(weights.cols()));
  const Variable<float> y = tape.make(Shape{rows, w.value.rows()},
                                      input.x.tracked || w.tracked || (bias && bias->tracked));
  if (tape.computes()) {
    if constexpr (LinearWeights<W, A>::arithmetic == linear_arithmetic::codes) {
      code_product<A>(input.codes.matrix(), input.parameters.scales, weights.codes(),
                      y.value.matrix(), best_product_path(), tape.executor());
    } else {
      TensorView<const float> seen = input.x.value;
      if constexpr (is_quantized<A>) seen = input.levels;
      float_product(tape.executor(), seen.matrix(), weights.panels(), y.value.matrix());
    }
    if (bias) detail::add_bias<float, core::default_arch>(tape, y.value, bias->value);
  }
  tape.record(y, [input, w, &weights, bias, y](Tape<float>& t) {
    if (input.x.tracked)
      detail::add_quantized_input_gradient<W, A>(t, y.gradient, input, w, weights);
    if (w.tracked) detail::add_quantized_weight_gradient<W, A>(t, y.gradient, input, w, weights);
    if (bias && bias->tracked && t.computes())
      detail::add_bias_gradient<float, core::default_arch>(t, y.gradient, bias->gradient);
  });
  return y;
}

}  // namespace qat
