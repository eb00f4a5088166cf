#include <qat/llama/parameters.hpp>

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <type_traits>

using qat::llama::llama_config;
using qat::llama::llama_parameters;

namespace {

const llama_config tiny{.vocabulary = 11,
                        .hidden = 6,
                        .intermediate = 10,
                        .layers = 2,
                        .heads = 4,
                        .kv_heads = 2,
                        .head_size = 2,
                        .context = 16};

}  // namespace

TEST_CASE("llama_parameters: every number of the config has one place and one name") {
  for (const bool tied : {false, true})
    for (const bool bias : {false, true}) {
      llama_config config = tiny;
      config.tied_head = tied;
      config.attention_bias = bias;
      llama_parameters<float> parameters(config);
      std::set<std::string> names;
      std::size_t elements = 0;
      qat::llama::for_each_parameter(parameters, [&](const std::string& name, auto& tensor) {
        CHECK(names.insert(name).second);
        elements += tensor.size();
      });
      CHECK(elements == qat::llama::parameter_count(config));
      CHECK(names.size() == 1 + 2 * (bias ? 12 : 9) + (tied ? 1 : 2));
      CHECK(names.count("model.layers.1.mlp.down_proj.weight") == 1);
      CHECK((parameters.head_weight().data() == parameters.embedding.data()) == tied);
    }
}

TEST_CASE("llama_parameters: read-only visitors see the same tensors") {
  const llama_parameters<float> parameters(tiny);
  std::size_t count = 0;
  qat::llama::for_each_parameter(parameters, [&](const std::string&, const auto& tensor) {
    static_assert(std::is_const_v<std::remove_reference_t<decltype(tensor)>>);
    ++count;
  });
  CHECK(count == 21);
}
