#include <doctest/doctest.h>

#include "calls.hpp"

TEST_CASE("translation units: two with different instruction sets agree in one program") {
  CHECK(calls_of_first_unit() == calls_of_second_unit());
}
