#include <qat/distill/preset.hpp>

#include <doctest/doctest.h>

TEST_CASE("presets: what tells the released code, the paper, its mended form and our own apart") {
  using qat::distill::find_preset;
  REQUIRE(find_preset("llmqat-ref") != nullptr);
  CHECK(find_preset("llmqat-ref")->reference_quantizer);
  CHECK(find_preset("llmqat-ref")->top_k == 50);
  CHECK(!find_preset("llmqat-ref")->bos);
  CHECK(find_preset("llmqat-ref")->clip_per_token);
  CHECK(find_preset("llmqat-paper")->scheme == "w4a8kv4");
  CHECK(find_preset("llmqat-paper")->top_k == 0);
  CHECK(find_preset("llmqat-fix")->scheme == "w4a8kv4h");
  CHECK(find_preset("llmqat-fix")->clip == 0.0);
  CHECK(find_preset("llmqat-ref")->beta2 == 0.999f);
  CHECK(find_preset("llmqat-paper")->beta2 == 0.999f);
  CHECK(find_preset("llmqat-fix")->beta2 == 0.999f);
  CHECK(find_preset("llmqat-fix")->kv_gradient == qat::llama::kv_gradient::as_scheme);
  CHECK(find_preset("qat")->scheme == "w4a8kv4h");
  CHECK(find_preset("qat")->beta2 == 0.95f);
  CHECK(find_preset("qat")->kv_gradient == qat::llama::kv_gradient::through_scale);
  CHECK(find_preset("llmqat") == nullptr);
}
