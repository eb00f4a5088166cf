#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>

/// \file
/// What a test may depend on beyond its own source: data beside the checkout, and time.

#if !defined(QAT_TEST_DATA)
#define QAT_TEST_DATA ""
#endif

namespace qat::testing {

/// The path of a file below QAT_TEST_DATA, or nothing, after saying that the test case was skipped.
inline std::optional<std::string> data_file(const std::string& relative) {
  const std::string root = QAT_TEST_DATA;
  const std::string path = root + "/" + relative;
  if (!root.empty() && std::ifstream(path).good()) return path;
  MESSAGE("skipped: data file " << relative << " is absent below QAT_TEST_DATA");
  return std::nullopt;
}

/// Whether tests of minutes run too (tests/run --all); says that the test case was skipped if not.
inline bool long_tests_run() {
  const char* all = std::getenv("QAT_TEST_ALL");
  if (all != nullptr && std::string(all) == "1") return true;
  MESSAGE("skipped: long test; tests/run --all (QAT_TEST_ALL=1) runs it");
  return false;
}

}  // namespace qat::testing
