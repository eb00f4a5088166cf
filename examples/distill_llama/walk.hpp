#pragma once

#include <qat/distill/verify.hpp>
#include <qat/eval/score.hpp>

#include <string>
#include <vector>

#include "run.hpp"

#include <nlohmann/json.hpp>

/// \file
/// The stages behind training, and all of them in order.

namespace distill_llama {

/// A mean over sequences with half of its 95 % confidence interval.
struct interval {
  double mean = 0.0;
  double half_width = 0.0;
};

/// KL a token; sequences are the independent draws.
///
///   half width = 1.96 sqrt(sum_i (kl_i - mean n_i)^2) / sum_i n_i
[[nodiscard]] interval kl_interval(const std::vector<qat::eval::sequence_score>& scores);

/// {nll, perplexity, kl, kl_interval, top1_agreement, stored_bits: {weight, kv}, bytes} of round-to-nearest in a scheme.
[[nodiscard]] nlohmann::ordered_json score_baseline(Run& run, const std::string& scheme,
                                                    const qat::eval::sequences& all);

/// Teacher, baselines and student compared; result.json.
[[nodiscard]] nlohmann::ordered_json compare(Run& run);

/// Compares an export with the run's student on some text; what certificate.json holds.
[[nodiscard]] nlohmann::ordered_json verify_export(Run& run, const std::string& exported,
                                                   const qat::eval::sequences& texts);

/// The whole walk; prints the result.
void walk(const run_options& options, qat::core::executor_reference executor);

/// report.html and report.md from the files of a run.
void write_report(Run& run);

/// What a run would take, stage by stage.
///
/// Throws  UsageError for what cannot fit, unless --force.
void plan(const run_options& options, qat::core::executor_reference executor);

/// The arms of the paper's ablations, `seeds` times each.
void ablate(const run_options& options, std::size_t seeds, const std::vector<std::string>& only,
            qat::core::executor_reference executor);

}  // namespace distill_llama
