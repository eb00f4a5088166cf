#include <qat/core/thread_executor.hpp>
#include <qat/distill/generate_data.hpp>

#include <doctest/doctest.h>

#include <set>
#include <utility>

#include <tests/support/llamas.hpp>

using namespace qat::distill;
using tokens = std::vector<std::int32_t>;

namespace {

const qat::llama::llama_config generating_llama{.vocabulary = 23,
                                                .hidden = 12,
                                                .intermediate = 16,
                                                .layers = 1,
                                                .heads = 2,
                                                .kv_heads = 1,
                                                .head_size = 6,
                                                .context = 24,
                                                .tied_head = true};

std::vector<tokens> written(const generation_options& options, std::size_t first, std::size_t batch,
                            qat::core::executor_reference executor = {}) {
  auto parameters = qat::testing::random_parameters(generating_llama);
  const qat::llama::Llama<qat::full_precision> model(parameters, executor);
  std::vector<tokens> all;
  generate_data(model, options, first, batch, executor,
                [&](std::size_t sample, const tokens& sequence) {
                  CHECK(sample == first + all.size());
                  all.push_back(sequence);
                });
  return all;
}

const generation_options hybrid{.samples = 30, .tokens = 12, .bos = 1, .eos = 2, .seed = 4};

}  // namespace

TEST_CASE("SampleBeginnings: each token once a round, 3 to 5 greedy ones, a stream of its own") {
  const SampleBeginnings begin(hybrid, 23);
  std::set<std::int32_t> starts;
  std::set<std::uint64_t> streams;
  for (std::size_t i = 0; i < 63; ++i) {
    const sample_beginning b = begin(i);
    REQUIRE(b.tokens.size() == 2);
    CHECK(b.tokens[0] == 1);
    CHECK(b.tokens[1] != 1);
    CHECK(b.tokens[1] != 2);
    CHECK(b.greedy >= 3);
    CHECK(b.greedy <= 5);
    if (i < 21) starts.insert(b.tokens[1]);
    CHECK(streams.insert(b.stream).second);
  }
  CHECK(starts.size() == 21);

  generation_options reference = hybrid;
  reference.reference_order = true;
  reference.bos.reset();
  const SampleBeginnings released(reference, 23);
  CHECK(released(0).tokens == tokens{0});
  CHECK(released(24).tokens == tokens{1});
  CHECK(released(0).greedy == 2);
  CHECK(released(23).greedy == 3);
  CHECK(released(46).greedy == 4);
}

TEST_CASE("generate_data: the same text for any batch, number of threads and place to go on from") {
  const auto one = written(hybrid, 0, 1);
  REQUIRE(one.size() == 30);
  qat::core::ThreadExecutor three(3);
  CHECK(written(hybrid, 0, 7) == one);
  CHECK(written(hybrid, 0, 100, three) == one);
  const auto rest = written(hybrid, 11, 4);
  CHECK(std::vector<tokens>(one.begin() + 11, one.end()) == rest);
  for (const tokens& s : one) {
    CHECK(s.size() <= 12);
    for (std::size_t i = 0; i + 1 < s.size(); ++i) CHECK(s[i] != 2);
  }
  generation_options other = hybrid;
  other.seed = 5;
  CHECK(written(other, 0, 7) != one);
}

TEST_CASE("generate_data: what is greedy and what is drawn") {
  auto parameters = qat::testing::random_parameters(generating_llama);
  const qat::llama::Llama<qat::full_precision> model(parameters, {});
  const auto greedy_behind = [&](const tokens& prompt) {
    std::int32_t token = -1;
    qat::llama::generate(model, std::span<const tokens>(&prompt, 1), {.tokens = prompt.size() + 1},
                         {}, [&](std::size_t, std::int32_t t) { return token = t, false; });
    return token;
  };
  const SampleBeginnings begin(hybrid, 23);
  generation_options top1 = hybrid;
  top1.strategy = data_strategy::top1;
  generation_options sampled = hybrid;
  sampled.strategy = data_strategy::sampled;
  const auto mixed = written(hybrid, 0, 8), best = written(top1, 0, 8),
             drawn = written(sampled, 0, 8);
  std::size_t differing = 0;
  for (std::size_t i = 0; i < 30; ++i) {
    for (std::size_t p = 2; p < mixed[i].size() && p < 2 + begin(i).greedy; ++p)
      CHECK(mixed[i][p] ==
            greedy_behind(tokens(mixed[i].begin(), mixed[i].begin() + static_cast<long>(p))));
    for (std::size_t p = 2; p < best[i].size(); ++p)
      CHECK(best[i][p] ==
            greedy_behind(tokens(best[i].begin(), best[i].begin() + static_cast<long>(p))));
    if (drawn[i] != best[i]) ++differing;
  }
  CHECK(differing > 20);
}

TEST_CASE("generate_data: refuses lengths that do not fit, and stops when told") {
  generation_options longer = hybrid;
  longer.tokens = 25;
  CHECK_THROWS_AS(written(longer, 0, 2), qat::ContractViolation);
  CHECK_THROWS_AS(written(hybrid, 0, 0), qat::ContractViolation);
  auto parameters = qat::testing::random_parameters(generating_llama);
  const qat::llama::Llama<qat::full_precision> model(parameters, {});
  CHECK_THROWS_AS(
      generate_data(model, hybrid, 0, 4, {},
                    [](std::size_t, const tokens&) { throw std::runtime_error("stop"); }),
      std::runtime_error);
}
