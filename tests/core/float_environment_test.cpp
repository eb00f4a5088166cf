#include <qat/core/float_environment.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

namespace {

#if defined(__SSE__)
using control_word = std::uint32_t;
control_word read_control() {
  return __builtin_ia32_stmxcsr();
}
void write_control(control_word word) {
  __builtin_ia32_ldmxcsr(word);
}
constexpr control_word flush_to_zero = 0x8000u;
constexpr control_word denormals_are_zero = 0x0040u;
constexpr control_word round_down = 0x2000u;
constexpr control_word round_up = 0x4000u;
constexpr control_word round_toward_zero = 0x6000u;
#else
using control_word = std::uint64_t;
control_word read_control() {
  control_word word = 0;
  asm volatile("mrs %0, fpcr" : "=r"(word));
  return word;
}
void write_control(control_word word) {
  asm volatile("msr fpcr, %0" : : "r"(word));
}
constexpr control_word flush_to_zero = control_word{1} << 24;
constexpr control_word denormals_are_zero = flush_to_zero;  // FZ does both
constexpr control_word round_up = control_word{1} << 22;
constexpr control_word round_down = control_word{2} << 22;
constexpr control_word round_toward_zero = control_word{3} << 22;
#endif

/// What the check says with `bit` set in the control register; empty if it does not throw. The register is restored.
std::string complaint(control_word bit) {
  const control_word before = read_control();
  write_control(before | bit);
  std::string text;
  try {
    qat::core::check_float_environment("train");
  } catch (const qat::ContractViolation& violation) {
    write_control(before);
    text = violation.what();
  }
  write_control(before);
  return text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("check_float_environment: accepts the default state and leaves it alone") {
  const control_word before = read_control();
  CHECK_NOTHROW(qat::core::check_float_environment("train"));
  CHECK(read_control() == before);
}

TEST_CASE("check_float_environment: refuses flushed denormals with a sentence") {
  for (control_word bit : {flush_to_zero, denormals_are_zero}) {
    const std::string text = complaint(bit);
    CAPTURE(text);
    CHECK(contains(text, "train: expected floats rounded to nearest and denormals kept; got "));
    CHECK(contains(text, "denormals flushed to zero"));
    CHECK(contains(text, "-ffast-math"));
  }
}

TEST_CASE("check_float_environment: refuses other rounding modes with a sentence") {
  for (control_word bit : {round_down, round_up, round_toward_zero}) {
    const std::string text = complaint(bit);
    CAPTURE(text);
    CHECK(contains(text, "train: expected floats rounded to nearest"));
    CHECK(contains(text, "another rounding mode"));
  }
}

TEST_CASE("check_float_environment: ignores exception flags and masks") {
#if defined(__SSE__)
  CHECK(complaint(0x003fu).empty());  // sticky flags of past exceptions
#else
  CHECK(complaint(control_word{1} << 25).empty());  // default NaN
#endif
}
