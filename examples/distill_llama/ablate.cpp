// The paper's ablations on one model: each arm trained and compared like the others, several seeds each.

#include <qat/io/atomic_file.hpp>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "program.hpp"
#include "walk.hpp"

namespace distill_llama {
namespace {

namespace fs = std::filesystem;

struct arm {
  std::string table;
  std::string name;
  void (*change)(run_options&);
};

/// The base is llmqat-paper, w4a8kv4, hybrid data, KL.
const std::vector<arm>& arms() {
  static const std::vector<arm> all{
      {"data", "hybrid", [](run_options&) {}},
      {"data", "sampled", [](run_options& o) { o.strategy = "sampled"; }},
      {"data", "top-1", [](run_options& o) { o.strategy = "top1"; }},
      {"data", "real text", nullptr},
      {"data", "random tokens", [](run_options& o) { o.random_tokens = true; }},
      {"loss", "labels", [](run_options& o) { o.loss = "labels"; }},
      {"loss", "both", [](run_options& o) { o.loss = "both"; }},
      {"quantizer", "min-max", [](run_options& o) { o.scheme = "w4a8kv4-minmax"; }},
      {"quantizer", "clipped, weights in [-1/2, 1/2]",
       [](run_options& o) { o.scheme = "w4a8kv4-clipped"; }},
      {"quantizer", "mask (-2, 2)", [](run_options& o) { o.scheme = "w4a8kv4-mask"; }},
      {"gradient", "through the scales of K and V",
       [](run_options& o) { o.kv_gradient = "scale"; }},
      {"KV cache", "w4a8kv4h", [](run_options& o) { o.scheme = "w4a8kv4h"; }},
      {"KV cache", "w4a8kv4hz", [](run_options& o) { o.scheme = "w4a8kv4hz"; }},
      {"KV cache", "w4a8kv5", [](run_options& o) { o.scheme = "w4a8kv5"; }},
      {"KV cache", "w4a8kv8", [](run_options& o) { o.scheme = "w4a8kv8"; }},
      {"8 bits", "w8a8kv8", [](run_options& o) { o.scheme = "w8a8kv8"; }}};
  return all;
}

std::string folder_name(std::string name) {
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '-';
  return name;
}

}  // namespace

void ablate(const run_options& options, std::size_t seeds, const std::vector<std::string>& only,
            qat::core::executor_reference executor) {
  std::string markdown =
      "| | arm | KL to the teacher: mean ± standard error | seeds | NLL | KL of round-to-nearest | "
      "weight bits | KV bits |\n"
      "|---|---|---|---|---|---|---|---|\n";
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const arm& a : arms()) {
    if (!only.empty() && std::find(only.begin(), only.end(), a.name) == only.end()) continue;
    run_options base = options;
    base.preset = "llmqat-paper";
    base.scheme = options.scheme.empty() ? "w4a8kv4" : options.scheme;
    base.save_every = 0;
    base.validate_every = 0;
    base.keep = 1;
    if (a.change == nullptr && options.data.empty())
      continue;  // real text: only where there is one
    if (a.change != nullptr) {
      base.data.clear();
      a.change(base);
    }
    if (!is_built(base.scheme)) {
      std::fprintf(stderr, "%s: %s is not built into this program; left out\n", a.name.c_str(),
                   base.scheme.c_str());
      continue;
    }
    nlohmann::ordered_json kls = nlohmann::ordered_json::array(), nlls = kls;
    nlohmann::ordered_json baseline, stored;
    for (std::size_t seed = 0; seed < seeds; ++seed) {
      run_options o = base;
      o.seed = options.seed + seed;
      o.out = (fs::path(options.out) / folder_name(a.name) / ("seed-" + std::to_string(o.seed)))
                  .string();
      Run run(o, executor);
      nlohmann::ordered_json result;
      if (fs::exists(run.path("result.json"))) {
        result = nlohmann::ordered_json::parse(qat::io::read_text(run.path("result.json")));
      } else {
        run.generate();
        run.train();
        result = compare(run);
        qat::io::write_text(run.path("result.json"), result.dump(2) + "\n");
      }
      kls.push_back(result["student"]["kl"]);
      nlls.push_back(result["student"]["nll"]);
      baseline = result["baseline"];
      stored = result["student"]["stored_bits"];
      run.say(a.name + ", seed " + std::to_string(o.seed) + ": KL " + kls.back().dump());
    }
    const auto mean_of = [](const nlohmann::ordered_json& values) {
      double sum = 0.0;
      for (const double v : values) sum += v;
      return sum / static_cast<double>(values.size());
    };
    const double mean = mean_of(kls);
    double squares = 0.0;
    for (const double v : kls) squares += (v - mean) * (v - mean);
    const double n = static_cast<double>(kls.size());
    const double error = kls.size() < 2 ? 0.0 : std::sqrt(squares / (n - 1.0) / n);
    all.push_back({{"table", a.table},
                   {"arm", a.name},
                   {"kl", kls},
                   {"nll", nlls},
                   {"kl_mean", mean},
                   {"kl_standard_error", error},
                   {"baseline_kl", baseline["kl"]},
                   {"stored_bits", stored}});
    char line[512];
    std::snprintf(
        line, sizeof(line), "| %s | %s | %.4f ± %.4f | %zu | %.4f | %.4f | %.3f | %.3f |\n",
        a.table.c_str(), a.name.c_str(), mean, error, kls.size(), mean_of(nlls),
        baseline["kl"].get<double>(), stored["weight"].get<double>(), stored["kv"].get<double>());
    markdown += line;
    qat::io::write_text((fs::path(options.out) / "ablation.json").string(), all.dump(2) + "\n");
    qat::io::write_text((fs::path(options.out) / "ablation.md").string(), markdown);
  }
  std::cout << (options.json ? all.dump() + "\n" : markdown);
}

}  // namespace distill_llama
