#pragma once

/// \file
/// LLM-QAT: data-free generation, distillation, checkpoints of a run, and the proof that what ships was trained.

#include <qat/distill/batches.hpp>
#include <qat/distill/communicator.hpp>
#include <qat/distill/generate_data.hpp>
#include <qat/distill/order.hpp>
#include <qat/distill/preset.hpp>
#include <qat/distill/schedule.hpp>
#include <qat/distill/snapshot.hpp>
#include <qat/distill/token_store.hpp>
#include <qat/distill/trainer.hpp>
#include <qat/distill/training_state.hpp>
#include <qat/distill/verify.hpp>
