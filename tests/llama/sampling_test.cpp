#include <qat/llama/sampling.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using qat::llama::Sampler;

namespace {

/// How often each token is drawn by `draws` equally spaced random numbers: its probability, to within 1 / draws.
std::vector<double> frequencies(const qat::llama::sampling& choice,
                                const std::vector<float>& logits, std::uint32_t draws) {
  Sampler sampler(choice);
  std::vector<double> counts(logits.size());
  for (std::uint32_t i = 0; i < draws; ++i) {
    const std::int32_t token =
        sampler(logits, static_cast<std::uint32_t>((std::uint64_t{i} << 32) / draws));
    counts[static_cast<std::size_t>(token)] += 1.0 / draws;
  }
  return counts;
}

}  // namespace

TEST_CASE("sampling: greedy takes the largest logit and the first of equal ones") {
  CHECK(qat::llama::greedy_token(std::vector<float>{-3.0f, 1.0f, 1.0f, 0.5f}) == 1);
  Sampler sampler({});
  CHECK(sampler(std::vector<float>{-3.0f, 1.0f, 7.0f, 0.5f}, 0xffffffffu) == 2);
}

TEST_CASE("sampling: tokens come with the probabilities of the softmax at the temperature") {
  const std::vector<float> logits{0.0f, 1.0f, -1.0f, 2.0f};
  for (const float temperature : {0.5f, 1.0f, 2.0f}) {
    const auto found = frequencies({.temperature = temperature}, logits, 4096);
    double total = 0.0;
    for (const float z : logits) total += std::exp(double(z) / double(temperature));
    for (std::size_t i = 0; i < logits.size(); ++i)
      // Each end of a token's interval falls between two of the draws, the weights are floats.
      CHECK(std::abs(found[i] - std::exp(double(logits[i]) / double(temperature)) / total) <=
            2.0 / 4096 + 1e-6);
  }
}

TEST_CASE("sampling: top-k and top-p keep the head of the distribution") {
  const std::vector<float> logits{0.0f, 1.0f, -1.0f, 2.0f};
  const double e = std::exp(1.0);
  auto found = frequencies({.temperature = 1.0f, .top_k = 2}, logits, 4096);
  CHECK(found[0] == 0.0);
  CHECK(found[2] == 0.0);
  CHECK(std::abs(found[3] - e / (e + 1.0)) <= 2.0 / 4096 + 1e-6);
  // Probabilities .644 .237 .087 .032: half is reached by the first alone, .7 by two, .9 by three.
  found = frequencies({.temperature = 1.0f, .top_p = 0.5f}, logits, 64);
  CHECK(found[3] == 1.0);
  found = frequencies({.temperature = 1.0f, .top_p = 0.7f}, logits, 4096);
  CHECK(found[0] == 0.0);
  CHECK(found[1] > 0.25);
  found = frequencies({.temperature = 1.0f, .top_p = 0.9f}, logits, 4096);
  CHECK(found[0] > 0.08);
  CHECK(found[2] == 0.0);
  // top-p counts what top-k left: .731 of the two.
  found = frequencies({.temperature = 1.0f, .top_k = 2, .top_p = 0.73f}, logits, 64);
  CHECK(found[3] == 1.0);
}

TEST_CASE("sampling: what is kept is drawn in the order of the tokens") {
  // Weights .135 .368 .05 1: ranks 3 1 0 2. Sums over tokens 0 1 3: .135, .503, 1.503.
  const std::vector<float> logits{0.0f, 1.0f, -1.0f, 2.0f};
  const auto drawn = [&](const qat::llama::sampling& choice, double u) {
    return Sampler(choice)(logits, static_cast<std::uint32_t>(u * 0x1p32));
  };
  const qat::llama::sampling three{.temperature = 1.0f, .top_k = 3};
  CHECK(drawn(three, 0.08) == 0);
  CHECK(drawn(three, 0.10) == 1);
  CHECK(drawn(three, 0.33) == 1);
  CHECK(drawn(three, 0.34) == 3);
  CHECK(drawn({.temperature = 1.0f}, 0.08) == 0);
  CHECK(drawn({.temperature = 1.0f}, 0.34) == 2);
  CHECK(drawn({.temperature = 1.0f, .top_p = 0.95f}, 0.34) == 3);
  CHECK(drawn({.temperature = 1.0f, .top_k = 2}, 0.0) == 1);
}

TEST_CASE("sampling: of equal tokens the first are kept") {
  CHECK(frequencies({.temperature = 1.0f, .top_k = 2}, {1.0f, 2.0f, 1.0f, 1.0f}, 64)[0] > 0.0);
  CHECK(frequencies({.temperature = 1.0f, .top_k = 2}, {1.0f, 2.0f, 1.0f, 1.0f}, 64)[2] == 0.0);
}

TEST_CASE("sampling: a k beyond the vocabulary and one token change nothing") {
  CHECK(frequencies({.temperature = 1.0f, .top_k = 99}, {0.0f, 1.0f}, 512) ==
        frequencies({.temperature = 1.0f}, {0.0f, 1.0f}, 512));
  CHECK(frequencies({.temperature = 1.0f, .top_p = 0.1f}, {0.0f}, 3)[0] > 0.99);
}

TEST_CASE("sampling: what is not a distribution throws") {
  Sampler sampler({.temperature = 1.0f});
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(static_cast<void>(sampler(std::vector<float>{}, 0)), qat::ContractViolation);
  CHECK_THROWS_AS(static_cast<void>(sampler(std::vector<float>{0.0f, infinity}, 0)),
                  qat::ContractViolation);
  CHECK_THROWS_AS(static_cast<void>(sampler(std::vector<float>{0.0f, infinity - infinity}, 0)),
                  qat::ContractViolation);
  CHECK_THROWS_AS(Sampler({.temperature = -1.0f}), qat::ContractViolation);
  CHECK_THROWS_AS(Sampler({.top_p = 0.0f}), qat::ContractViolation);
  CHECK_THROWS_AS(Sampler({.temperature = infinity}), qat::ContractViolation);
}
