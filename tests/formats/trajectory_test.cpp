#include <qat/distill/trainer.hpp>
#include <qat/llama/scheme_name.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <tests/support/golden.hpp>
#include <tests/support/hashed_llama.hpp>

/// \file
/// Three steps of distillation against torch: losses, gradient norms, rates, weights and moments, each within a bound that
/// tests/golden/make_trajectory.py derives for it. The bound follows every rounding of a layer, forward and backward, through
/// the three steps to first order, AdamW's division by the size of a gradient included; the script refuses numbers for which
/// that is not enough.

using namespace qat::distill;
using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

/// The weights of make_trajectory.py; `outliers` in every 37th element of a layer.
qat::llama::llama_parameters<float> parameters_of(const qat::llama::llama_config& config,
                                                  bool outliers) {
  auto parameters = hashed_parameters(config, 0x1p-12f);
  std::uint32_t index = 0;
  qat::llama::for_each_parameter(parameters, [&](const std::string& name, qat::Tensor<float>& t) {
    ++index;
    if (!outliers || !name.ends_with("_proj.weight")) return;
    for (std::size_t i = 5; i < t.size(); i += 37) {
      const float n = hashed_integer(index, i);
      t.data()[i] = std::copysign(1.5f + std::abs(n) * 0x1p-11f, n);
    }
  });
  return parameters;
}

sequences hashed_text() {
  constexpr std::array<std::uint32_t, 6> lengths{7, 10, 5, 9, 8, 6};
  sequences text(lengths.size());
  for (std::uint32_t s = 0; s < lengths.size(); ++s)
    for (std::uint32_t i = 0; i < lengths[s]; ++i)
      text[s].push_back(static_cast<std::int32_t>(mixed((s << 20) + (1u << 18) + i) % 29));
  return text;
}

/// What the table has of a step.
struct step_sample {
  std::map<std::string, std::vector<double>> numbers;

  step_sample(const step_report& report, const training_state& state) {
    numbers["loss"] = {report.loss};
    numbers["norm"] = {report.gradient_norm};
    numbers["rate"] = {double(report.rate)};
    std::uint32_t index = 0;
    qat::llama::for_each_parameter(
        state.parameters,
        [&](const std::string&, const qat::Tensor<float>& w,
            const qat::nn::adamw_state<float>& moments) {
          ++index;
          for (std::uint32_t j = 0; j < 3; ++j) {
            const std::size_t at = mixed((index << 20) + (1u << 16) + j) % w.size();
            numbers["parameters"].push_back(double(w.data()[at]));
            numbers["first"].push_back(double(moments.first.data()[at]));
            numbers["second"].push_back(double(moments.second.data()[at]));
          }
        },
        state.moments);
  }
};

/// Compares with the lines of a case and step.
void check_step(const std::string& name, std::uint64_t step, const step_sample& found) {
  std::size_t compared = 0;
  for (const golden_line& line : golden_lines("trajectory.txt")) {
    REQUIRE(line.size() == 5);
    if (line[0] != name || line[1] != std::to_string(step)) continue;
    const std::vector<double>& numbers = found.numbers.at(line[2]);
    const std::vector<float> values = floats_of(line[3]), bounds = floats_of(line[4]);
    REQUIRE(values.size() == numbers.size());
    REQUIRE(bounds.size() == numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      CAPTURE(step);
      CAPTURE(line[2]);
      CAPTURE(i);
      CAPTURE(numbers[i]);
      CAPTURE(values[i]);
      CAPTURE(bounds[i]);
      CHECK(std::abs(numbers[i] - double(values[i])) <= double(bounds[i]));
    }
    ++compared;
  }
  CHECK(compared == found.numbers.size());
}

/// Trains as the case of that name.
template <class Weight>
void check_trajectory(const std::string& name, const trainer_options& options, bool tied,
                      bool outliers) {
  const auto initial = parameters_of({.vocabulary = 29,
                                      .hidden = 16,
                                      .intermediate = 24,
                                      .layers = 2,
                                      .heads = 4,
                                      .kv_heads = 2,
                                      .head_size = 4,
                                      .context = 16,
                                      .rms_epsilon = 1e-5f,
                                      .tied_head = tied},
                                     outliers);
  auto teacher_numbers = initial;
  const qat::llama::Llama<qat::full_precision> teacher(teacher_numbers, {});
  training_state state(initial);
  const sequences text = hashed_text();
  Trainer<qat::scheme<Weight, qat::not_quantized, qat::not_quantized>> trainer(options, teacher,
                                                                               text, state, {});
  for (int i = 0; i < 3; ++i) {
    const step_report report = trainer.step();
    check_step(name, report.step, {report, state});
  }
}

}  // namespace

TEST_CASE("torch: three steps on a cosine with clipped gradients and decay of weights") {
  check_trajectory<qat::Quantizer<qat::bits<4>, qat::per_channel>>(
      "cosine",
      {.rate = {.peak = 1e-3f, .steps = 4},
       .adamw = {.epsilon = 0x1p-8f, .weight_decay = 0.1f},
       .clip = 0.125,
       .batch = 3,
       .shuffle = false},
      false, false);
}

TEST_CASE("torch: three steps of a warm-up in parts with the mask of the released code") {
  check_trajectory<qat::Quantizer<qat::bits<4>, qat::per_channel, qat::fixed_mask<-2, 2>>>(
      "warm_up",
      {.rate = {.peak = 5e-4f, .steps = 5, .warm_up = 2},
       .adamw = {.epsilon = 0x1p-6f, .weight_decay = 0.1f},
       .batch = 2,
       .accumulation = 2,
       .shuffle = false},
      true, true);
}
