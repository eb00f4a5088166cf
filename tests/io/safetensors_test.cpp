#include <qat/io/safetensors.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <tests/support/files.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::FormatError;
using qat::io::SafetensorsFile;

namespace {

std::string file_of(const std::string& header, const std::string& data) {
  return bytes_of<std::uint64_t>(header.size()) + header + data;
}

void refuses(const std::string& bytes, const char* why) {
  INFO(bytes.substr(8));
  CHECK_THROWS_WITH_AS(SafetensorsFile(as_bytes(bytes), "file"), doctest::Contains(why),
                       FormatError);
}

}  // namespace

TEST_CASE("safetensors: tensors and metadata of a file") {
  const std::string bytes = file_of(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[2,10]},)"
      R"("a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},"c":{"dtype":"F8_E4M3","shape":[1],)"
      R"("data_offsets":[10,11]}})",
      bytes_of<std::uint16_t>(0x3f80) + bytes_of(2.0f) + bytes_of(3.0f) + "x");
  const SafetensorsFile file(as_bytes(bytes), "file");
  CHECK(file.tensors().size() == 3);
  CHECK(file.metadata().at("format") == "pt");
  REQUIRE(file.find("b") != nullptr);
  CHECK(qat::io::shape_of(*file.find("b")) == "2x1");
  std::vector<float> b(2), a(1);
  qat::io::decode(*file.find("b"), 0, b);
  qat::io::decode(*file.find("a"), 0, a);
  CHECK(b == std::vector<float>{2.0f, 3.0f});
  CHECK(a == std::vector<float>{1.0f});
  CHECK(file.find("c")->type == qat::io::tensor_type::other);
  CHECK(file.find("d") == nullptr);
}

TEST_CASE("safetensors: every prefix of a file is refused without a crash") {
  const std::string bytes =
      file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", bytes_of(1.0f));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const std::string part = bytes.substr(0, n);
    CHECK_THROWS_AS(SafetensorsFile(as_bytes(part), "file"), FormatError);
  }
  CHECK_NOTHROW(SafetensorsFile(as_bytes(bytes), "file"));
}

TEST_CASE("safetensors: headers that lie are refused with the reason") {
  const auto tensor = [](const std::string& rest) {
    return file_of("{\"a\":{" + rest + "}}", "1234");
  };
  refuses(bytes_of(~std::uint64_t{0}) + "{}", "at most 100000000");
  refuses(bytes_of<std::uint64_t>(1000) + "{}", "1000 bytes of the header");
  refuses(file_of("[]", ""), "an object");
  refuses(file_of("{", ""), "JSON");
  refuses(file_of(R"({"a":1})", ""), "an object at [\"a\"]; found 1");
  refuses(tensor(R"("dtype":1,"shape":[1],"data_offsets":[0,4])"),
          "a text at [\"a\"].dtype; found 1");
  refuses(tensor(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"),
          "at [\"a\"].shape[0]; found -1");
  refuses(tensor(R"("dtype":"F32","shape":[1.5],"data_offsets":[0,4])"),
          "at [\"a\"].shape[0]; found 1.5");
  refuses(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
          "the bytes of F32 2 at [\"a\"]; found 4");
  refuses(tensor(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4])"),
          "the bytes of F32 4294967296x4294967296");
  refuses(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"),
          "from 0 to 0 at [\"a\"].data_offsets[0]");
  refuses(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[1,5])"),
          "from 0 to 4 at [\"a\"].data_offsets[1]; found 5");
  refuses(tensor(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4])"), "8 extents");
  refuses(tensor(R"("dtype":"F16","shape":[1],"data_offsets":[0,2])"), "up to 2");
  refuses(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                  R"("b":{"dtype":"F16","shape":[1],"data_offsets":[2,4]}})",
                  "1234"),
          "a tensor at 4");
  refuses(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                  R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                  "1234"),
          "the key a twice");
  refuses(file_of(std::string(200, '[') + std::string(200, ']'), ""), "64 levels");
  refuses(file_of(R"({"__metadata__":{"x":1}})", ""),
          "a text at [\"__metadata__\"][\"x\"]; found 1");
}
