#pragma once

#include <cstddef>
#include <cstdint>

/// \file
/// What fuzz targets share; with QAT_FUZZ_REPLAY a program that runs the files named as arguments once each.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace qat::testing {

/// Traps where a rule is broken.
inline void must(bool rule) {
  if (!rule) __builtin_trap();
}

}  // namespace qat::testing

#ifdef QAT_FUZZ_REPLAY
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::printf("cannot open %s\n", argv[i]);
      return 1;
    }
    const std::string input(std::istreambuf_iterator<char>(file), {});
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  }
  std::printf("%d inputs\n", argc - 1);
  return argc > 1 ? 0 : 1;
}
#endif
