#pragma once

/// \file
/// Files of other people: checkpoints and tokenizers.

#include <qat/io/atomic_file.hpp>
#include <qat/io/byte_reader.hpp>
#include <qat/io/format_error.hpp>
#include <qat/io/gguf.hpp>
#include <qat/io/gguf_value.hpp>
#include <qat/io/hugging_face.hpp>
#include <qat/io/json_field.hpp>
#include <qat/io/llama2c.hpp>
#include <qat/io/mapped_file.hpp>
#include <qat/io/named_tensor.hpp>
#include <qat/io/safetensors.hpp>
#include <qat/io/safetensors_writer.hpp>
#include <qat/io/sha256.hpp>
#include <qat/io/tokenizer.hpp>
#include <qat/io/tokenizer_gguf.hpp>
#include <qat/io/tokenizer_json.hpp>
#include <qat/io/tokenizer_json_writer.hpp>
#include <qat/io/tokenizer_llama2c.hpp>
#include <qat/io/tokenizer_split.hpp>
#include <qat/io/unicode.hpp>
