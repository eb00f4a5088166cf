// distill_llama: a LLaMA in, its quantized self out. Without a subcommand the whole walk: the teacher writes text, the student
// is distilled on it, compared with round-to-nearest, exported, verified, and reported.
//
// Exit codes: 0 done; 1 something is wrong with a file or an option, one sentence on stderr says what; 2 the command
// line does not parse; 130 interrupted.

#include <qat/core/thread_executor.hpp>

#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>

#include "commands.hpp"
#include "program.hpp"
#include "run.hpp"
#include "walk.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace {

using namespace distill_llama;  // the program's own names

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

/// What every stage of a run takes; a stage uses what concerns it.
void add_run(CLI::App& app, run_options& o) {
  app.add_option("--model", o.model,
                 "Teacher: Hugging Face folder, .gguf, or llama2.c .bin; the embedded one");
  app.add_option("--tokenizer", o.tokenizer, "Where it is not in or beside the model");
  app.add_option("--out", o.out, "Folder of the run")->capture_default_str();
  app.add_option("--preset", o.preset, "qat, llmqat-fix, llmqat-paper or llmqat-ref")
      ->capture_default_str();
  app.add_option("--scheme", o.scheme, "w<bits>[g<group>]a<bits>kv<bits>[h][z]; the preset's");
  app.add_option("--seed", o.seed)->capture_default_str();
  app.add_option("--data", o.data, "Real text (.jsonl or .txt) instead of generated");
  app.add_flag("--random-tokens", o.random_tokens, "Random tokens instead of generated text");
  app.add_option("--strategy", o.strategy, "hybrid, sampled or top1")->capture_default_str();
  app.add_option("--samples", o.samples, "Sequences to write; as many as training reads");
  app.add_option("--length", o.length, "Tokens of a sequence; at most 256");
  app.add_option("--temperature", o.temperature)->capture_default_str();
  app.add_option("--top-k", o.top_k, "0: all; the preset's");
  app.add_option("--top-p", o.top_p)->capture_default_str();
  app.add_flag("--keep-duplicates", o.keep_duplicates);
  app.add_option("--eos", o.eos, "stop: a sequence ends there; ignore: it goes on")
      ->capture_default_str();
  app.add_flag("--text-copy", o.text_copy, "Also write the sequences as text.jsonl");
  app.add_option("--steps", o.steps)->capture_default_str();
  app.add_option("--batch", o.batch, "Sequences of a part")->capture_default_str();
  app.add_option("--accumulation", o.accumulation, "Parts of a step, a power of two")
      ->capture_default_str();
  app.add_option("--lr", o.rate,
                 "Peak learning rate; by model size, tokens and what there is to recover");
  app.add_option("--decay", o.decay, "cosine, or linear over the last quarter")
      ->capture_default_str();
  app.add_option("--warm-up", o.warm_up, "Steps")->capture_default_str();
  app.add_option("--clip", o.clip, "Of the gradient norm, 0: none; the preset's");
  app.add_option("--beta2", o.beta2, "Of AdamW; the preset's");
  app.add_option("--kv-gradient", o.kv_gradient,
                 "Of K and V: detached, or also through their scale; the preset's");
  app.add_option("--weight-decay", o.weight_decay)->capture_default_str();
  app.add_option("--loss", o.loss, "kl, labels or both")->capture_default_str();
  app.add_option("--label-weight", o.label_weight, "Of --loss both")->capture_default_str();
  app.add_flag("--freeze-embedding", o.freeze_embedding, "Embedding and head are not trained");
  app.add_option("--head", o.head, "Bits of the output layer: 8 or 32")->capture_default_str();
  app.add_option("--embedding", o.embedding, "Bits of the embedding: 8 or 32")
      ->capture_default_str();
  app.add_flag("--recompute", o.recompute, "Less memory, a third more time, the same bits");
  app.add_option("--save-every", o.save_every, "Steps; 0: at the end")->capture_default_str();
  app.add_option("--keep", o.keep, "Snapshots, beside the best")->capture_default_str();
  app.add_option("--validate-every", o.validate_every, "Steps; 0: never")->capture_default_str();
  app.add_option("--validation-limit", o.validation_limit, "Sequences of a validation")
      ->capture_default_str();
  app.add_option("--text", o.text, "Text to compare on; the teacher's validation.txt");
  app.add_option("--protocol", o.protocol,
                 "documents, blocks or blocks_with_bos; by the kind of text")
      ->check(CLI::IsMember({"documents", "blocks", "blocks_with_bos"}));
  app.add_option("--context", o.context, "Tokens of a compared sequence; 0: the model's");
  app.add_option("--limit", o.limit, "Rows or blocks to compare on; 0: all")->capture_default_str();
  app.add_option("--threads", o.threads, "0: one a processor")->capture_default_str();
  app.add_flag("--quiet", o.quiet, "No progress");
  app.add_flag("--json", o.json, "Print one JSON object");
  app.add_flag("--force", o.force, "Try what plan refuses");
}

