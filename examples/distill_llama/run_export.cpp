// The third stage: what ships, and the proof that it is what was trained.

#include <qat/io/atomic_file.hpp>

#include <cstdio>
#include <filesystem>

#include "program.hpp"
#include "run.hpp"

namespace distill_llama {

namespace fs = std::filesystem;

void Run::export_student() {
  if (scheme_->save == nullptr)
    throw UsageError("scheme " + std::string(scheme_->name) +
                     " is not exported: its values are not code times scale; train "
                     "qat, llmqat-fix or llmqat-paper to ship");
  const qat::distill::training_state state = trained();
  const std::string snapshot = hash_of_file(last_snapshot());
  if (fs::exists(path("export.json")) && fs::exists(path("model/model.safetensors"))) {
    const auto known =
        nlohmann::json::parse(qat::io::read_text(path("export.json")), nullptr, false);
    if (known.is_object() && known.value("snapshot", "") == snapshot &&
        known.value("model", "") == hash_of_file(path("model/model.safetensors")))
      return;
  }
  const std::optional<std::string> tokenizer =
      teacher_.tokenizer_json.empty() ? std::nullopt : std::optional(teacher_.tokenizer_json);
  scheme_->save(executor_, state.parameters, path("model"), std::string(scheme_->name), tables_,
                tokenizer);
  if (fs::is_directory(teacher_.path))
    for (const char* name :
         {"generation_config.json", "tokenizer_config.json", "LICENSE", "LICENSE.txt"})
      if (const fs::path from = fs::path(teacher_.path) / name; fs::exists(from))
        qat::io::write_text(path(std::string("model/") + name), qat::io::read_text(from.string()));
  qat::io::write_text(
      path("export.json"),
      nlohmann::ordered_json{{"snapshot", snapshot},
                             {"model", hash_of_file(path("model/model.safetensors"))},
                             {"config", hash_of_file(path("model/config.json"))}}
              .dump(2) +
          "\n");
  say("export: " + path("model") + ", " +
      in_megabytes(static_cast<double>(fs::file_size(path("model/model.safetensors")))));
}

}  // namespace distill_llama
