#pragma once

/// \file
/// Scoring.

#include <qat/eval/protocol.hpp>
#include <qat/eval/score.hpp>