int run(int argc, char** argv) {
  CLI::App app("LLaMA checkpoints, evaluated and sampled on the arithmetic that ships");
  app.set_version_flag("--version", program_version());
  app.require_subcommand(0, 1);

  evaluate_options evaluation;
  CLI::App& evaluate_command = *app.add_subcommand("evaluate", "Negative log-likelihood of a text");
  add_running(evaluate_command, evaluation.common);
  evaluate_command
      .add_option("--text", evaluation.text, ".jsonl with fields text, or any text file")
      ->required();
  evaluate_command
      .add_option("--protocol", evaluation.protocol,
                  "documents: each row alone with BOS; blocks: rows joined and cut, without BOS;\n"
                  "blocks_with_bos: the same, each behind a BOS")
      ->check(CLI::IsMember({"documents", "blocks", "blocks_with_bos"}))
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

  // A run's options belong to the program itself, so that they may stand before or behind the stage.
  run_options o;
  add_run(app, o);
  app.set_config("--config", "", "Options from a file, as config.toml of a run holds them");
  const auto stage = [&](const char* name, const char* about) {
    return app.add_subcommand(name, about)->fallthrough();
  };
  CLI::App& plan_command = *stage("plan", "Memory, disk and time of a run");
  CLI::App& generate_command = *stage("generate", "Only the training sequences");
  CLI::App& train_command = *stage("train", "Only the student; needs generate");
  bool resume = false;
  train_command.add_flag("--resume", resume, "Go on from the newest snapshot");
  CLI::App& baseline_command = *stage("baseline", "Round-to-nearest in the scheme");
  CLI::App& export_command = *stage("export", "What ships; needs train");
  CLI::App& verify_command = *stage("verify", "Compare an export with the trained student");
  std::string of_run, exported;
  verify_command.add_option("--run", of_run, "Folder of the run; --out");
  verify_command.add_option("--exported", exported, "The run's own");
  CLI::App& report_command = *stage("report", "report.html and report.md of a finished run");
  CLI::App& ablate_command = *stage("ablate", "The paper's ablations");
  std::size_t seeds = 3;
  std::vector<std::string> only;
  ablate_command.add_option("--seeds", seeds)->capture_default_str();
  ablate_command.add_option("--only", only, "Arms by name");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  catch_interrupts();
  if (evaluate_command.parsed()) evaluate(evaluation);
  if (sample_command.parsed()) sample(sampling);
  if (inspect_command.parsed()) inspect(inspection);
  if (evaluate_command.parsed() || sample_command.parsed() || inspect_command.parsed()) return 0;

  if (!of_run.empty()) o.out = of_run;
  std::istringstream given(app.config_to_str(false, false));
  for (std::string line; std::getline(given, line);) {
    const std::string key = line.substr(0, line.find('='));
    // What changes no bit, and where the run lies, is not its configuration; nor are the stages' own options.
    bool ours = line.find('=') != std::string::npos && key.find('.') == std::string::npos;
    for (const char* other : {"out", "config", "threads", "quiet", "json", "force", "recompute"})
      ours = ours && key != other;
    if (ours) o.as_config += line + "\n";
  }
  qat::core::ThreadExecutor threads(thread_count(o.threads));
  const auto print = [&](const nlohmann::ordered_json& result) {
    std::cout << (o.json ? result.dump() : result.dump(2)) << "\n";
  };
  if (plan_command.parsed()) {
    plan(o, threads);
  } else if (ablate_command.parsed()) {
    ablate(o, seeds, only, threads);
  } else if (app.get_subcommands().empty()) {
    walk(o, threads);
  } else {
    Run run_of(o, threads);
    if (generate_command.parsed()) run_of.generate();
    if (train_command.parsed()) {
      if (!resume && run_of.last_step() != 0 && run_of.last_step() != o.steps)
        throw UsageError(o.out + ": training stands at step " + std::to_string(run_of.last_step()) +
                         "; go on with --resume");
      run_of.generate();
      run_of.train();
    }
    if (baseline_command.parsed())
      print(score_baseline(run_of, std::string(run_of.scheme().name), run_of.validation(0)));
    if (export_command.parsed()) run_of.export_student();
    if (verify_command.parsed()) {
      const auto found = verify_export(run_of, exported.empty() ? run_of.path("model") : exported,
                                       run_of.validation(4));
      print(found);
      if (!found["first_mismatch"].get<std::string>().empty())
        throw UsageError("they differ: " + found["first_mismatch"].get<std::string>());
    }
    if (report_command.parsed()) write_report(run_of);
  }
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
    std::fputs(
        "distill_llama: out of memory; `plan` tells what a run takes, and --recompute or a smaller "
        "--batch take less\n",
        stderr);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "distill_llama: %s\n", e.what());
  }
  return 1;
}
