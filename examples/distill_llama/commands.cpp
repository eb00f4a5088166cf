#include "commands.hpp"

#include <qat/core/thread_executor.hpp>
#include <qat/llama/checkpoint.hpp>

#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <vector>

#include "any_model.hpp"
#include "models.hpp"
#include "program.hpp"

#include <nlohmann/json.hpp>

namespace distill_llama {
namespace {

qat::io::file_access access_of(const common_options& options) {
  return options.no_mmap ? qat::io::file_access::read : qat::io::file_access::map;
}

}  // namespace

void evaluate(const evaluate_options& options) {
  const common_options& common = options.common;
  qat::core::ThreadExecutor threads(thread_count(common.threads));
  const OpenModel opened(common.model, common.scheme, common.tokenizer, access_of(common), threads);
  const std::size_t most = opened.config().context;
  const std::size_t context = options.context != 0 ? options.context : most;
  if (context < 2 || context > most)
    throw UsageError("--context " + std::to_string(context) + ": choose 2 to " +
                     std::to_string(most) + ", the context of the model");
  const qat::eval::sequences all =
      sequences_of(options.text, options.protocol, opened.tokenizer(), context, options.limit);
  if (all.empty()) throw UsageError(options.text + ": has nothing to predict");

  std::optional<parameters> teacher_parameters;
  std::optional<teacher_model> frozen;
  std::optional<qat::eval::TeacherStates> teacher;
  if (!options.teacher.empty()) {
    teacher_parameters = qat::llama::load_parameters(options.teacher, access_of(common));
    if (teacher_parameters->config.vocabulary != opened.config().vocabulary)
      throw UsageError("the teacher has another vocabulary than the model");
    teacher.emplace(frozen.emplace(*teacher_parameters, threads), 0);  // asked once
  }
  const double begun = seconds();
  Progress progress("evaluate", "sequences", all.size());
  const auto scores =
      opened.model().score(teacher ? &*teacher : nullptr, all, threads, [&](std::size_t n) {
        stop_if_interrupted();
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
  std::printf("%s, scheme %s, %s\n", common.model.c_str(), opened.scheme().c_str(),
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
  qat::core::ThreadExecutor threads(thread_count(common.threads));
  const OpenModel opened(common.model, common.scheme, common.tokenizer, access_of(common), threads);
  const qat::io::Tokenizer& tokenizer = opened.tokenizer();
  const qat::llama::llama_config& config = opened.config();
  const bool bos = tokenizer.bos().has_value();
  std::vector<std::vector<std::int32_t>> prompts;
  prompts.push_back(tokenizer.encode(options.prompt, bos));
  if (prompts[0].empty()) throw UsageError("an empty prompt needs a tokenizer with a BOS token");
  const std::size_t length = options.tokens + (bos ? 1 : 0);
  if (length > config.context + 1 || options.tokens == 0)
    throw UsageError("--tokens " + std::to_string(options.tokens) + ": choose 1 to " +
                     std::to_string(config.context - (bos ? 1 : 0)) + ", the context of the model");
  qat::io::TokenStream stream(tokenizer);
  std::string text;
  const auto give = [&](const std::string& piece) {
    text += piece;
    if (!common.json) std::cout << piece << std::flush;
  };
  for (const std::int32_t token : prompts[0]) give(stream.push(token));
  std::size_t count = 0;
  opened.model().generate(prompts,
                          {.choice = {options.temperature, options.top_k, options.top_p},
                           .tokens = std::min(length, config.context),
                           .seed = options.seed},
                          threads, [&](std::size_t, std::int32_t token) {
                            stop_if_interrupted();
                            if (token == config.eos || token == config.bos) return false;
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
    const storage stored = storage_of(c, entry, {false, false});
    schemes[std::string(entry.name)] = {
        {"weight_bits", stored.weight_bits},
        {"kv_bits", stored.kv_bits},
        {"kv_bytes_per_token",
         2.0 * static_cast<double>(c.layers * c.kv_width()) * stored.kv_bits / 8.0}};
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
