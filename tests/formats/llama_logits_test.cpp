#include <qat/kernels/float_product.hpp>
#include <qat/llama/checkpoint.hpp>
#include <qat/llama/model.hpp>
#include <qat/llama/scheme_name.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <tests/support/golden.hpp>
#include <tests/support/hashed_llama.hpp>
#include <tests/support/inputs.hpp>
#include <tests/support/llamas.hpp>

/// \file
/// Logits of every variant of a config, in full precision and with quantized weights, against Hugging Face's transformers.

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::llama::llama_parameters;

namespace {

template <class T>
std::vector<T> numbers_of(const std::string& field) {
  std::istringstream in(field);
  std::vector<T> numbers;
  for (T n; in >> n;) numbers.push_back(n);
  return numbers;
}

/// The logits of some rows of hidden states.
template <class Scheme>
std::vector<float> logits_of(llama_parameters<float>& parameters,
                             const std::vector<std::int32_t>& tokens,
                             const std::vector<std::size_t>& rows) {
  const qat::llama::Llama<Scheme> model(parameters, {});
  const std::array<qat::document_rows, 1> whole{{{0, tokens.size()}}};
  const auto positions = positions_of(whole, tokens.size());
  const std::size_t vocabulary = parameters.config.vocabulary;
  std::vector<float> logits(rows.size() * vocabulary);
  run_planned<float>(qat::tape_mode::infer, [&](qat::Tape<float>& tape) {
    const auto hidden = model.forward(tape, {tokens, positions, whole});
    if (!tape.computes()) return;
    for (std::size_t i = 0; i < rows.size(); ++i)
      qat::float_product<float>(
          tape.executor(),
          qat::TensorView<const float>(hidden.value.rows_from(rows[i], 1)).matrix(),
          model.head(tape).panels, {logits.data() + i * vocabulary, 1, vocabulary});
  });
  return logits;
}

}  // namespace

TEST_CASE("Llama: logits of every variant of a config are those of transformers") {
  std::size_t compared = 0;
  for (const golden_line& line : golden_lines("llama_logits.txt")) {
    REQUIRE(line.size() == 6);
    const std::string name = line[0] + " " + line[1];
    CAPTURE(name);
    llama_parameters<float> parameters;
    if (line[0] == "tinystories656k") {
      const auto path = data_file("models/tinystories656k/model.safetensors");
      if (!path) continue;
      parameters = qat::llama::load_parameters(path->substr(0, path->rfind('/')));
    } else {
      const auto json = nlohmann::json::parse(line[2]);
      parameters =
          hashed_parameters(qat::llama::config_from_hugging_face(qat::io::JsonField(json, line[0])),
                            0x1p-13f);  // as make_llama_logits.py
    }
    const auto prompt = numbers_of<std::int32_t>(line[3]);
    const auto positions = numbers_of<std::size_t>(line[4]);
    const auto expected = floats_of(line[5]);
    const auto logits =
        line[1] == "w16a16kv16"  ? logits_of<qat::full_precision>(parameters, prompt, positions)
        : line[1] == "w4a16kv16" ? logits_of<qat::named_scheme<4, 0, 16, 16, false, false>>(
                                       parameters, prompt, positions)
                                 : logits_of<qat::named_scheme<4, 16, 16, 16, false, false>>(
                                       parameters, prompt, positions);
    REQUIRE(logits.size() == expected.size());
    float most = 0.0f, difference = 0.0f;
    bool finite = true;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      most = std::max(most, std::abs(expected[i]));
      difference = std::max(difference, std::abs(logits[i] - expected[i]));
      finite = finite && std::isfinite(logits[i]);  // a maximum passes over NaN
    }
    CHECK(finite);
    CHECK(difference <= 2e-5f * most);
    ++compared;
  }
  CHECK(compared >= 24);
}
