#include <qat/io/safetensors.hpp>
#include <qat/io/safetensors_writer.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <tests/support/files.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::SafetensorsFile;
using qat::io::SafetensorsWriter;
using entries = std::vector<qat::io::safetensors_entry>;

TEST_CASE("SafetensorsWriter: what is written is read back") {
  const TemporaryFolder folder;
  const std::string path = folder / "model.safetensors";
  const std::array<float, 6> a{1.0f, -2.0f, 0.5f, 0.0f, 1e-30f, 3.0f};
  const std::array<std::int8_t, 3> codes{-7, 0, 7};
  {
    const entries all{{"b", "F32", {2, 3}}, {"a", "I8", {3}}, {"none", "F16", {0}}};
    SafetensorsWriter writer(path, all, {{"format", "pt"}});
    writer.append(std::span<const float>(a).first(2));
    writer.append(std::span<const float>(a).subspan(2));
    writer.append(std::span<const std::int8_t>(codes));
    CHECK(!std::filesystem::exists(path));
    writer.commit();
  }
  const SafetensorsFile file(path);
  CHECK(file.metadata().at("format") == "pt");
  CHECK(file.tensors().size() == 3);
  std::vector<float> b(6);
  qat::io::decode(*file.find("b"), 0, b);
  CHECK(std::equal(b.begin(), b.end(), a.begin()));
  CHECK(file.find("a")->type_name == "I8");
  CHECK(std::to_integer<int>(file.find("a")->bytes[2]) == 7);
  CHECK(qat::io::shape_of(*file.find("none")) == "0");
  // Headers of every length are padded to eights.
  for (std::size_t n = 1; n <= 8; ++n) {
    SafetensorsWriter writer(path, entries{{std::string(n, 'n'), "I8", {0}}}, {});
    writer.commit();
    CHECK(std::filesystem::file_size(path) % 8 == 0);
    CHECK(SafetensorsFile(path).tensors().size() == 1);
  }
}

TEST_CASE("SafetensorsWriter: entries and bytes must agree") {
  const TemporaryFolder folder;
  const std::string path = folder / "f";
  const std::array<float, 2> two{};
  const auto refuses = [&](const entries& all, std::size_t floats, const char* why) {
    CHECK_THROWS_WITH_AS(
        {
          SafetensorsWriter writer(path, all, {});
          writer.append(std::span<const float>(two).first(floats));
          writer.commit();
        },
        doctest::Contains(why), qat::ContractViolation);
    CHECK(!std::filesystem::exists(path));
    CHECK(!std::filesystem::exists(path + ".partial"));
  };
  refuses({{"a", "F32", {1}}}, 2, "8 bytes where 4 are left");
  refuses({{"a", "F32", {2}}}, 1, "4 bytes are missing");
  refuses({{"a", "F32", {1}}, {"a", "F32", {1}}}, 2, "two tensors named a");
  refuses({{"a", "F4", {1}}}, 1, "a of type F4");
  refuses({{"a", "F32", {std::uint64_t{1} << 60}}}, 1, "a of 4611686018427387904");
}

TEST_CASE("tensor_bytes: a tensor as the entry says, or a sentence") {
  const std::byte bytes[16] = {};
  std::map<std::string, qat::io::named_tensor> tensors;
  tensors["a"] = {.name = "a", .shape = {2, 2}, .bytes = bytes, .type_name = "I32"};
  CHECK(qat::io::tensor_bytes(tensors, "f", {"a", "I32", {2, 2}}).size() == 16);
  for (const qat::io::safetensors_entry& other : {qat::io::safetensors_entry{"b", "I32", {2, 2}},
                                                  qat::io::safetensors_entry{"a", "F32", {2, 2}},
                                                  qat::io::safetensors_entry{"a", "I32", {4}}})
    CHECK_THROWS_AS(static_cast<void>(qat::io::tensor_bytes(tensors, "f", other)),
                    qat::io::FormatError);
  tensors["a"].bytes = std::span(bytes).first(12);
  CHECK_THROWS_WITH_AS(static_cast<void>(qat::io::tensor_bytes(tensors, "f", {"a", "I32", {2, 2}})),
                       doctest::Contains("expected a of I32 2x2"), qat::io::FormatError);
}
