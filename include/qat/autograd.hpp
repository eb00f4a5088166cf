#pragma once

/// \file
/// The tape and its operations.

#include <qat/autograd/gradient_check.hpp>
#include <qat/autograd/ops/attention.hpp>
#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/ops/embedding.hpp>
#include <qat/autograd/ops/linear.hpp>
#include <qat/autograd/ops/quantize_kv.hpp>
#include <qat/autograd/ops/quantized_linear.hpp>
#include <qat/autograd/ops/recompute.hpp>
#include <qat/autograd/ops/rms_norm.hpp>
#include <qat/autograd/ops/rope.hpp>
#include <qat/autograd/ops/token_loss.hpp>
#include <qat/autograd/tape.hpp>
