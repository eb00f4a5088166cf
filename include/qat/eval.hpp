#pragma once

/// \file
/// Scoring.

#include <qat/eval/protocol.hpp>
#include <qat/eval/score.hpp>
#include <qat/eval/teacher_states.hpp>
