#pragma once

/// \file
/// Tensors: shapes, views, owning tensors, the arena of a step.

#include <qat/tensor/aligned_buffer.hpp>
#include <qat/tensor/arena.hpp>
#include <qat/tensor/quantized_matrix.hpp>
#include <qat/tensor/shape.hpp>
#include <qat/tensor/tensor.hpp>
#include <qat/tensor/tensor_view.hpp>
#include <qat/tensor/workspace.hpp>
