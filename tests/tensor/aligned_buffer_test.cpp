#include <qat/tensor/aligned_buffer.hpp>

#include <doctest/doctest.h>

#include <cstdint>

TEST_CASE("AlignedBuffer: begins on a cache line") {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{1000}}) {
    const qat::AlignedBuffer buffer = qat::make_aligned_buffer(bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.get()) % qat::buffer_alignment == 0);
  }
}
