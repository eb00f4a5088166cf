#include <qat/core/thread_executor.hpp>
#include <qat/llama/scheme_name.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <string>

#include <tests/support/files.hpp>
#include <tests/support/training.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

/// Bytes behind a key of /proc/self/status: "VmRSS:", or "VmHWM:", the most since forget_peak().
std::size_t memory_of(const std::string& key) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word)
    if (word == key) {
      std::size_t kilobytes = 0;
      status >> kilobytes;
      return 1024 * kilobytes;
    }
  return 0;
}

bool forget_peak() {
  std::ofstream refs("/proc/self/clear_refs");
  refs << 5 << std::flush;
  return refs.good();
}

template <class Scheme>
void check_memory() {
  const qat::llama::llama_config config{.vocabulary = 4096,
                                        .hidden = 128,
                                        .intermediate = 384,
                                        .layers = 3,
                                        .heads = 4,
                                        .kv_heads = 2,
                                        .head_size = 32,
                                        .context = 128,
                                        .tied_head = true};
  training_batch batch;
  for (std::uint64_t d = 0; d < 24; ++d) batch.add(random_tokens(d, 129, config.vocabulary));
  qat::core::ThreadExecutor threads(2);
  Trainee<Scheme> trainee(config, threads);
  qat::Arena plan;
  static_cast<void>(trainee.differentiate(plan, batch));
  REQUIRE(plan.high_water() > std::size_t{100} << 20);
  if (!forget_peak()) return;
  const std::size_t before = memory_of("VmRSS:");
  qat::Arena arena(plan.high_water());
  for (int i = 0; i < 2; ++i) static_cast<void>(trainee.step(arena, batch, 1e-3f));
  CHECK(arena.high_water() == plan.high_water());
  const std::size_t growth = memory_of("VmHWM:") - before;
  INFO(growth << " bytes of growth, " << plan.high_water() << " planned");
  CHECK(growth <= plan.high_water() / 20 * 21 + (std::size_t{32} << 20));
  CHECK(growth >= plan.high_water() / 10 * 9);  // the plan's memory was really used
}

}  // namespace

TEST_CASE("training: a step takes the memory that was planned and little more") {
  if (!runs_whole_models) return;
  SUBCASE("in full precision") {
    check_memory<qat::full_precision>();
  }
  SUBCASE("quantized") {
    check_memory<qat::named_scheme<4, 0, 8, 4, false, false>>();
  }
}
