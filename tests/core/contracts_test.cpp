#include <qat/core/contracts.hpp>

#include <doctest/doctest.h>

#include <string>

namespace {

void takes_positive(int x) {
  QAT_EXPECTS(x > 0, std::to_string(x));
}

}  // namespace

TEST_CASE("contracts: a broken rule throws with function and rule and values and place") {
  takes_positive(1);
  try {
    takes_positive(-3);
    FAIL("accepted -3");
  } catch (const qat::ContractViolation& violation) {
    const std::string text = violation.what();
    CHECK(text.find("takes_positive: expected x > 0; got -3 (") == 0);
    CHECK(text.find("contracts_test.cpp:") != std::string::npos);
  }
}
