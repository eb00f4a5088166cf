#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

/// \file
/// The subcommands and their options.

namespace distill_llama {

/// What all of them take.
struct common_options {
  std::string model;
  std::string tokenizer;
  std::string scheme = "full_precision";
  unsigned threads = 0;  ///< 0: one a processor
  bool no_mmap = false;
  bool json = false;
};

struct evaluate_options {
  common_options common;
  std::string text;
  std::string protocol = "documents";
  std::size_t context = 0;  ///< 0: the model's
  std::size_t limit = 0;    ///< rows or blocks, 0: all
  std::string teacher;
};

struct sample_options {
  common_options common;
  std::string prompt;
  std::size_t tokens = 256;
  float temperature = 0.0f;
  std::size_t top_k = 0;
  float top_p = 1.0f;
  std::uint64_t seed = 0;
};

void evaluate(const evaluate_options& options);
void sample(const sample_options& options);
void inspect(const common_options& options);

}  // namespace distill_llama
