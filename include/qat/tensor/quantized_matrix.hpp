#pragma once

#include <qat/core/executor_reference.hpp>
#include <qat/quant/calibrate.hpp>
#include <qat/quant/quantize.hpp>
#include <qat/tensor/tensor.hpp>

/// \file
/// A matrix as codes and parameters: what ships of a trained one.

namespace qat {

/// Codes (R, C), one an element, and their parameters.
template <quantizer_like Q>
struct quantized_matrix {
  Tensor<typename Q::code_type> codes;
  qat::parameters<Q> parameters;
};

/// Measures a matrix and quantizes it.
///
/// Shapes  w (R, C) without gaps.
/// Error   as calibrate and quantize.
/// Cost    two reads of w, one write of the codes.
template <quantizer_like Q>
[[nodiscard]] quantized_matrix<Q> quantized(core::executor_reference executor,
                                            const TensorView<const float>& w) {
  quantized_matrix<Q> m{Tensor<typename Q::code_type>(w.shape()),
                        calibrate<Q>(parallel(executor), w.matrix())};
  quantize<Q>(parallel(executor), w.matrix(), m.parameters, m.codes.view().matrix());
  return m;
}

}  // namespace qat
