#include "walk.hpp"

#include <qat/io/atomic_file.hpp>
#include <qat/io/sha256.hpp>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "program.hpp"

namespace distill_llama {
namespace {

namespace fs = std::filesystem;

nlohmann::ordered_json summary(const std::vector<qat::eval::sequence_score>& scores,
                               const storage& stored) {
  const qat::eval::score mean = qat::eval::mean_of(scores);
  return {{"nll", mean.nll},
          {"perplexity", mean.perplexity()},
          {"kl", mean.kl},
          {"kl_interval", kl_interval(scores).half_width},
          {"top1_agreement", mean.top1_agreement},
          {"stored_bits", {{"weight", stored.weight_bits}, {"kv", stored.kv_bits}}},
          {"bytes", stored.bytes},
          {"tokens", mean.predictions}};
}

/// Tokens a second of the model alone, reading the first 4,096 tokens or so.
double reading_speed(Run& run, const AnyModel& model, const qat::eval::sequences& all) {
  qat::eval::sequences some;
  std::size_t count = 0;
  for (std::size_t i = 0; i < all.size() && count < 4096; ++i) {
    some.push_back(all[i]);
    count += all[i].size();
  }
  const double begun = seconds();
  static_cast<void>(
      model.score(nullptr, some, run.executor(), [](std::size_t) { stop_if_interrupted(); }));
  return static_cast<double>(count) / (seconds() - begun);
}

std::vector<qat::eval::sequence_score> scored(Run& run, const AnyModel& model,
                                              qat::eval::TeacherStates* teacher,
                                              const qat::eval::sequences& all,
                                              const std::string& what) {
  const double begun = seconds();
  Progress progress(what, "sequences", all.size(), run.options().quiet);
  const auto scores = model.score(teacher, all, run.executor(), [&](std::size_t n) {
    stop_if_interrupted();
    progress.show(n);
  });
  run.time({{"stage", what},
            {"seconds", seconds() - begun},
            {"tokens_per_second", reading_speed(run, model, all)}});
  return scores;
}

}  // namespace

interval kl_interval(const std::vector<qat::eval::sequence_score>& scores) {
  const qat::eval::score mean = qat::eval::mean_of(scores);
  double squares = 0.0;
  for (const auto& s : scores) {
    const double off = s.kl - mean.kl * static_cast<double>(s.predictions);
    squares += off * off;
  }
  return {mean.kl, mean.predictions == 0
                       ? 0.0
                       : 1.96 * std::sqrt(squares) / static_cast<double>(mean.predictions)};
}

nlohmann::ordered_json score_baseline(Run& run, const std::string& scheme,
                                      const qat::eval::sequences& all) {
  const auto model = entry_for(scheme).make(run.teacher().numbers, run.executor(), run.tables());
  return summary(scored(run, *model, run.teacher().states.get(), all, "baseline " + scheme),
                 storage_of(run.config(), entry_for(scheme), run.tables()));
}

nlohmann::ordered_json compare(Run& run) {
  const qat::eval::sequences all = run.validation(0);
  if (all.empty()) throw UsageError("there is no text to compare on: give one with --text");
  const std::string scheme(run.scheme().name);
  nlohmann::ordered_json result;
  const double bytes = static_cast<double>(run.teacher().bytes);
  const double numbers = static_cast<double>(qat::llama::parameter_count(run.config()));
  const storage whole{8.0 * bytes / numbers, 32.0, bytes};  // as its file has them
  result["teacher"] = summary(scored(run, *run.teacher().any(), nullptr, all, "teacher"), whole);
  result["teacher"]["top1_agreement"] = 1.0;  // with itself, at a divergence of 0
  result["baseline"] = score_baseline(run, scheme, all);
  result["baseline_paper"] = scheme == "w4a8kv4"   ? result["baseline"]
                             : is_built("w4a8kv4") ? score_baseline(run, "w4a8kv4", all)
                                                   : nlohmann::ordered_json();
  // The student as it ships, where it does.
  std::optional<qat::distill::training_state> state;
  std::unique_ptr<AnyModel> student;
  if (run.scheme().load != nullptr && fs::exists(run.path("model/model.safetensors"))) {
    student = run.scheme().load(run.executor(), run.path("model"), run.tables());
  } else {
    state = run.trained();
    student = run.scheme().make(state->parameters, run.executor(), run.tables());
  }
  result["student"] = summary(scored(run, *student, run.teacher().states.get(), all, "student"),
                              storage_of(run.config(), entry_for(scheme), run.tables()));
  const auto recovered = [&](const char* key) {
    const double baseline = result["baseline"][key], teacher_has = result["teacher"][key];
    const double student_has = result["student"][key];
    return (baseline - student_has) / (baseline - teacher_has);
  };
  result["recovered_kl"] = recovered("kl");
  result["recovered_nll"] = recovered("nll");
  return result;
}

nlohmann::ordered_json verify_export(Run& run, const std::string& exported,
                                     const qat::eval::sequences& texts) {
  if (run.scheme().verify == nullptr)
    throw UsageError("scheme " + std::string(run.scheme().name) + " has no export to verify");
  const auto kind = qat::llama::quantized_kind(exported);
  if (!kind || kind->scheme != run.scheme().name || kind->tables != run.tables())
    throw UsageError(exported + ": is not an export of " + std::string(run.scheme().name) +
                     " with this run's head and embedding");
  qat::distill::training_state state = run.trained();
  const double begun = seconds();
  Progress progress("verify", "sequences", texts.size(), run.options().quiet);
  const qat::distill::verification v = run.scheme().verify(
      run.executor(), state.parameters, exported, run.tables(), texts, [&](std::size_t n) {
        stop_if_interrupted();
        progress.show(n);
      });
  run.time({{"stage", "verify"}, {"seconds", seconds() - begun}});
  std::string text;
  for (const auto& sequence : texts)
    text.append(reinterpret_cast<const char*>(sequence.data()), 4 * sequence.size());
  return {
      {"weights_compared", v.weights_compared},
      {"weight_mismatches", v.weight_mismatches},
      {"scales_compared", v.scales_compared},
      {"scale_mismatches", v.scale_mismatches},
      {"logits_compared", v.logits_compared},
      {"logit_mismatches", v.logit_mismatches},
      {"first_mismatch", v.first_mismatch},
      {"scheme", std::string(run.scheme().name)},
      {"sha256",
       {{"teacher", run.teacher().hash},
        {"snapshot", hash_of_file(run.last_snapshot())},
        {"model.safetensors", hash_of_file((fs::path(exported) / "model.safetensors").string())},
        {"config.json", hash_of_file((fs::path(exported) / "config.json").string())},
        {"tokens_of_text", qat::io::sha256(std::as_bytes(std::span(text)))}}}};
}

void walk(const run_options& options, qat::core::executor_reference executor) {
  const double begun = seconds();
  nlohmann::ordered_json spent;
  double mark = begun;
  const auto lap = [&](const char* stage) {
    spent[stage] = seconds() - mark;
    mark = seconds();
  };
  Run run(options, executor);
  run.say("teacher: " + run.teacher().path + ", " +
          std::to_string(qat::llama::parameter_count(run.config())) +
          " parameters; student: " + std::string(run.scheme().name));
  lap("load");
  run.generate();
  lap("generate");
  run.train();
  lap("train");
  const bool ships = run.scheme().save != nullptr;
  if (ships) run.export_student();
  lap("export");
  nlohmann::ordered_json result;
  const bool known = fs::exists(run.path("result.json"));
  if (known) {
    result = nlohmann::ordered_json::parse(qat::io::read_text(run.path("result.json")));
  } else {
    result = compare(run);
  }
  lap("compare");
  if (ships && !known) {
    qat::eval::sequences texts = run.validation(4);
    result["verify"] = verify_export(run, run.path("model"), texts);
    qat::io::write_text(run.path("certificate.json"), result["verify"].dump(2) + "\n");
  } else if (!ships) {
    result["verify"] = nlohmann::ordered_json();
  }
  lap("verify");
  if (!known) qat::io::write_text(run.path("result.json"), result.dump(2) + "\n");
  write_report(run);
  lap("report");
  spent["all"] = seconds() - begun;
  if (options.json) {
    result["seconds"] = spent;
    std::cout << result.dump() << "\n";
  } else {
    std::printf("\n%-26s %10s %10s %10s %8s %8s %8s %10s\n", "", "perplexity", "KL", "+-", "top-1",
                "W bits", "KV bits", "size");
    for (const auto& [key, label] : {std::pair("teacher", std::string("teacher")),
                                     {"baseline_paper", "RTN w4a8kv4"},
                                     {"baseline", "RTN " + std::string(run.scheme().name)},
                                     {"student", "LLM-QAT " + std::string(run.scheme().name)}}) {
      const auto& r = result[key];
      if (r.is_null() || (run.scheme().name == "w4a8kv4" && key == std::string("baseline_paper")))
        continue;
      std::printf("%-26s %10.3f %10.4f %10.4f %8.3f %8.3f %8.3f %10s\n", label.c_str(),
                  r["perplexity"].get<double>(), r["kl"].get<double>(),
                  r["kl_interval"].get<double>(), r["top1_agreement"].get<double>(),
                  r["stored_bits"]["weight"].get<double>(), r["stored_bits"]["kv"].get<double>(),
                  in_megabytes(r["bytes"].get<double>()).c_str());
    }
    std::printf("\nrecovered of round-to-nearest's loss: %.1f %% of KL, %.1f %% of NLL\n",
                100.0 * result["recovered_kl"].get<double>(),
                100.0 * result["recovered_nll"].get<double>());
    if (ships) {
      const auto& v = result["verify"];
      std::printf(
          "verified: %llu codes and numbers, %llu scales, %llu logits compared, %llu differ\n",
          v["weights_compared"].get<unsigned long long>(),
          v["scales_compared"].get<unsigned long long>(),
          v["logits_compared"].get<unsigned long long>(),
          v["weight_mismatches"].get<unsigned long long>() +
              v["scale_mismatches"].get<unsigned long long>() +
              v["logit_mismatches"].get<unsigned long long>());
    }
    std::printf("%s\n%.0f s\n", run.path("report.html").c_str(), spent["all"].get<double>());
  }
  if (ships &&
      (result["verify"]["weight_mismatches"] != 0 || result["verify"]["scale_mismatches"] != 0 ||
       result["verify"]["logit_mismatches"] != 0))
    throw UsageError("the export differs from the trained student: " +
                     result["verify"]["first_mismatch"].get<std::string>());
}

}  // namespace distill_llama
