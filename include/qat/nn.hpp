#pragma once

/// \file
/// Optimizers.

#include <qat/nn/adamw.hpp>
