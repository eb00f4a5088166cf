#include <qat/kernels/float_panels.hpp>

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

TEST_CASE("float_panels: element (n k) lies where the layout says and what is behind N is zero") {
  for (const bool transposed : {false, true})
    for (const std::size_t rows : {1u, 31u, 32u, 33u, 70u}) {
      constexpr std::size_t depth = 19;
      std::vector<float> b(rows * depth);
      std::iota(b.begin(), b.end(), 1.0f);
      const auto view = transposed
                            ? qat::matrix_view<const float>(b.data(), rows, depth, 1,
                                                            static_cast<std::ptrdiff_t>(rows))
                            : qat::matrix_view<const float>(b.data(), rows, depth);
      std::vector<float> storage(qat::panel_elements(rows, depth) + 1, -7.0f);
      const auto panels = qat::pack_panels(qat::core::serial_executor{}, view, storage.data());
      CHECK(panels.rows == rows);
      CHECK(panels.depth == depth);
      CHECK(storage.back() == -7.0f);
      for (std::size_t n = 0; n < (rows + 31) / 32 * 32; ++n)
        for (std::size_t k = 0; k < depth; ++k)
          REQUIRE(storage[(n / 32 * depth + k) * 32 + n % 32] == (n < rows ? view(n, k) : 0.0f));
    }
}
