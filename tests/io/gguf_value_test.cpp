#include <qat/io/gguf_value.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include <tests/support/gguf_builder.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::ByteReader;
using qat::io::FormatError;
using qat::io::GgufMetadata;

namespace {

std::string value(std::uint32_t type, const std::string& bytes) {
  return bytes_of(type) + bytes;
}

std::string array(std::uint32_t type, std::uint64_t count, const std::string& bytes) {
  return value(9, bytes_of(type) + bytes_of(count) + bytes);
}

/// The metadata of one key k; the text must outlive it.
GgufMetadata metadata_of(const std::string& text) {
  ByteReader reader(as_bytes(text), "f");
  GgufMetadata metadata("f");
  CHECK(metadata.add("k", qat::io::read_gguf_value(reader)));
  CHECK(reader.left() == 0);
  return metadata;
}

}  // namespace

TEST_CASE("GgufMetadata: numbers of every type") {
  const auto number = [](const std::string& text) { return metadata_of(text).number("k"); };
  CHECK(number(value(0, bytes_of<std::uint8_t>(200))) == 200);
  CHECK(number(value(1, bytes_of<std::int8_t>(100))) == 100);
  CHECK(number(value(2, bytes_of<std::uint16_t>(60000))) == 60000);
  CHECK(number(value(3, bytes_of<std::int16_t>(30000))) == 30000);
  CHECK(number(value(4, bytes_of<std::uint32_t>(4000000000))) == 4000000000);
  CHECK(number(value(5, bytes_of<std::int32_t>(2000000000))) == 2000000000);
  CHECK(number(value(10, bytes_of<std::uint64_t>(1ull << 40))) == 1ull << 40);
  CHECK(number(value(11, bytes_of<std::int64_t>(1ll << 40))) == 1ull << 40);
  const std::string f32 = value(6, bytes_of(0.5f)), f64 = value(12, bytes_of(0.25));
  CHECK(metadata_of(f32).real("k") == 0.5f);
  CHECK(metadata_of(f64).real("k") == 0.25f);
  const std::string yes = value(7, bytes_of<std::uint8_t>(1));
  CHECK(metadata_of(yes).flag("k", false));
  CHECK(metadata_of(yes).flag("absent", true));
  CHECK(metadata_of(yes).number("absent", 7) == 7);
  CHECK(metadata_of(yes).real("absent", 0.5f) == 0.5f);
  CHECK(metadata_of(yes).text("absent", "x") == "x");
}

TEST_CASE("GgufMetadata: strings and arrays") {
  const std::string text = value(8, GgufBuilder::string("word"));
  CHECK(metadata_of(text).text("k", "") == "word");
  const std::string texts = array(8, 2, GgufBuilder::string("a") + GgufBuilder::string(""));
  CHECK(metadata_of(texts).texts("k") == std::vector<std::string>{"a", ""});
  const std::string floats = array(6, 2, bytes_of(1.0f) + bytes_of(2.0f));
  CHECK(metadata_of(floats).numbers<float>("k") == std::vector<float>{1.0f, 2.0f});
  const std::string none = array(5, 0, "");
  CHECK(metadata_of(none).numbers<std::int32_t>("k").empty());
}

TEST_CASE("GgufMetadata: values of another kind are refused with the key and the byte") {
  const auto complains = [](auto&& read, const char* message) {
    CHECK_THROWS_WITH_AS(static_cast<void>(read()), message, FormatError);
  };
  const std::string negative = value(5, bytes_of<std::int32_t>(-1));
  const std::string text = value(8, GgufBuilder::string("word"));
  const std::string floats = array(6, 1, bytes_of(1.0f));
  const GgufMetadata n = metadata_of(negative), t = metadata_of(text), f = metadata_of(floats);
  complains([&] { return n.number("k"); },
            "f at byte 4: expected a number of at least 0 as k; found -1");
  complains([&] { return n.real("k"); }, "f at byte 4: expected a real number as k; found i32");
  complains([&] { return n.flag("k", true); },
            "f at byte 4: expected true or false as k; found i32");
  complains([&] { return n.text("k", ""); }, "f at byte 4: expected a string as k; found i32");
  complains([&] { return t.number("k"); },
            "f at byte 4: expected a whole number as k; found string");
  complains([&] { return f.number("k"); }, "f at byte 16: expected one value as k; found an array");
  complains([&] { return f.texts("k"); },
            "f at byte 16: expected an array of string as k; found one of f32");
  complains([&] { return n.texts("k"); },
            "f at byte 4: expected an array of string as k; found a i32");
  complains([&] { return n.number("absent"); }, "f at byte 0: expected the key absent; found none");
}

TEST_CASE("read_gguf_value: what does not fit the file is refused before anything is allocated") {
  const auto refuses = [](const std::string& text, const char* why) {
    ByteReader reader(as_bytes(text), "f");
    CHECK_THROWS_WITH_AS(static_cast<void>(qat::io::read_gguf_value(reader)),
                         doctest::Contains(why), FormatError);
  };
  refuses(value(13, ""), "a type of value from 0 to 12; found 13");
  refuses(array(9, 1, ""), "numbers or strings in an array; found arrays");
  refuses(array(6, ~std::uint64_t{0}, ""), "bytes of a value; found 0 bytes");
  // 4 (2^62 + 1) is 4 in 64 bits.
  refuses(array(6, (std::uint64_t{1} << 62) + 1, "1234"), "bytes of a value; found 4 bytes");
  refuses(array(8, ~std::uint64_t{0}, GgufBuilder::string("a")), "a string");
  refuses(value(8, bytes_of(~std::uint64_t{0})), "a string of at most");
  refuses(value(4, "abc"), "4 bytes of a value; found 3 bytes");
}
