#include "run_options.hpp"

#include <algorithm>

#include "program.hpp"

namespace distill_llama {

namespace distill = qat::distill;

const distill::preset& preset_of(const run_options& options) {
  if (const distill::preset* const found = distill::find_preset(options.preset)) return *found;
  std::string known;
  for (const distill::preset& p : distill::presets)
    known += (known.empty() ? "" : ", ") + std::string(p.name);
  throw UsageError("--preset " + options.preset + ": choose one of " + known);
}

std::string scheme_of(const run_options& options) {
  const distill::preset& preset = preset_of(options);
  const std::string name = options.scheme.empty() ? std::string(preset.scheme) : options.scheme;
  return preset.reference_quantizer && name.find('-') == std::string::npos ? name + "-reference"
                                                                           : name;
}

qat::llama::used_tables tables_of(const run_options& options, bool tied) {
  for (const auto& [flag, bits] :
       {std::pair("--head", options.head), {"--embedding", options.embedding}})
    if (bits != 8 && bits != 32)
      throw UsageError(std::string(flag) + " " + std::to_string(bits) + ": choose 8 or 32");
  if (tied && options.head != options.embedding)
    throw UsageError(
        "this model's head is its embedding: give --head and --embedding the same bits");
  return {options.embedding == 8, options.head == 8};
}

std::size_t length_of(const run_options& options, const qat::llama::llama_config& config) {
  const std::size_t length = options.length.value_or(std::min<std::size_t>(256, config.context));
  if (length < 3 || length > config.context)
    throw UsageError("--length " + std::to_string(length) + ": choose 3 to " +
                     std::to_string(config.context) + ", the context of the model");
  return length;
}

distill::generation_options generation_of(const run_options& options,
                                          const qat::llama::llama_config& config) {
  const distill::preset& preset = preset_of(options);
  distill::generation_options g;
  if (options.strategy == "top1") {
    g.strategy = distill::data_strategy::top1;
  } else if (options.strategy == "sampled") {
    g.strategy = distill::data_strategy::sampled;
  } else if (options.strategy != "hybrid") {
    throw UsageError("--strategy " + options.strategy + ": choose top1, sampled or hybrid");
  }
  // As many as the run reads.
  g.samples = options.samples.value_or(
      static_cast<std::size_t>(options.steps * options.accumulation * options.batch));
  g.tokens = length_of(options, config);
  g.choice = {options.temperature, options.top_k.value_or(preset.top_k), options.top_p};
  if (preset.bos) g.bos = config.bos;
  if (options.eos == "stop") {
    g.eos = config.eos;
  } else if (options.eos != "ignore") {
    throw UsageError("--eos " + options.eos + ": choose stop or ignore");
  }
  g.reference_order = preset.reference_order;
  g.seed = options.seed;
  return g;
}

distill::trainer_options training_of(const run_options& options) {
  const distill::preset& preset = preset_of(options);
  distill::trainer_options t;
  if (options.loss == "labels") {
    t.loss = distill::loss_kind::labels;
  } else if (options.loss == "both") {
    t.loss = distill::loss_kind::both;
  } else if (options.loss != "kl") {
    throw UsageError("--loss " + options.loss + ": choose kl, labels or both");
  }
  t.label_weight = options.label_weight;
  t.batch = options.batch;
  t.accumulation = options.accumulation;
  t.rate.peak = options.rate.value_or(0.0f);  // measured when training begins
  t.rate.steps = options.steps;
  t.rate.warm_up = options.warm_up;
  if (options.decay == "linear") {
    t.rate.decay = distill::decay_kind::linear;
  } else if (options.decay != "cosine") {
    throw UsageError("--decay " + options.decay + ": choose cosine or linear");
  }
  t.adamw.beta2 = options.beta2.value_or(preset.beta2);
  if (!(t.adamw.beta2 >= 0.0f && t.adamw.beta2 < 1.0f))
    throw UsageError("--beta2 " + std::to_string(t.adamw.beta2) + ": choose from 0 to below 1");
  t.kv_gradient = preset.kv_gradient;
  if (options.kv_gradient == "scale") {
    t.kv_gradient = qat::llama::kv_gradient::through_scale;
  } else if (options.kv_gradient == "detached") {
    t.kv_gradient = qat::llama::kv_gradient::as_scheme;
  } else if (!options.kv_gradient.empty()) {
    throw UsageError("--kv-gradient " + options.kv_gradient + ": choose detached or scale");
  }
  t.adamw.weight_decay = options.weight_decay;
  t.clip = options.clip.value_or(preset.clip);
  t.clip_per_token = !options.clip && preset.clip_per_token;
  t.trained = {!options.freeze_embedding, !options.freeze_embedding};
  t.shuffle = !preset.reference_order;
  t.recompute = options.recompute;
  t.seed = options.seed;
  if (options.steps == 0 || options.warm_up > options.steps)
    throw UsageError("--steps " + std::to_string(options.steps) +
                     ": choose at least 1, and not less than --warm-up");
  return t;
}

nlohmann::ordered_json data_facts(const run_options& options,
                                  const qat::llama::llama_config& config,
                                  const std::string& teacher_hash) {
  const distill::generation_options g = generation_of(options, config);
  if (!options.data.empty())
    return {{"data", hash_of_file(options.data)}, {"length", g.tokens}, {"samples", g.samples}};
  if (options.random_tokens)
    return {
        {"data", "random tokens"}, {"length", g.tokens}, {"samples", g.samples}, {"seed", g.seed}};
  return {{"teacher", teacher_hash},
          {"strategy", options.strategy},
          {"samples", g.samples},
          {"length", g.tokens},
          {"temperature", g.choice.temperature},
          {"top_k", g.choice.top_k},
          {"top_p", g.choice.top_p},
          {"bos", g.bos.has_value()},
          {"eos", options.eos},
          {"reference_order", g.reference_order},
          {"keep_duplicates", options.keep_duplicates},
          {"seed", g.seed}};
}

nlohmann::ordered_json training_facts(const run_options& options,
                                      const qat::llama::llama_config& config,
                                      const std::string& teacher_hash) {
  const distill::trainer_options t = training_of(options);
  const qat::llama::used_tables tables = tables_of(options, config.tied_head);
  return {{"teacher", teacher_hash},
          {"data", "tokens.qts"},
          {"preset", options.preset},
          {"scheme", scheme_of(options)},
          {"embedding_bits", tables.embedding ? 8 : 32},
          {"head_bits", tables.head ? 8 : 32},
          {"loss", options.loss},
          {"label_weight", t.label_weight},
          {"steps", t.rate.steps},
          {"batch", t.batch},
          {"accumulation", t.accumulation},
          {"rate", options.rate ? nlohmann::ordered_json(t.rate.peak) : "measured"},
          {"decay", options.decay},
          {"warm_up", t.rate.warm_up},
          {"clip", t.clip},
          {"clip_per_token", t.clip_per_token},
          {"beta2", t.adamw.beta2},
          {"kv_gradient",
           t.kv_gradient == qat::llama::kv_gradient::through_scale ? "scale" : "detached"},
          {"weight_decay", t.adamw.weight_decay},
          {"freeze_embedding", options.freeze_embedding},
          {"shuffle", t.shuffle},
          {"concatenate", preset_of(options).concatenate},
          {"validate_every", options.validate_every},
          {"seed", t.seed}};
}

}  // namespace distill_llama
