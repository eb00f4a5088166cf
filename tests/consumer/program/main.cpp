#include <cstdio>

#include "levels.hpp"

int main() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    std::puts("skipped: hardware without AVX2 and FMA");
    return 77;
  }
#endif
  const std::size_t rows = 3;
  const std::size_t cols = 67;
  std::vector<float> x(rows * cols);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 37) % 101) - 50.25f;

  const std::vector<float> first = levels_of_first_unit(x, rows, cols);
  const std::vector<float> second = levels_of_second_unit(x, rows, cols);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (first[i] != second[i]) {
      std::printf("element %zu: %.9g in the first unit, %.9g in the second\n", i,
                  static_cast<double>(first[i]), static_cast<double>(second[i]));
      return 1;
    }
    changed += first[i] != x[i] ? 1u : 0u;
  }
  if (changed < x.size() / 2) {
    std::puts("the levels are the input: nothing was quantized");
    return 1;
  }
  std::puts("both units give the same levels");
  return 0;
}
