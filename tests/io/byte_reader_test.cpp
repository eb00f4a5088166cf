#include <qat/io/byte_reader.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include <tests/support/files.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::ByteReader;

TEST_CASE("ByteReader: reads what was written and knows where it is") {
  const std::string bytes =
      bytes_of<std::uint32_t>(7) + bytes_of(2.5f) + bytes_of<std::uint64_t>(3) + "abc";
  ByteReader reader(as_bytes(bytes), "f");
  CHECK(reader.read<std::uint32_t>("a") == 7);
  CHECK(reader.read<float>("b") == 2.5f);
  CHECK(reader.string<std::uint64_t>(3, "c") == "abc");
  CHECK(reader.position() == bytes.size());
  CHECK(reader.left() == 0);
}

TEST_CASE("ByteReader: never reads beyond the end and says what is missing and where") {
  const std::string bytes = bytes_of<std::uint64_t>(std::numeric_limits<std::uint64_t>::max());
  ByteReader reader(as_bytes(bytes), "dir/f");
  CHECK_THROWS_WITH_AS(static_cast<void>(reader.take(9, "a thing")),
                       "dir/f at byte 0: expected 9 bytes of a thing; found 8 bytes",
                       qat::io::FormatError);
  CHECK(reader.position() == 0);
  CHECK_THROWS_WITH_AS(static_cast<void>(reader.string<std::uint64_t>(100, "a name")),
                       doctest::Contains("a name of at most 100 bytes"), qat::io::FormatError);
  CHECK_THROWS_AS(static_cast<void>(reader.read<std::uint8_t>("more")), qat::io::FormatError);
}

TEST_CASE("saturating_product: exact where it fits and the largest number elsewhere") {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  CHECK(qat::io::saturating_product(3, 5) == 15);
  CHECK(qat::io::saturating_product(0, most) == 0);
  CHECK(qat::io::saturating_product(most, 1) == most);
  CHECK(qat::io::saturating_product(std::uint64_t{1} << 32, std::uint64_t{1} << 32) == most);
}
