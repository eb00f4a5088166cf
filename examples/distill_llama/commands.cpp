#include "commands.hpp"

#include <qat/core/thread_executor.hpp>
#include <qat/eval/protocol.hpp>
#include <qat/llama/checkpoint.hpp>

#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "any_model.hpp"
#include "program.hpp"

#include <nlohmann/json.hpp>

namespace distill_llama {
namespace {

using parameters = qat::llama::llama_parameters<float>;

qat::io::file_access access_of(const common_options& options) {
  return options.no_mmap ? qat::io::file_access::read : qat::io::file_access::map;
}

unsigned thread_count(const common_options& options) {
  return options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
}

std::unique_ptr<AnyModel> make_model(const std::string& scheme, parameters& p,
                                     qat::core::executor_reference executor) {
  std::string known;
  for (const scheme_entry& entry : built_schemes()) {
    if (entry.name == scheme) return entry.make(p, executor);
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  try {
    static_cast<void>(qat::parse_scheme(scheme));
  } catch (const qat::ContractViolation&) {
    throw UsageError("--scheme " + scheme +
                     ": write w<bits>[g<group>]a<bits>kv<bits>[h][z] with 2 to 8 bits, or 16 for "
                     "not quantized; this program has " +
                     known);
  }
  throw UsageError("scheme " + scheme + " is not built into this program; choose one of " + known);
}

/// The sequences to score, after the protocol.
qat::eval::sequences sequences_of(const evaluate_options& options,
                                  const qat::io::Tokenizer& tokenizer, std::size_t context) {
  std::vector<std::string> rows = read_rows(options.text);
  if (options.protocol == "documents") {
    if (options.limit != 0 && rows.size() > options.limit) rows.resize(options.limit);
    std::vector<std::vector<std::int32_t>> tokens;
    for (const std::string& row : rows)
      tokens.push_back(tokenizer.encode(row, tokenizer.bos().has_value()));
    return qat::eval::documents(tokens, context);
  }
  std::string joined;
  for (std::size_t i = 0; i < rows.size(); ++i) joined += (i == 0 ? "" : "\n\n") + rows[i];
  const std::vector<std::int32_t> tokens = tokenizer.encode(joined, false);
  if (tokens.size() < context)
    throw UsageError(options.text + ": has " + std::to_string(tokens.size()) +
                     " tokens, less than a block of " + std::to_string(context) +
                     "; give a longer text or a shorter --context");
  return qat::eval::blocks(tokens, context, options.limit);
}

/// The tokenizer of a model, with the special tokens of its config where that names them.
qat::io::Tokenizer tokenizer_of(const common_options& options,
                                const qat::llama::Checkpoint& checkpoint) {
  const qat::io::Tokenizer found = find_tokenizer(checkpoint, options.model, options.tokenizer);
  const qat::llama::llama_config& c = checkpoint.config();
  if (found.vocabulary_size() > c.vocabulary)
    throw UsageError("the tokenizer has " + std::to_string(found.vocabulary_size()) +
                     " tokens, the model " + std::to_string(c.vocabulary) +
                     ": they do not belong together");
  return found.with_bos_eos(c.bos ? c.bos : found.bos(), c.eos ? c.eos : found.eos());
}

}  // namespace

void evaluate(const evaluate_options& options) {
  const common_options& common = options.common;
  qat::core::ThreadExecutor threads(thread_count(common));
  const qat::llama::Checkpoint checkpoint(common.model, access_of(common));
  const qat::io::Tokenizer tokenizer = tokenizer_of(common, checkpoint);
  parameters p = checkpoint.parameters();
  const std::size_t context = options.context != 0 ? options.context : p.config.context;
  if (context < 2 || context > p.config.context)
    throw UsageError("--context " + std::to_string(context) + ": choose 2 to " +
                     std::to_string(p.config.context) + ", the context of the model");
  const qat::eval::sequences all = sequences_of(options, tokenizer, context);
  if (all.empty()) throw UsageError(options.text + ": has nothing to predict");

  std::optional<parameters> teacher_parameters;
  std::optional<qat::llama::Llama<qat::full_precision>> teacher;
  if (!options.teacher.empty()) {
    teacher_parameters = qat::llama::load_parameters(options.teacher, access_of(common));
    if (teacher_parameters->config.vocabulary != p.config.vocabulary)
      throw UsageError("the teacher has another vocabulary than the model");
    teacher.emplace(*teacher_parameters, threads);
  }
  const auto model = make_model(common.scheme, p, threads);
  const double begun = seconds();
  Progress progress("evaluate", "sequences", all.size());
  const auto scores = model->score(teacher ? &*teacher : nullptr, all, threads, [&](std::size_t n) {
    if (interrupted()) throw Interrupted();
    progress.show(n);
  });
  const qat::eval::score mean = qat::eval::mean_of(scores);
  const double took = seconds() - begun;
  if (common.json) {
    nlohmann::ordered_json json{
        {"nll", mean.nll}, {"perplexity", mean.perplexity()}, {"tokens", mean.predictions}};
    if (teacher) {
      json["kl"] = mean.kl;
      json["top1_agreement"] = mean.top1_agreement;
    }
    std::cout << json.dump() << "\n";
    return;
  }
  std::printf("%s, scheme %s, %s\n", common.model.c_str(), common.scheme.c_str(),
              options.protocol.c_str());
  std::printf("nll         %.6f nats a token\nperplexity  %.4f\ntokens      %zu (%.0f a second)\n",
              mean.nll, mean.perplexity(), mean.predictions,
              static_cast<double>(mean.predictions) / took);
  if (teacher)
    std::printf("kl          %.6f nats from the teacher\ntop-1       %.4f agreement\n", mean.kl,
                mean.top1_agreement);
}

void sample(const sample_options& options) {
  const common_options& common = options.common;
  qat::core::ThreadExecutor threads(thread_count(common));
  const qat::llama::Checkpoint checkpoint(common.model, access_of(common));
  const qat::io::Tokenizer tokenizer = tokenizer_of(common, checkpoint);
  parameters p = checkpoint.parameters();
  const bool bos = tokenizer.bos().has_value();
  std::vector<std::vector<std::int32_t>> prompts;
  prompts.push_back(tokenizer.encode(options.prompt, bos));
  if (prompts[0].empty()) throw UsageError("an empty prompt needs a tokenizer with a BOS token");
  const std::size_t length = options.tokens + (bos ? 1 : 0);
  if (length > p.config.context + 1 || options.tokens == 0)
    throw UsageError("--tokens " + std::to_string(options.tokens) + ": choose 1 to " +
                     std::to_string(p.config.context - (bos ? 1 : 0)) +
                     ", the context of the model");
  const auto model = make_model(common.scheme, p, threads);

  qat::io::TokenStream stream(tokenizer);
  std::string text;
  const auto give = [&](const std::string& piece) {
    text += piece;
    if (!common.json) std::cout << piece << std::flush;
  };
  for (const std::int32_t token : prompts[0]) give(stream.push(token));
  std::size_t count = 0;
  model->generate(prompts,
                  {.choice = {options.temperature, options.top_k, options.top_p},
                   .tokens = std::min(length, p.config.context),
                   .seed = options.seed},
                  threads, [&](std::size_t, std::int32_t token) {
                    if (interrupted()) throw Interrupted();
                    if (token == p.config.eos || token == p.config.bos) return false;
                    ++count;
                    give(stream.push(token));
                    return true;
                  });
  give(stream.finish());
  if (common.json)
    std::cout << nlohmann::ordered_json{{"text", text}, {"new_tokens", count}}.dump() << "\n";
  else
    std::cout << "\n";
}

void inspect(const common_options& options) {
  const qat::llama::Checkpoint checkpoint(options.model, access_of(options));
  const qat::llama::llama_config& c = checkpoint.config();
  nlohmann::ordered_json json{{"parameters", qat::llama::parameter_count(c)},
                              {"vocabulary", c.vocabulary},
                              {"hidden", c.hidden},
                              {"intermediate", c.intermediate},
                              {"layers", c.layers},
                              {"heads", c.heads},
                              {"kv_heads", c.kv_heads},
                              {"head_size", c.head_size},
                              {"context", c.context},
                              {"tied_head", c.tied_head}};
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const auto& [name, t] : checkpoint.tensors())
    tensors.push_back({{"name", name},
                       {"type", t.type_name},
                       {"shape", qat::io::shape_of(t)},
                       {"bytes", t.bytes.size() + t.scales.size()}});
  // Weights of the blocks in the scheme, head, embedding and norms in fp32.
  nlohmann::ordered_json schemes = nlohmann::ordered_json::object();
  for (const scheme_entry& entry : built_schemes()) {
    const qat::scheme_description d = qat::parse_scheme(entry.name);
    const double width = static_cast<double>(c.hidden);
    const double wide = static_cast<double>(c.intermediate);
    const double heads = static_cast<double>(c.query_width());
    const double keys = static_cast<double>(c.kv_width());
    const double on_hidden = width * (heads + 2 * keys + 2 * wide);
    const double bits = on_hidden * qat::stored_weight_bits(d, c.hidden) +
                        width * heads * qat::stored_weight_bits(d, c.query_width()) +
                        width * wide * qat::stored_weight_bits(d, c.intermediate);
    const double kv = qat::stored_kv_bits(d, c.kv_heads, c.head_size);
    schemes[std::string(entry.name)] = {
        {"weight_bits", bits / (on_hidden + width * heads + width * wide)},
        {"kv_bits", kv},
        {"kv_bytes_per_token", 2.0 * static_cast<double>(c.layers) * keys * kv / 8.0}};
  }
  if (options.json) {
    json["tensors"] = tensors;
    json["schemes"] = schemes;
    std::cout << json.dump() << "\n";
    return;
  }
  for (const auto& [key, value] : json.items())
    std::cout << key << std::string(16 - std::min<std::size_t>(15, key.size()), ' ') << value
              << "\n";
  std::cout << "\n";
  for (const auto& t : tensors)
    std::printf("%-5s %12s %10zu bytes  %s\n", t["type"].get<std::string>().c_str(),
                t["shape"].get<std::string>().c_str(), t["bytes"].get<std::size_t>(),
                t["name"].get<std::string>().c_str());
  std::printf("\n%-16s %12s %12s %18s\n", "scheme", "weight bits", "KV bits", "KV bytes a token");
  for (const auto& [name, s] : schemes.items())
    std::printf("%-16s %12.4f %12.4f %18.1f\n", name.c_str(), s["weight_bits"].get<double>(),
                s["kv_bits"].get<double>(), s["kv_bytes_per_token"].get<double>());
}

}  // namespace distill_llama
