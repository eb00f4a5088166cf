#pragma once

/// \file
/// The LLaMA: schemes, parameters, checkpoints, model, cache, sampling, generation.

#include <qat/llama/block_weights.hpp>
#include <qat/llama/checkpoint.hpp>
#include <qat/llama/config.hpp>
#include <qat/llama/generate.hpp>
#include <qat/llama/gguf_config.hpp>
#include <qat/llama/hugging_face_config.hpp>
#include <qat/llama/kv_cache.hpp>
#include <qat/llama/model.hpp>
#include <qat/llama/parameters.hpp>
#include <qat/llama/quantized_checkpoint.hpp>
#include <qat/llama/sampling.hpp>
#include <qat/llama/save_checkpoint.hpp>
#include <qat/llama/scheme.hpp>
#include <qat/llama/scheme_name.hpp>
