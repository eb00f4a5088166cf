// distill_llama: evaluates, samples and inspects LLaMA checkpoints, in full precision or any built scheme.
//
// Exit codes: 0 done; 1 something is wrong with a file or an option, one sentence on stderr says what; 2 the command
// line does not parse; 130 interrupted.

#include <qat/kernels/code_product.hpp>
#include <qat/version.hpp>

#include <cstdio>
#include <exception>
#include <string>

#include "commands.hpp"
#include "program.hpp"

#include <CLI/CLI.hpp>

namespace {

using namespace distill_llama;  // the program's own names

std::string version() {
  return "distill_llama of qat " + std::to_string(qat::version_major) + "." +
         std::to_string(qat::version_minor) + "." + std::to_string(qat::version_patch) +
         "\ncommit   " QAT_COMMIT "\ncompiler " QAT_COMPILER "\nflags    " QAT_FLAGS
         "\nproducts of codes: " +
         qat::to_string(qat::best_product_path());
}

void add_common(CLI::App& command, common_options& options) {
  command.add_option("--model", options.model, "Hugging Face folder, .gguf, or llama2.c .bin file")
      ->required();
  command.add_flag("--no-mmap", options.no_mmap, "Read files instead of mapping them");
  command.add_flag("--json", options.json, "Print one JSON object");
}

void add_running(CLI::App& command, common_options& options) {
  add_common(command, options);
  command.add_option(
      "--tokenizer", options.tokenizer,
      "tokenizer.json or llama2.c tokenizer.bin, where it is not in or beside the model");
  command
      .add_option("--scheme", options.scheme,
                  "w<bits>[g<group>]a<bits>kv<bits>[h][z], or full_precision")
      ->capture_default_str();
  command.add_option("--threads", options.threads, "0: one a processor")->capture_default_str();
}

int run(int argc, char** argv) {
  CLI::App app("LLaMA checkpoints, evaluated and sampled on the arithmetic that ships");
  app.set_version_flag("--version", version());
  app.require_subcommand(1);

  evaluate_options evaluation;
  CLI::App& evaluate_command = *app.add_subcommand("evaluate", "Negative log-likelihood of a text");
  add_running(evaluate_command, evaluation.common);
  evaluate_command
      .add_option("--text", evaluation.text, ".jsonl with fields text, or any text file")
      ->required();
  evaluate_command
      .add_option("--protocol", evaluation.protocol,
                  "documents: each row alone with BOS; blocks: rows joined and cut, without BOS")
      ->check(CLI::IsMember({"documents", "blocks"}))
      ->capture_default_str();
  evaluate_command.add_option("--context", evaluation.context,
                              "Tokens of a sequence; 0: the model's");
  evaluate_command.add_option("--limit", evaluation.limit, "Rows or blocks; 0: all");
  evaluate_command.add_option("--teacher", evaluation.teacher,
                              "A model to compare with: KL divergence and top-1 agreement");

  sample_options sampling;
  CLI::App& sample_command = *app.add_subcommand("sample", "Continue a prompt");
  add_running(sample_command, sampling.common);
  sample_command.add_option("--prompt", sampling.prompt, "May be empty");
  sample_command.add_option("--tokens", sampling.tokens, "Of the text, prompt included")
      ->capture_default_str();
  sample_command.add_option("--temperature", sampling.temperature, "0: the most probable token")
      ->capture_default_str();
  sample_command.add_option("--top-k", sampling.top_k, "0: all")->capture_default_str();
  sample_command.add_option("--top-p", sampling.top_p)->capture_default_str();
  sample_command.add_option("--seed", sampling.seed)->capture_default_str();

  common_options inspection;
  CLI::App& inspect_command =
      *app.add_subcommand("inspect", "Architecture, tensors, and what each scheme would store");
  add_common(inspect_command, inspection);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  catch_interrupts();
  if (evaluate_command.parsed()) evaluate(evaluation);
  if (sample_command.parsed()) sample(sampling);
  if (inspect_command.parsed()) inspect(inspection);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Interrupted&) {
    std::fputs("\ndistill_llama: interrupted\n", stderr);
    return 130;
  } catch (const std::bad_alloc&) {
    std::fputs("distill_llama: out of memory; try a smaller model, --context or --limit\n", stderr);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "distill_llama: %s\n", e.what());
  }
  return 1;
}
