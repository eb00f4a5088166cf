#include <all_headers.hpp>

#include "calls.hpp"

namespace {
#include "calls.inc"
}  // namespace

std::uint64_t calls_of_first_unit() {
  return all_calls();
}
