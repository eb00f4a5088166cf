#include <qat/io/tokenizer_json.hpp>
#include <qat/io/tokenizer_llama2c.hpp>
#include <qat/llama/checkpoint.hpp>
#include <qat/llama/generate.hpp>
#include <qat/llama/scheme_name.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <tests/support/files.hpp>
#include <tests/support/inputs.hpp>
#include <tests/support/llamas.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::llama::Llama;

namespace {

using tokens = std::vector<std::int32_t>;
using W4A8KV4 = qat::named_scheme<4, 0, 8, 4, false, false>;

template <class Scheme>
std::vector<tokens> continued(const Llama<Scheme>& model, const std::vector<tokens>& prompts,
                              const qat::llama::generate_options& options,
                              std::span<const std::uint64_t> streams = {}) {
  std::vector<tokens> all = prompts;
  qat::llama::generate(
      model, std::span<const tokens>(prompts), options, {},
      [&](std::size_t i, std::int32_t token) {
        all[i].push_back(token);
        return true;
      },
      streams);
  return all;
}

/// "### prompt: <prompt>" and the text that begins with it, several of them.
void check_greedy_texts(const Llama<qat::full_precision>& model,
                        const qat::io::Tokenizer& tokenizer, const std::string& path,
                        std::size_t length) {
  const std::string file = qat::io::read_text(path);
  const std::string mark = "### prompt:";
  std::size_t checked = 0;
  const std::size_t most = runs_whole_models ? 100 : 1;
  for (std::size_t at = file.find(mark); at != file.npos && checked < most; ++checked) {
    const std::size_t line = file.find('\n', at);
    const std::size_t next = file.find(mark, line);
    std::string prompt = file.substr(at + mark.size(), line - at - mark.size());
    if (!prompt.empty()) prompt.erase(0, 1);
    std::string text = file.substr(line + 1, next == file.npos ? next : next - line - 1);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    tokens all = tokenizer.encode(prompt, true);
    const std::vector<tokens> prompts{all};
    qat::llama::generate(model, std::span<const tokens>(prompts), {.tokens = length + 1}, {},
                         [&](std::size_t, std::int32_t token) {
                           if (token == model.config().bos || token == model.config().eos)
                             return false;
                           all.push_back(token);
                           return true;
                         });
    std::string ours = tokenizer.decode(all);
    while (!ours.empty() && ours.back() == '\n') ours.pop_back();
    CHECK(ours == text);
    at = next;
  }
  CHECK(checked >= 1);
}

}  // namespace

TEST_CASE("generate: a sequence says the same alone and in company") {
  auto parameters = random_parameters(tiny_llama);
  const Llama<W4A8KV4> model(parameters, {});
  std::vector<tokens> prompts{{1, 2, 3}, {4}, {5, 6, 7, 8, 9, 10, 11}};
  // More than are read at a time.
  for (std::int32_t i = 0; i < 15; ++i) prompts.push_back({20 + i});
  const qat::llama::generate_options options{
      .choice = {.temperature = 1.0f}, .tokens = 40, .seed = 9};
  const auto together = continued(model, prompts, options);
  for (std::uint64_t i = 0; i < prompts.size(); ++i) {
    CHECK(together[i].size() == 40);
    CHECK(continued(model, {prompts[i]}, options, std::span(&i, 1))[0] == together[i]);
  }
  qat::llama::generate_options other = options;
  other.seed = 10;
  CHECK(continued(model, prompts, other) != together);
}

TEST_CASE("generate: greedy text is what scoring the whole text would choose") {
  auto parameters = random_parameters(tiny_llama);
  const Llama<W4A8KV4> model(parameters, {});
  const tokens text = continued(model, {{3, 1}}, {.tokens = 30})[0];
  const std::array<qat::document_rows, 1> whole{{{0, 29}}};
  const auto hidden = hidden_states(model, std::span(text).first(29), whole);
  const qat::Tensor<float>& head = parameters.head_weight();
  for (std::size_t t = 1; t < 29; ++t) {
    std::vector<float> logits(53, 0.0f);
    for (std::size_t v = 0; v < 53; ++v)
      for (std::size_t c = 0; c < 36; ++c)
        logits[v] = qat::core::fma(hidden[t * 36 + c], head.row(v)[c], logits[v]);
    CHECK(qat::llama::greedy_token(logits) == text[t + 1]);
  }
}

TEST_CASE("generate: ends at the stop token or the length or when told") {
  auto parameters = random_parameters(tiny_llama);
  const Llama<qat::full_precision> model(parameters, {});
  const auto free = continued(model, {{1}}, {.tokens = 20})[0];
  const auto stop = free[5];
  const auto stopped = continued(model, {{1}}, {.tokens = 20, .stop = stop})[0];
  CHECK(stopped.back() == stop);
  CHECK(stopped.size() <= 6);
  CHECK(continued(model, {{1, 2, 3}}, {.tokens = 3})[0].size() == 3);
  std::size_t calls = 0;
  const std::vector<tokens> prompts{{1}, {2}};
  qat::llama::generate(model, std::span<const tokens>(prompts), {.tokens = 20}, {},
                       [&](std::size_t i, std::int32_t) { return ++calls, i != 0 && calls < 5; });
  CHECK(calls == 5);  // the first sequence once, the second until it is told to end
  CHECK_THROWS_AS(continued(model, {{}}, {.tokens = 20}), qat::ContractViolation);
  CHECK_THROWS_AS(continued(model, {{1}}, {.tokens = 81}), qat::ContractViolation);
}

TEST_CASE("generate: stories260K tells the stories that an independent implementation tells") {
  const std::string model = data_file("models/stories260K/stories260K.bin").value_or("");
  const std::string texts = data_file("vectors/reference/stories260K_greedy256.txt").value_or("");
  const std::string words = data_file("models/stories260K/tok512.bin").value_or("");
  if (model.empty() || texts.empty() || words.empty()) return;
  auto parameters = qat::llama::load_parameters(model);
  const Llama<qat::full_precision> llama(parameters, {});
  check_greedy_texts(
      llama, qat::io::tokenizer_from_llama2c(qat::io::MappedFile(words).bytes(), words, 512), texts,
      256);
}

TEST_CASE("generate: tinystories656k tells the stories that an independent implementation tells") {
  const std::string model = data_file("models/tinystories656k").value_or("");
  const std::string texts =
      data_file("vectors/reference/tinystories656k_greedy200.txt").value_or("");
  if (model.empty() || texts.empty()) return;
  auto parameters = qat::llama::load_parameters(model);
  const Llama<qat::full_precision> llama(parameters, {});
  const std::string words = model + "/tokenizer.json";
  check_greedy_texts(llama, qat::io::tokenizer_from_json(qat::io::MappedFile(words).bytes(), words),
                     texts, 200);
}
