#include <qat/llama/checkpoint.hpp>
#include <qat/llama/save_checkpoint.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include <tests/support/files.hpp>
#include <tests/support/llamas.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::llama::checkpoint_type;
using qat::llama::llama_config;
using qat::llama::llama_parameters;
using qat::llama::load_parameters;
using qat::llama::save_hugging_face;

TEST_CASE("save_hugging_face: what is saved is loaded again") {
  const TemporaryFolder folder;
  llama_config tied = tiny_llama;
  tied.attention_bias = false;
  tied.tied_head = true;
  tied.bos = 1;
  for (const llama_config& config : {tiny_llama, tied}) {
    const llama_parameters<float> parameters = random_parameters(config);
    for (const checkpoint_type type : {checkpoint_type::f32, checkpoint_type::bf16}) {
      const std::string path = folder / "deep/folder";
      save_hugging_face(parameters, path, type, "{\"a tokenizer\": 1}\n");
      CHECK(qat::io::read_text(path + "/tokenizer.json") == "{\"a tokenizer\": 1}\n");
      const llama_parameters<float> loaded = load_parameters(path);
      CHECK(loaded.config == config);
      qat::llama::for_each_parameter(
          parameters,
          [&](const std::string& name, const auto& saved, const auto& read) {
            INFO(name);
            REQUIRE(saved.shape() == read.shape());
            bool equal = true;
            for (std::size_t i = 0; i < saved.size(); ++i) {
              const float x = saved.data()[i];
              const float expected =
                  type == checkpoint_type::f32
                      ? x
                      : qat::core::float_from_bf16(qat::core::bf16_from_float(x));
              equal = equal && read.data()[i] == expected;
            }
            CHECK(equal);
          },
          loaded);
    }
  }
}

TEST_CASE("save_hugging_face: a folder that cannot be made is an error") {
  const TemporaryFolder folder;
  write_file(folder / "file", "");
  CHECK_THROWS_AS(save_hugging_face(random_parameters(tiny_llama), folder / "file/folder"),
                  qat::io::FileError);
}
