#include <qat/io/gguf.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <tests/support/gguf_builder.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::FormatError;
using qat::io::GgufFile;

namespace {

/// Two tensors of a known type, one of an unknown between them.
GgufBuilder three_tensors() {
  GgufBuilder file;
  file.add_text("general.architecture", "llama");
  file.add_tensor("a", {2, 3}, 0, bytes_of(1.0f) + bytes_of(2.0f) + std::string(16, '\0'));
  file.add_tensor("k", {256}, 12, std::string(144, 'k'));
  file.add_tensor("b", {32, 1}, 8, bytes_of<std::uint16_t>(0x3c00) + std::string(32, '\x07'));
  return file;
}

void refuses(const GgufBuilder& file, const char* why) {
  const std::string bytes = file.bytes();
  CHECK_THROWS_WITH_AS(GgufFile(as_bytes(bytes), "file"), doctest::Contains(why), FormatError);
}

}  // namespace

TEST_CASE("GgufFile: tensors with their shapes the right way round") {
  for (const std::uint32_t version : {2u, 3u})
    for (const std::uint64_t alignment : {8u, 32u, 64u}) {
      GgufBuilder builder = three_tensors();
      if (alignment != 32) {
        builder = GgufBuilder{};
        builder.alignment = alignment;
        builder.add_u32("general.alignment", static_cast<std::uint32_t>(alignment));
        builder.add_tensor("a", {2, 3}, 0, bytes_of(1.0f) + bytes_of(2.0f) + std::string(16, '\0'));
        builder.add_tensor("k", {256}, 12, std::string(144, 'k'));
        builder.add_tensor("b", {32, 1}, 8,
                           bytes_of<std::uint16_t>(0x3c00) + std::string(32, '\x07'));
      }
      builder.version = version;
      const std::string bytes = builder.bytes();
      const GgufFile file(as_bytes(bytes), "file");
      REQUIRE(file.find("a") != nullptr);
      CHECK(qat::io::shape_of(*file.find("a")) == "3x2");
      std::vector<float> a(6), b(32);
      qat::io::decode(*file.find("a"), 0, a);
      CHECK(a == std::vector<float>{1.0f, 2.0f, 0.0f, 0.0f, 0.0f, 0.0f});
      qat::io::decode(*file.find("b"), 0, b);
      CHECK(b == std::vector<float>(32, 7.0f));
      CHECK(file.find("k")->type_name == "Q4_K");
      CHECK(file.find("k")->type == qat::io::tensor_type::other);
      CHECK(file.find("k")->bytes.size() >= 144);
      CHECK(file.find("c") == nullptr);
      CHECK(file.tensors().size() == 3);
    }
}

TEST_CASE("GgufFile: every prefix of a file is refused without a crash") {
  const std::string bytes = three_tensors().bytes();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const std::string part = bytes.substr(0, n);
    CHECK_THROWS_AS(GgufFile(as_bytes(part), "file"), FormatError);
  }
  CHECK_NOTHROW(GgufFile(as_bytes(bytes), "file"));
}

TEST_CASE("GgufFile: headers that lie are refused with the reason") {
  GgufBuilder file;
  file.version = 1;
  refuses(file, "file at byte 4: expected version 2 or 3; found 1");
  const std::string other = "GGML" + std::string(100, '\0');
  CHECK_THROWS_WITH_AS(GgufFile(as_bytes(other), "file"), doctest::Contains("\"GGUF\""),
                       FormatError);
  const std::string bomb =
      "GGUF" + bytes_of<std::uint32_t>(3) + bytes_of(~std::uint64_t{0}) + std::string(8, '\0');
  CHECK_THROWS_WITH_AS(GgufFile(as_bytes(bomb), "file"),
                       doctest::Contains("number of tensors up to 1048576"), FormatError);

  const auto with_tensor = [](const std::vector<std::uint64_t>& extents, std::uint32_t type,
                              std::uint64_t offset) {
    GgufBuilder builder;
    builder.add_tensor("a", {8}, 0, std::string(32, '\0'));
    builder.add_entry("t", extents, type, offset);
    return builder;
  };
  refuses(with_tensor({}, 0, 0), "1 to 4 extents of t; found 0");
  refuses(with_tensor({1, 1, 1, 1, 1}, 0, 0), "1 to 4 extents of t; found 5");
  refuses(with_tensor({33}, 8, 0), "rows of t in blocks of Q8_0; found 33");
  refuses(with_tensor({1ull << 40, 1ull << 40}, 8, 0), "rows of t in blocks of Q8_0");
  refuses(with_tensor({1ull << 40, 1ull << 20}, 0, 32), "bytes of t (F32 1048576x1099511627776)");
  refuses(with_tensor({1}, 0, 8), "a multiple of 32; found 8");
  refuses(with_tensor({1}, 0, 0), "an offset of");  // over a, whichever is sorted first
  refuses(with_tensor({1}, 0, 64), "to 32, a multiple of 32; found 64");
  refuses(with_tensor({1}, 0, 32), "4 bytes of t (F32 1); found 0");

  GgufBuilder twice;
  twice.add_u32("k", 1);
  twice.add_u32("k", 2);
  refuses(twice, "k twice");
  GgufBuilder aligned;
  aligned.add_u32("general.alignment", 12);
  refuses(aligned, "general.alignment of 8 to 2^20 in eights; found 12");
  GgufBuilder same = three_tensors();
  same.add_tensor("a", {1}, 0, std::string(4, '\0'));
  refuses(same, "a twice");
}
