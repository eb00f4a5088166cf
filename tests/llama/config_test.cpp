#include <qat/llama/config.hpp>

#include <doctest/doctest.h>

#include <limits>

namespace {

qat::llama::llama_config stories260K() {
  return {.vocabulary = 512,
          .hidden = 64,
          .intermediate = 172,
          .layers = 5,
          .heads = 8,
          .kv_heads = 4,
          .head_size = 8,
          .context = 512,
          .tied_head = true,
          .bos = 1,
          .eos = 2};
}

}  // namespace

TEST_CASE("llama_config: parameters are counted as published") {
  CHECK(qat::llama::parameter_count(stories260K()) == 260032);
  qat::llama::llama_config llama2 = {.vocabulary = 32000,
                                     .hidden = 4096,
                                     .intermediate = 11008,
                                     .layers = 32,
                                     .heads = 32,
                                     .kv_heads = 32,
                                     .head_size = 128,
                                     .context = 4096};
  CHECK(qat::llama::parameter_count(llama2) == 6738415616);
}

TEST_CASE("llama_config: impossible numbers are refused before anything is allocated") {
  CHECK_NOTHROW(qat::llama::check_config(stories260K()));
  const auto refuses = [](auto&& change) {
    qat::llama::llama_config c = stories260K();
    change(c);
    CHECK_THROWS_AS(qat::llama::check_config(c), qat::ContractViolation);
  };
  refuses([](auto& c) { c.vocabulary = 0; });
  refuses([](auto& c) { c.hidden = std::numeric_limits<std::size_t>::max(); });
  refuses([](auto& c) { c.intermediate = 0; });
  refuses([](auto& c) { c.layers = 0; });
  refuses([](auto& c) { c.kv_heads = 3; });
  refuses([](auto& c) { c.kv_heads = 0; });
  refuses([](auto& c) { c.head_size = 7; });
  refuses([](auto& c) { c.heads = c.kv_heads = c.head_size = std::size_t{1} << 23; });
  refuses([](auto& c) { c.context = 0; });
  refuses([](auto& c) { c.rms_epsilon = 0.0f; });
  refuses([](auto& c) { c.rms_epsilon = std::numeric_limits<float>::quiet_NaN(); });
  refuses([](auto& c) { c.rope.theta = 0.0f; });
  refuses([](auto& c) { c.rope.factor = -1.0f; });
  refuses([](auto& c) { c.bos = 512; });
  refuses([](auto& c) { c.eos = -1; });
}
