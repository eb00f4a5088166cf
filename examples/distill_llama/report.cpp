// What a run was like, on one page: report.html (nothing outside it is needed) and report.md.

#include <qat/io/atomic_file.hpp>
#include <qat/io/mapped_file.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <sstream>

#include "program.hpp"
#include "walk.hpp"

namespace distill_llama {
namespace {

using json = nlohmann::ordered_json;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 32 && c != '\n' ? ' ' : c;
    }
  return out;
}

std::string number(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

struct curve {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

/// Curves over steps, with a scale that begins at zero.
std::string drawing(const std::vector<curve>& curves, const std::string& unit) {
  constexpr double width = 640, height = 240, left = 56, bottom = 28, top = 12, right = 12;
  double most_x = 1.0, most_y = 0.0;
  for (const curve& c : curves)
    for (const auto& [x, y] : c.points) {
      most_x = std::max(most_x, x);
      if (std::isfinite(y)) most_y = std::max(most_y, y);
    }
  if (most_y == 0.0) most_y = 1.0;
  const auto at_x = [&](double x) { return left + (width - left - right) * x / most_x; };
  const auto at_y = [&](double y) {
    return height - bottom - (height - top - bottom) * y / most_y;
  };
  std::string svg =
      "<svg viewBox=\"0 0 640 240\" role=\"img\" aria-label=\"" + escaped(unit) + "\">";
  for (int i = 0; i <= 4; ++i) {
    const double y = most_y * i / 4;
    svg += "<line class=\"grid\" x1=\"" + number(left, 0) + "\" x2=\"" + number(width - right, 0) +
           "\" y1=\"" + number(at_y(y), 1) + "\" y2=\"" + number(at_y(y), 1) + "\"/><text x=\"" +
           number(left - 6, 0) + "\" y=\"" + number(at_y(y) + 4, 1) + "\" text-anchor=\"end\">" +
           number(y, most_y < 1 ? 3 : 2) + "</text>";
  }
  svg += "<text x=\"" + number(left, 0) + "\" y=\"" + number(height - 8, 0) +
         "\">step 0</text><text x=\"" + number(width - right, 0) + "\" y=\"" +
         number(height - 8, 0) + "\" text-anchor=\"end\">step " + number(most_x, 0) + "</text>";
  int which = 0;
  for (const curve& c : curves) {
    svg += "<polyline class=\"c" + std::to_string(which) + "\" points=\"";
    for (const auto& [x, y] : c.points)
      if (std::isfinite(y)) svg += number(at_x(x), 1) + "," + number(at_y(y), 1) + " ";
    svg += "\"/><text class=\"t" + std::to_string(which) + "\" x=\"" + number(left + 8, 0) +
           "\" y=\"" + number(height - bottom - 10 - 16 * which, 0) + "\">" + escaped(c.name) +
           "</text>";
    ++which;
  }
  return svg + "</svg>";
}

/// Bars of two errors for each layer.
std::string bars(const std::vector<std::pair<std::string, double>>& before,
                 const std::vector<std::pair<std::string, double>>& after) {
  double most = 1e-9;
  for (const auto& all : {before, after})
    for (const auto& [name, error] : all) most = std::max(most, error);
  const std::size_t count = std::min<std::size_t>(before.size(), 112);
  const double height = 18.0 * static_cast<double>(count) + 8;
  std::string svg = "<svg viewBox=\"0 0 640 " + number(height, 0) +
                    "\" role=\"img\" aria-label=\"quantization error of each layer\">";
  for (std::size_t i = 0; i < count; ++i) {
    const double y = 18.0 * static_cast<double>(i);
    std::string name = before[i].first;
    name = name.substr(std::string("model.layers.").size());
    name = name.substr(0, name.size() - std::string(".weight").size());
    svg += "<text x=\"170\" y=\"" + number(y + 13, 0) + "\" text-anchor=\"end\">" + escaped(name) +
           "</text><rect class=\"b0\" x=\"178\" y=\"" + number(y + 3, 0) +
           "\" height=\"6\" width=\"" + number(330 * before[i].second / most, 1) +
           "\"/><rect class=\"b1\" x=\"178\" y=\"" + number(y + 9, 0) + "\" height=\"6\" width=\"" +
           number(330 * after[i].second / most, 1) + "\"/><text x=\"" +
           number(184 + 330 * std::max(before[i].second, after[i].second) / most, 0) + "\" y=\"" +
           number(y + 13, 0) + "\">" + number(before[i].second, 3) + " / " +
           number(after[i].second, 3) + "</text>";
  }
  return svg + "</svg>";
}

std::vector<curve> curves_of(const std::string& metrics, const char* key, const char* name) {
  curve c{name, {}};
  std::istringstream lines(metrics);
  std::string line;
  while (std::getline(lines, line)) {
    const json j = json::parse(line, nullptr, false);
    if (j.is_object() && j.contains(key) && j[key].is_number())
      c.points.emplace_back(j["step"].get<double>(), j[key].get<double>());
  }
  return {c};
}

/// Tokens a second of the stages, as timing.jsonl has them last.
double speed_of(const std::string& timing, const std::string& stage) {
  double speed = 0.0;
  std::istringstream lines(timing);
  std::string line;
  while (std::getline(lines, line)) {
    const json j = json::parse(line, nullptr, false);
    if (j.is_object() && j.value("stage", "") == stage && j.contains("tokens_per_second"))
      speed = j["tokens_per_second"].get<double>();
  }
  return speed;
}

std::string continued(const Run& run, const AnyModel& model, const qat::io::Tokenizer& tokenizer,
                      const std::vector<std::int32_t>& prompt) {
  std::vector<std::int32_t> all = prompt;
  const std::vector<std::vector<std::int32_t>> prompts{prompt};
  model.generate(prompts,
                 {.choice = {.temperature = 0.8f},
                  .tokens = std::min<std::size_t>(run.options().length.value_or(96), 96),
                  .seed = 7},
                 run.executor(), [&](std::size_t, std::int32_t token) {
                   if (token == tokenizer.eos()) return false;
                   all.push_back(token);
                   return true;
                 });
  return tokenizer.decode(all);
}

constexpr const char* style = R"(
:root{color-scheme:light dark;--fg:#1b1b1f;--bg:#fff;--soft:#6b7280;--line:#e2e4e9;--a:#2563eb;--b:#d97706}
@media(prefers-color-scheme:dark){:root{--fg:#e8e8ea;--bg:#16171a;--soft:#9aa0aa;--line:#34363c;--a:#7aa7ff;--b:#f2b25c}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:940px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
td,th{padding:.3rem .5rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}td:first-child,th:first-child{text-align:left}
svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:var(--soft)}.grid{stroke:var(--line)}
polyline{fill:none;stroke-width:1.6}.c0,.b0{stroke:var(--a)}.c1{stroke:var(--b)}svg text.t0{fill:var(--a)}svg text.t1{fill:var(--b)}
rect.b0{fill:var(--a);stroke:none}rect.b1{fill:var(--b)}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:color-mix(in srgb,var(--line) 40%,transparent);padding:.6rem;border-radius:6px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:1rem}.scroll{overflow-x:auto}.soft{color:var(--soft)})";

}  // namespace

void write_report(Run& run) {
  namespace fs = std::filesystem;
  const auto file = [&](const char* name) {
    return fs::exists(run.path(name)) ? qat::io::read_text(run.path(name)) : std::string();
  };
  const std::string metrics = file("metrics.jsonl"), timing = file("timing.jsonl");
  const json result = json::parse(file("result.json"), nullptr, false);
  if (!result.is_object())
    throw UsageError(run.options().out + ": has no result.json; run the walk first");
  const std::string scheme(run.scheme().name);
  qat::distill::training_state state = run.trained();

  struct row {
    std::string name, key, stage;
  };
  const std::vector<row> rows{{"teacher", "teacher", "teacher"},
                              {"round-to-nearest w4a8kv4", "baseline_paper", "baseline w4a8kv4"},
                              {"round-to-nearest " + scheme, "baseline", "baseline " + scheme},
                              {"LLM-QAT " + scheme, "student", "student"}};
  std::string table =
      "<div class=\"scroll\"><table><tr><th></th><th>perplexity</th><th>KL (95 "
      "%)</th><th>top-1</th>"
      "<th>weight bits</th><th>KV bits</th><th>size</th><th>tokens/s</th></tr>";
  std::string markdown =
      "| | perplexity | KL (95 %) | top-1 | weight bits | KV bits | size | tokens/s |\n"
      "|---|---|---|---|---|---|---|---|\n";
  for (const row& r : rows) {
    const json& s = result[r.key];
    if (s.is_null() || (r.key == "baseline_paper" && scheme == "w4a8kv4")) continue;
    const std::vector<std::string> cells{number(s["perplexity"], 3),
                                         number(s["kl"], 4) + " ± " + number(s["kl_interval"], 4),
                                         number(s["top1_agreement"], 3),
                                         number(s["stored_bits"]["weight"], 3),
                                         number(s["stored_bits"]["kv"], 3),
                                         in_megabytes(s["bytes"].get<double>()),
                                         number(speed_of(timing, r.stage), 0)};
    table += "<tr><td>" + escaped(r.name) + "</td>";
    markdown += "| " + r.name + " |";
    for (const std::string& cell : cells) {
      table += "<td>" + escaped(cell) + "</td>";
      markdown += " " + cell + " |";
    }
    table += "</tr>";
    markdown += "\n";
  }
  table += "</table></div>";
  const std::string recovered =
      "Of what round-to-nearest in the same format loses, training recovered " +
      number(100.0 * result["recovered_kl"].get<double>(), 1) + " % of the KL divergence and " +
      number(100.0 * result["recovered_nll"].get<double>(), 1) +
      " % of the log-likelihood. KL is KL(teacher || student) in nats a token, with a 95 % "
      "interval "
      "over sequences; stored bits count scales.";

  const auto before = run.scheme().weight_errors(run.executor(), run.teacher().numbers);
  const auto after = run.scheme().weight_errors(run.executor(), state.parameters);
  const auto loss = curves_of(metrics, "loss", "training loss");
  const auto validation = curves_of(metrics, "validation_kl", "validation KL");

  const qat::io::Tokenizer& tokenizer = *run.teacher().tokenizer;
  const auto teacher = run.teacher().any();
  const auto rounded = run.scheme().make(run.teacher().numbers, run.executor(), run.tables());
  const auto student = run.scheme().make(state.parameters, run.executor(), run.tables());
  const qat::eval::sequences texts = run.validation(2);
  std::string samples, samples_markdown;
  for (std::vector<std::int32_t> prompt : texts) {
    prompt.resize(std::min<std::size_t>(prompt.size(), 16));
    samples += "<div class=\"pair\">";
    for (const auto& [name, model] : {std::pair("teacher", teacher.get()),
                                      {"round-to-nearest", rounded.get()},
                                      {"LLM-QAT", student.get()}}) {
      const std::string text = continued(run, *model, tokenizer, prompt);
      samples += std::string("<div><b>") + name + "</b><pre>" + escaped(text) + "</pre></div>";
      samples_markdown += std::string("**") + name + "**\n\n```\n" + text + "\n```\n\n";
    }
    samples += "</div>";
  }

  const std::string certificate = result["verify"].dump(2);
  const std::string options = file("run.json");
  const std::string build = program_version();
  std::string html =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>LLM-QAT " +
      escaped(scheme) + "</title><style>" + style + "</style></head><body><h1>LLM-QAT, " +
      escaped(scheme) + "</h1><p>" + escaped(recovered) + "</p>" + table +
      "<h2>Training loss</h2>" + drawing(loss, "training loss, nats a token");
  if (!validation[0].points.empty())
    html += "<h2>Validation</h2>" + drawing(validation, "KL on held-out text, nats a token");
  html +=
      "<h2>Relative quantization error of each layer</h2><p class=\"soft\">First bar: the "
      "teacher's weights rounded; second: the student's own. Training lowers the loss, not "
      "this error.</p>" +
      bars(before, after) +
      "<h2>Samples</h2><p class=\"soft\">The same beginning and the same "
      "random numbers, temperature 0.8.</p>" +
      samples;
  if (!result["verify"].is_null())
    html += "<h2>Certificate</h2><pre>" + escaped(certificate) + "</pre>";
  html += "<h2>Configuration</h2><pre>" + escaped(options) + "</pre><pre>" + escaped(build) +
          "</pre></body></html>\n";
  qat::io::write_text(run.path("report.html"), html);

  std::string errors = "| layer | round-to-nearest | LLM-QAT |\n|---|---|---|\n";
  for (std::size_t i = 0; i < before.size(); ++i)
    errors += "| " + before[i].first + " | " + number(before[i].second, 4) + " | " +
              number(after[i].second, 4) + " |\n";
  qat::io::write_text(run.path("report.md"), "# LLM-QAT, " + scheme + "\n\n" + recovered + "\n\n" +
                                                 markdown + "\n## Relative quantization error\n\n" +
                                                 errors + "\n## Samples\n\n" + samples_markdown +
                                                 "## Certificate\n\n```json\n" + certificate +
                                                 "\n```\n\n## Configuration\n\n```json\n" +
                                                 options + "```\n\n```\n" + build + "\n```\n");
}

}  // namespace distill_llama
