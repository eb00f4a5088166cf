#pragma once

#include <qat/config.hpp>

#include <stdexcept>
#include <string>

/// \file
/// What a caller of a public function gets for breaking one of its rules.

namespace qat {

/// A rule of a public function was broken by its caller: a shape, a range, an unavailable choice.
class ContractViolation : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

namespace detail {

/// Throws ContractViolation "function: expected rule; got values (file:line)".
[[noreturn]] inline void violate_contract(const char* function, const char* rule,
                                          const std::string& got, const char* file, int line) {
  throw ContractViolation(std::string(function) + ": expected " + rule + "; got " + got + " (" +
                          file + ":" + std::to_string(line) + ")");
}

}  // namespace detail
}  // namespace qat
