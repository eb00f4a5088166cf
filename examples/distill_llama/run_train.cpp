// The second stage: the student, with snapshots from which a killed run goes on to the same bytes.

#include <qat/distill/snapshot.hpp>
#include <qat/io/atomic_file.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>

#include "program.hpp"
#include "run.hpp"

namespace distill_llama {
namespace {

namespace distill = qat::distill;
namespace fs = std::filesystem;

std::string snapshot_name(std::uint64_t step) {
  char name[64];
  std::snprintf(name, sizeof(name), "train/step-%08llu.safetensors",
                static_cast<unsigned long long>(step));
  return name;
}

/// Snapshots in order of their steps.
std::vector<std::string> snapshots_in(const std::string& folder) {
  std::vector<std::string> found;
  if (!fs::exists(folder)) return found;
  for (const auto& file : fs::directory_iterator(folder)) {
    const std::string name = file.path().filename().string();
    if (name.starts_with("step-") && name.ends_with(".safetensors"))
      found.push_back(file.path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// What training knows beside its state.
struct Journal {
  std::string metrics;
  double best_kl = std::numeric_limits<double>::infinity();
  std::uint64_t best_step = 0;

  void add(const nlohmann::ordered_json& line) { metrics += line.dump() + "\n"; }
};

}  // namespace

std::string Run::last_snapshot() const {
  const auto all = snapshots_in(path("train"));
  return all.empty() ? "" : all.back();
}

std::uint64_t Run::last_step() const {
  const std::string last = last_snapshot();
  const std::size_t at = last.rfind("step-");
  return last.empty() ? 0 : std::stoull(last.substr(at + 5, 8));
}

distill::training_state Run::trained() const {
  const std::uint64_t step = last_step();
  if (step != options_.steps)
    throw UsageError(options_.out + ": training stands at step " + std::to_string(step) + " of " +
                     std::to_string(options_.steps) + "; run train first");
  return distill::load_snapshot(last_snapshot(), config());
}

float Run::measured_rate(const distill::sequences& data, const distill::trainer_options& t) {
  const distill::sequences some(
      data.begin(),
      data.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(data.size(), 8)));
  const auto rounded = scheme_->make(teacher_.numbers, executor_, tables_);
  const double divergence =
      qat::eval::mean_of(rounded->score(teacher_.states.get(), some, executor_, [](std::size_t) {
      })).kl;
  const std::uint64_t tokens =
      t.rate.steps * t.batch * t.accumulation * length_of(options_, config());
  return distill::suggested_rate(qat::llama::parameter_count(config()), tokens, divergence);
}

void Run::train() {
  if (last_step() == options_.steps) return;
  distill::trainer_options t = training_of(options_);
  const distill::sequences data = training_data();
  if (!options_.rate) t.rate.peak = measured_rate(data, t);
  const nlohmann::ordered_json facts = facts_of_training();
  distill::training_state state;
  Journal journal;
  if (const std::string last = last_snapshot(); !last.empty()) {
    const nlohmann::ordered_json saved = distill::snapshot_facts(last);
    if (saved.at("options") != facts)
      throw UsageError(last + ": was made with other options; give those, or another --out");
    state = distill::load_snapshot(last, config());
    journal.metrics = saved.at("metrics").get<std::string>();
    if (!saved.at("best_kl").is_null()) journal.best_kl = saved.at("best_kl").get<double>();
    journal.best_step = saved.at("best_step").get<std::uint64_t>();
    say("train: goes on behind step " + std::to_string(state.step));
  } else {
    state = distill::training_state(teacher_.numbers);
  }
  qat::io::write_text(path("metrics.jsonl"), journal.metrics);
  std::ofstream live(path("metrics.jsonl"), std::ios::app);
  const qat::eval::sequences validation = options_.validate_every == 0
                                              ? qat::eval::sequences{}
                                              : this->validation(options_.validation_limit);
  const auto add = [&](const nlohmann::ordered_json& line) {
    journal.add(line);
    live << line.dump() << "\n" << std::flush;
  };
  // Adds a line; KL.
  const auto validate = [&](std::uint64_t step, const AnyModel& student) {
    const auto score = qat::eval::mean_of(student.score(
        teacher_.states.get(), validation, executor_, [](std::size_t) { stop_if_interrupted(); }));
    add({{"step", step},
         {"validation_kl", score.kl},
         {"validation_perplexity", score.perplexity()}});
    return score.kl;
  };
  if (state.step == 0 && !validation.empty())
    static_cast<void>(validate(0, *scheme_->make(state.parameters, executor_, tables_)));
  const auto save = [&] {
    const nlohmann::ordered_json best =
        journal.best_step == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(journal.best_kl);
    const std::string name = path(snapshot_name(state.step));
    distill::save_snapshot(name, state,
                           {{"options", facts},
                            {"metrics", journal.metrics},
                            {"best_kl", best},
                            {"best_step", journal.best_step}});
    if (journal.best_step == state.step) {
      // A second name for the same file, put in the place of the old one at once.
      const std::string waiting = path("train/best.partial");
      fs::remove(waiting);
      fs::create_hard_link(name, waiting);
      fs::rename(waiting, path("train/best.safetensors"));
    }
    const auto all = snapshots_in(path("train"));
    for (std::size_t i = 0; i + std::max<std::size_t>(1, options_.keep) < all.size(); ++i)
      fs::remove(all[i]);
  };
  double begun = seconds();
  std::size_t tokens = 0;
  Progress progress("train", "steps", options_.steps, options_.quiet);
  try {
    scheme_->train(
        t, *teacher_.model, data, state, executor_, tables_,
        [&](const distill::step_report& report, const AnyModel& student) {
          tokens += report.tokens;
          add({{"step", report.step},
               {"loss", report.loss},
               {"rate", report.rate},
               {"gradient_norm", report.gradient_norm},
               {"tokens", report.tokens}});
          const bool last = report.step == options_.steps;
          bool best = false;
          if (!validation.empty() && (report.step % options_.validate_every == 0 || last)) {
            const double kl = validate(report.step, student);
            best = kl < journal.best_kl;
            if (best) {
              journal.best_kl = kl;
              journal.best_step = report.step;
            }
          }
          if (best || last ||
              (options_.save_every != 0 && report.step % options_.save_every == 0)) {
            save();
            const double took = seconds() - begun;
            time({{"stage", "train"},
                  {"step", report.step},
                  {"seconds", took},
                  {"tokens_per_second", static_cast<double>(tokens) / took}});
            begun = seconds();
            tokens = 0;
          }
          progress.show(report.step);
          if (interrupted() && !last) {
            save();
            throw Interrupted();
          }
        });
  } catch (const distill::Divergence& e) {
    const std::string last = last_snapshot();
    throw UsageError(std::string("training stopped at ") + e.what() +
                     "; the last good snapshot is " + (last.empty() ? "the teacher itself" : last) +
                     "; try a smaller --lr, or --clip 1");
  }
  say("train: " + std::to_string(state.step) + " steps");
}

}  // namespace distill_llama
