#include <qat/io/hugging_face.hpp>

#include <doctest/doctest.h>

#include <string>

#include <tests/support/files.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::FileError;
using qat::io::FormatError;
using qat::io::HuggingFaceFolder;

namespace {

std::string one_tensor(const std::string& name) {
  const std::string header =
      "{\"" + name + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  return bytes_of<std::uint64_t>(header.size()) + header + bytes_of(1.0f);
}

}  // namespace

TEST_CASE("HuggingFaceFolder: one file or the shards of an index") {
  const TemporaryFolder folder;
  write_file(folder / "config.json", R"({"model_type":"llama"})");
  write_file(folder / "one.safetensors", one_tensor("a"));
  write_file(folder / "two.safetensors", one_tensor("b"));
  write_file(folder / "model.safetensors.index.json",
             R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  const HuggingFaceFolder sharded(folder.path());
  CHECK(sharded.config()["model_type"].text() == "llama");
  CHECK(sharded.tensors().size() == 2);
  CHECK(sharded.find("b") != nullptr);
  write_file(folder / "model.safetensors", one_tensor("c"));
  CHECK(HuggingFaceFolder(folder.path()).tensors().count("c") == 1);
}

TEST_CASE("HuggingFaceFolder: what is missing is said in one sentence that helps") {
  const TemporaryFolder folder;
  const auto complains = [&](const char* what) {
    CHECK_THROWS_WITH_AS(HuggingFaceFolder(folder.path()), doctest::Contains(what), FileError);
  };
  CHECK_THROWS_WITH_AS(HuggingFaceFolder(folder / "nowhere"), doctest::Contains("is not a folder"),
                       FileError);
  complains("has no config.json");
  write_file(folder / "config.json", "{}");
  complains("has no model.safetensors");
  write_file(folder / "model.safetensors.index.json", R"({"weight_map":{"a":"gone.safetensors"}})");
  complains("gone.safetensors: is missing");
  for (const char* bad :
       {R"({"weight_map":{"a":"../x"}})", R"({"weight_map":{"a":1}})", "[]", "{"}) {
    write_file(folder / "model.safetensors.index.json", bad);
    CHECK_THROWS_AS(HuggingFaceFolder(folder.path()), FormatError);
  }
  write_file(folder / "model.safetensors.index.json",
             R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  write_file(folder / "one.safetensors", one_tensor("a"));
  write_file(folder / "two.safetensors", one_tensor("a"));
  CHECK_THROWS_WITH_AS(HuggingFaceFolder(folder.path()), doctest::Contains("a in two"),
                       FormatError);
}
