#include "run.hpp"

#include <qat/io/atomic_file.hpp>
#include <qat/io/mapped_file.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>

#include "program.hpp"

namespace distill_llama {

namespace fs = std::filesystem;

Run::Run(const run_options& options, qat::core::executor_reference executor)
    : options_(options),
      executor_(executor),
      teacher_(options.model, options.tokenizer, executor),
      scheme_(&entry_for(scheme_of(options))),
      tables_(tables_of(options, teacher_.numbers.config.tied_head)) {
  if (scheme_->train == nullptr)
    throw UsageError("--scheme " + std::string(scheme_->name) + ": there is nothing to train");
  if (options_.text.empty() && fs::exists(fs::path(teacher_.path) / "validation.txt"))
    options_.text = (fs::path(teacher_.path) / "validation.txt").string();
  std::error_code error;
  fs::create_directories(path("train"), error);
  if (error) throw qat::io::FileError(path("train"), error.message());
  const nlohmann::ordered_json facts{{"data", data_facts(options_, config(), teacher_.hash)},
                                     {"training", facts_of_training()}};
  const std::string mine = facts.dump(2) + "\n";
  if (fs::exists(path("run.json"))) {
    const std::string theirs = qat::io::read_text(path("run.json"));
    if (theirs == mine) return;
    const auto difference =
        nlohmann::ordered_json::diff(nlohmann::ordered_json::parse(theirs, nullptr, false), facts);
    throw UsageError(path("run.json") + ": this folder holds a run with other options (" +
                     difference[0]["path"].get<std::string>() + "); give those, or another --out");
  }
  qat::io::write_text(path("config.toml"), options_.as_config);
  qat::io::write_text(path("run.json"), mine);
}

std::string Run::path(const std::string& name) const {
  return (fs::path(options_.out) / name).string();
}

nlohmann::ordered_json Run::facts_of_training() const {
  return training_facts(options_, config(), teacher_.hash);
}

qat::eval::sequences Run::validation(std::size_t limit) const {
  if (options_.text.empty()) return {};
  const bool has_bos = teacher_.tokenizer->bos().has_value();
  const std::string protocol = !options_.protocol.empty()          ? options_.protocol
                               : options_.text.ends_with(".jsonl") ? "documents"
                               : has_bos                           ? "blocks_with_bos"
                                                                   : "blocks";
  const std::size_t context = options_.context != 0 ? options_.context : config().context;
  if (context < 2 || context > config().context)
    throw UsageError("--context " + std::to_string(context) + ": choose 2 to " +
                     std::to_string(config().context) + ", the context of the model");
  const std::size_t all = options_.limit;
  return sequences_of(options_.text, protocol, *teacher_.tokenizer, context,
                      limit == 0 ? all
                      : all == 0 ? limit
                                 : std::min(limit, all));
}

void Run::say(const std::string& line) const {
  if (!options_.quiet) std::fprintf(stderr, "%s\n", line.c_str());
}

void Run::time(nlohmann::ordered_json line) const {
  line["peak_memory_bytes"] = peak_memory();
  std::ofstream(path("timing.jsonl"), std::ios::app) << line.dump() << "\n";
}

double peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

}  // namespace distill_llama
