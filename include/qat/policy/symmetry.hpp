#pragma once

#include <qat/policy/concepts.hpp>

/// \file
/// Which codes of a width are used, and whether zero is shifted.

namespace qat {

/// Codes -(2^(b-1) - 1) to 2^(b-1) - 1: negation stays on the grid. Needs two bits. Default.
struct symmetric : policy_of<policy_kind::symmetry> {
  static constexpr bool has_zero_point = false;
  QAT_HOST_DEVICE static constexpr int qmin(int bits) noexcept { return 1 - (1 << (bits - 1)); }
  QAT_HOST_DEVICE static constexpr int qmax(int bits) noexcept { return (1 << (bits - 1)) - 1; }
};

/// Codes -2^(b-1) to 2^(b-1) - 1, no zero point (ggml Q4_0, torchao int4).
struct symmetric_full : policy_of<policy_kind::symmetry> {
  static constexpr bool has_zero_point = false;
  QAT_HOST_DEVICE static constexpr int qmin(int bits) noexcept { return -(1 << (bits - 1)); }
  QAT_HOST_DEVICE static constexpr int qmax(int bits) noexcept { return (1 << (bits - 1)) - 1; }
};

/// Codes 0 to 2^b - 1 with an integer zero point: real 0 is a level.
struct affine : policy_of<policy_kind::symmetry> {
  static constexpr bool has_zero_point = true;
  QAT_HOST_DEVICE static constexpr int qmin(int) noexcept { return 0; }
  QAT_HOST_DEVICE static constexpr int qmax(int bits) noexcept { return (1 << bits) - 1; }
};

/// Codes -2^(b-1) to 2^(b-1) - 1 with an integer zero point (torchao int8 activations, ONNX int8).
struct affine_signed : policy_of<policy_kind::symmetry> {
  static constexpr bool has_zero_point = true;
  QAT_HOST_DEVICE static constexpr int qmin(int bits) noexcept { return -(1 << (bits - 1)); }
  QAT_HOST_DEVICE static constexpr int qmax(int bits) noexcept { return (1 << (bits - 1)) - 1; }
};

}  // namespace qat
