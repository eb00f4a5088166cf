#pragma once

#include <cstddef>
#include <cstdint>

/// \file
/// What fuzz targets share; with QAT_FUZZ_REPLAY a program that runs the files named as arguments, and inputs made from them.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace qat::testing {

/// Traps where a rule is broken.
inline void must(bool rule) {
  if (!rule) __builtin_trap();
}

}  // namespace qat::testing

#ifdef QAT_FUZZ_REPLAY
#include <qat/core/philox.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

namespace qat::testing {

/// A copy of `input` with one to four bytes, ranges or numbers changed; the same for the same (stream, index).
inline std::string mutated(std::string input, std::uint64_t stream, std::uint64_t index) {
  std::uint64_t draws = 64 * index;
  const auto below = [&](std::size_t n) {
    return static_cast<std::size_t>(core::random_bits(7, stream, draws++)) %
           std::max(n, std::size_t{1});
  };
  for (std::size_t edits = 1 + below(4); edits > 0 && !input.empty(); --edits) {
    const std::size_t at = below(input.size());
    const std::size_t length = 1 + below(std::min<std::size_t>(input.size() - at, 16));
    switch (below(5)) {
      case 0:
        input[at] = static_cast<char>(below(256));
        break;
      case 1:
        input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 2:
        input.erase(at, length);
        break;
      case 3:
        input.insert(at, input.substr(at, length));
        break;
      default: {  // a number that is often a limit
        constexpr char fills[] = {'\0', '\x7f', '\x80', '\xff'};
        std::fill_n(input.begin() + static_cast<std::ptrdiff_t>(at), length, fills[below(4)]);
      }
    }
  }
  return input;
}

}  // namespace qat::testing

/// Runs every file, and 60 inputs made from it.
int main(int argc, char** argv) {
  const auto run = [](const std::string& input) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  };
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::printf("cannot open %s\n", argv[i]);
      return 1;
    }
    const std::string input(std::istreambuf_iterator<char>(file), {});
    run(input);
    for (std::uint64_t n = 0; n < 60; ++n)
      run(qat::testing::mutated(input, static_cast<std::uint64_t>(i), n));
  }
  std::printf("%d files\n", argc - 1);
  return argc > 1 ? 0 : 1;
}
#endif
