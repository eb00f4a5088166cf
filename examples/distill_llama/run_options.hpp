#pragma once

#include <qat/distill/generate_data.hpp>
#include <qat/distill/preset.hpp>
#include <qat/distill/trainer.hpp>
#include <qat/llama/config.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

/// \file
/// The options of a run, and what they mean for a model.

namespace distill_llama {

/// What a person may choose. A name that stays empty, and a number that stays without value, follow from preset and model.
struct run_options {
  std::string model;  ///< the embedded teacher where empty
  std::string tokenizer;
  std::string out = "qat-run";
  std::string preset = "qat";
  std::string scheme;
  std::uint64_t seed = 0;

  std::string data;  ///< real text instead of generated
  bool random_tokens = false;
  std::string strategy = "hybrid";
  std::optional<std::size_t> samples;
  std::optional<std::size_t> length;
  float temperature = 1.0f;
  std::optional<std::size_t> top_k;
  float top_p = 1.0f;
  bool keep_duplicates = false;
  std::string eos = "stop";  ///< or "ignore"
  bool text_copy = false;

  std::uint64_t steps = 480;
  std::size_t batch = 4;
  std::size_t accumulation = 1;
  std::optional<float> rate;
  std::string decay = "cosine";
  std::uint64_t warm_up = 0;
  std::optional<double> clip;
  std::optional<float> beta2;
  std::string kv_gradient;  ///< "detached" or "scale"
  float weight_decay = 0.0f;
  std::string loss = "kl";
  float label_weight = 0.5f;
  bool freeze_embedding = false;
  int head = 32;
  int embedding = 32;
  bool recompute = false;
  std::uint64_t save_every = 60;
  std::size_t keep = 2;
  std::uint64_t validate_every = 60;

  std::string text;  ///< the teacher's validation text where empty
  std::string protocol;
  std::size_t context = 0;
  std::size_t limit = 0;
  std::size_t validation_limit = 16;

  unsigned threads = 0;
  bool quiet = false;
  bool json = false;
  bool force = false;

  std::string as_config;  ///< what was chosen, in the form of --config
};

/// The preset of a name.
///
/// Throws  UsageError with the names that there are.
[[nodiscard]] const qat::distill::preset& preset_of(const run_options& options);

/// The scheme by name, the preset's where none is given; "-reference" is added for llmqat-ref.
[[nodiscard]] std::string scheme_of(const run_options& options);

[[nodiscard]] qat::llama::used_tables tables_of(const run_options& options, bool tied);

/// Tokens of a sequence.
[[nodiscard]] std::size_t length_of(const run_options& options,
                                    const qat::llama::llama_config& config);

[[nodiscard]] qat::distill::generation_options generation_of(
    const run_options& options, const qat::llama::llama_config& config);

/// The peak of the rate is 0 where none is given.
///
/// Throws  UsageError for a word that means nothing.
[[nodiscard]] qat::distill::trainer_options training_of(const run_options& options);

/// What decides the bits of the data, of the student: the facts by which a resumed run knows its files.
[[nodiscard]] nlohmann::ordered_json data_facts(const run_options& options,
                                                const qat::llama::llama_config& config,
                                                const std::string& teacher_hash);
[[nodiscard]] nlohmann::ordered_json training_facts(const run_options& options,
                                                    const qat::llama::llama_config& config,
                                                    const std::string& teacher_hash);

}  // namespace distill_llama
