#include <qat/policy/scale_application.hpp>

#include <doctest/doctest.h>

TEST_CASE("reciprocal: multiplies by one over the scale where divide divides") {
  // 41 * fl(1/41) is not 1 in fp32, so the two are different definitions.
  const float operand = qat::reciprocal::units_operand(41.0f);
  CHECK(operand == 1.0f / 41.0f);
  CHECK(qat::reciprocal::to_units(41.0f, operand) == 41.0f * operand);
  CHECK(qat::reciprocal::to_units(41.0f, operand) != 1.0f);
  CHECK(qat::divide::to_units(41.0f, qat::divide::units_operand(41.0f)) == 1.0f);
}

TEST_CASE("scale application: values are level times scale but for the reference") {
  CHECK(qat::reciprocal::to_value(-3.0f, qat::reciprocal::value_operand(0.5f)) == -1.5f);
  CHECK(qat::divide::to_value(-3.0f, qat::divide::value_operand(0.5f)) == -1.5f);
  CHECK(qat::llmqat_reference::to_value(3.0f, qat::llmqat_reference::value_operand(2.0f)) ==
        3.0f / (2.0f + 1e-6f));
  CHECK(qat::reciprocal::value_is_product);
  CHECK(!qat::llmqat_reference::value_is_product);
}

TEST_CASE("llmqat_reference: the multiplier of an all-zero group is qmax million") {
  CHECK(qat::llmqat_reference::multiplier(0.0f, 7) == (1.0f / 1e-6f) * 7.0f);
}
