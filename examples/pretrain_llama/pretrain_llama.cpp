// pretrain_llama: a text and a tokenizer in, a small LLaMA out, trained on this library's own tape. Resumable: run it
// again with the same options and it goes on. prepare_texts.py makes text and tokenizer.
//
//   pretrain_llama --text train.txt --validation validation.txt --tokenizer tokenizer.json --out FOLDER

#include <qat/core/thread_executor.hpp>
#include <qat/distill/schedule.hpp>
#include <qat/distill/snapshot.hpp>
#include <qat/distill/training_state.hpp>
#include <qat/eval/protocol.hpp>
#include <qat/eval/score.hpp>
#include <qat/io/tokenizer_json.hpp>
#include <qat/llama/model.hpp>
#include <qat/llama/save_checkpoint.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "compiled_once.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace {

using qat::Tensor;
using parameters = qat::llama::llama_parameters<float>;

struct options {
  std::string text, validation, tokenizer, out;
  std::size_t hidden = 256, intermediate = 640, layers = 4, heads = 4, kv_heads = 2, head_size = 64;
  std::size_t context = 256;
  std::size_t batch = 8;
  std::uint64_t steps = 2000;
  std::uint64_t warm_up = 100;
  float rate = 2e-3f;
  float weight_decay = 0.1f;
  double clip = 1.0;
  std::uint64_t seed = 1;
  std::uint64_t save_every = 200;
  unsigned threads = 0;

  /// What decides the bits of the result.
  [[nodiscard]] nlohmann::ordered_json recipe() const {
    return {{"hidden", hidden},     {"intermediate", intermediate},
            {"layers", layers},     {"heads", heads},
            {"kv_heads", kv_heads}, {"head_size", head_size},
            {"context", context},   {"batch", batch},
            {"steps", steps},       {"warm_up", warm_up},
            {"rate", rate},         {"weight_decay", weight_decay},
            {"clip", clip},         {"seed", seed}};
  }
};

/// A normal number from two words of a stream, by Box and Muller.
float normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  const float u =
      (static_cast<float>(qat::core::random_bits(seed, stream, 2 * index) >> 8) + 1.0f) * 0x1p-24f;
  const float v =
      static_cast<float>(qat::core::random_bits(seed, stream, 2 * index + 1) >> 8) * 0x1p-24f;
  return qat::core::product(qat::core::sqrt(-2.0f * qat::core::log(u)),
                            qat::core::cos(6.28318531f * v));
}

/// Matrices N(0, 0.02^2), those that add to the residual stream smaller by sqrt(2 layers); gains 1.
parameters initial(const qat::llama::llama_config& config, std::uint64_t seed) {
  parameters p(config);
  std::uint64_t stream = 0;
  qat::llama::for_each_parameter(p, [&](const std::string& name, Tensor<float>& t) {
    ++stream;
    if (name.find("norm") != std::string::npos)
      return std::fill_n(t.data(), t.size(), 1.0f), void();
    const bool adds =
        name.find("o_proj") != std::string::npos || name.find("down_proj") != std::string::npos;
    const float width =
        adds ? 0.02f / qat::core::sqrt(2.0f * static_cast<float>(config.layers)) : 0.02f;
    for (std::size_t i = 0; i < t.size(); ++i) t.data()[i] = width * normal(seed, stream, i);
  });
  return p;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void pretrain(const options& o) {
  namespace fs = std::filesystem;
  qat::core::ThreadExecutor threads(
      o.threads != 0 ? o.threads : std::max(1u, std::thread::hardware_concurrency()));
  const std::string tokenizer_json = qat::io::read_text(o.tokenizer);
  const qat::io::Tokenizer tokenizer =
      qat::io::tokenizer_from_json(std::as_bytes(std::span(tokenizer_json)), o.tokenizer);
  const auto bos = tokenizer.find("<s>");
  const auto eos = tokenizer.find("</s>");
  if (!bos || !eos) throw std::runtime_error(o.tokenizer + ": has no <s> and </s>");
  const std::vector<std::int32_t> text = tokenizer.encode(qat::io::read_text(o.text), false);
  const std::vector<std::int32_t> held_out =
      tokenizer.encode(qat::io::read_text(o.validation), false);
  const std::size_t window =
      o.context;  // tokens predicted in a sequence: BOS sees all but the last
  if (text.size() <= window || held_out.size() < window)
    throw std::runtime_error("the texts are shorter than the context");

  const qat::llama::llama_config config{.vocabulary = tokenizer.vocabulary_size(),
                                        .hidden = o.hidden,
                                        .intermediate = o.intermediate,
                                        .layers = o.layers,
                                        .heads = o.heads,
                                        .kv_heads = o.kv_heads,
                                        .head_size = o.head_size,
                                        .context = o.context,
                                        .rms_epsilon = 1e-5f,
                                        .tied_head = true,
                                        .bos = bos,
                                        .eos = eos};
  fs::create_directories(o.out);
  const std::string snapshot = (fs::path(o.out) / "snapshot.safetensors").string();
  const std::string log_path = (fs::path(o.out) / "log.jsonl").string();
  qat::distill::training_state state;
  std::string log;
  if (fs::exists(snapshot)) {
    const nlohmann::ordered_json facts = qat::distill::snapshot_facts(snapshot);
    if (facts.at("recipe") != o.recipe())
      throw std::runtime_error(snapshot +
                               ": was made with other options; give them or another --out");
    state = qat::distill::load_snapshot(snapshot, config);
    log = facts.at("log").get<std::string>();
  } else {
    state = qat::distill::training_state(initial(config, o.seed));
  }
  std::printf("%zu tokens of text, %zu held out, %llu parameters, step %llu of %llu\n", text.size(),
              held_out.size(), static_cast<unsigned long long>(qat::llama::parameter_count(config)),
              static_cast<unsigned long long>(state.step),
              static_cast<unsigned long long>(o.steps));

  // BOS and a window without overlap, each scored alone.
  qat::eval::sequences validation;
  for (std::size_t at = 0; at + window - 1 <= held_out.size(); at += window - 1) {
    validation.push_back({*bos});
    validation.back().insert(validation.back().end(),
                             held_out.begin() + static_cast<std::ptrdiff_t>(at),
                             held_out.begin() + static_cast<std::ptrdiff_t>(at + window - 1));
  }
  const qat::distill::schedule schedule{.peak = o.rate, .steps = o.steps, .warm_up = o.warm_up};
  const qat::nn::adamw_options adamw{.beta2 = 0.99f, .weight_decay = o.weight_decay};
  parameters gradients(config);
  qat::llama::Llama<qat::full_precision> model(state.parameters, threads);
  qat::Workspace workspace;
  const double begun = now();
  const std::uint64_t first = state.step;
  double mean_loss = 0.0;
  while (state.step < o.steps) {
    std::vector<std::int32_t> tokens, targets;
    std::vector<std::uint32_t> positions;
    std::vector<qat::document_rows> documents;
    for (std::size_t b = 0; b < o.batch; ++b) {
      const std::uint64_t draw = qat::core::random_bits(o.seed, 0, state.step * o.batch + b);
      const std::size_t at = static_cast<std::size_t>((draw * (text.size() - window)) >> 32);
      documents.push_back({tokens.size(), window});
      for (std::size_t i = 0; i < window; ++i) {
        tokens.push_back(i == 0 ? *bos : text[at + i - 1]);
        targets.push_back(text[at + i]);
        positions.push_back(static_cast<std::uint32_t>(i));
      }
    }
    qat::distill::clear(gradients);
    float loss_value = 0.0f;
    workspace.run([&](qat::Arena& arena) {
      qat::Tape<float> tape(arena, qat::tape_mode::train, threads);
      const auto hidden = model.forward(tape, {tokens, positions, documents}, &gradients);
      const auto loss = qat::cross_entropy(tape, hidden, model.head(tape, &gradients),
                                           std::span<const std::int32_t>(targets));
      if (tape.computes()) loss_value = *loss.value.data();
      tape.backward(loss);
    });
    const qat::distill::trained_parts all;
    const double norm = qat::distill::gradient_norm(threads, gradients, all, state.step);
    const float rate = qat::distill::learning_rate(schedule, state.step);
    qat::distill::optimizer_step(threads, adamw, rate, norm, o.clip, all, gradients, state);
    model.prepare(threads);
    mean_loss += static_cast<double>(loss_value);
    if (state.step % o.save_every != 0 && state.step != o.steps) continue;

    const auto scores =
        qat::eval::score_sequences(model, static_cast<qat::eval::TeacherStates*>(nullptr),
                                   std::span<const std::vector<std::int32_t>>(validation), threads);
    const qat::eval::score held = qat::eval::mean_of(scores);
    const std::uint64_t since = (state.step - 1) % o.save_every + 1;
    log += nlohmann::ordered_json{{"step", state.step},
                                  {"loss", mean_loss / static_cast<double>(since)},
                                  {"held_out_nll", held.nll},
                                  {"rate", rate}}
               .dump() +
           "\n";
    mean_loss = 0.0;
    qat::distill::save_snapshot(snapshot, state, {{"recipe", o.recipe()}, {"log", log}});
    qat::io::write_text(log_path, log);
    const double rate_of =
        static_cast<double>((state.step - first) * o.batch * window) / (now() - begun);
    std::printf("step %llu: held out %.4f nats a token, %.0f tokens a second\n",
                static_cast<unsigned long long>(state.step), held.nll, rate_of);
    std::fflush(stdout);
  }
  qat::llama::save_hugging_face(state.parameters, o.out, qat::llama::checkpoint_type::bf16,
                                tokenizer_json);
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  CLI::App app("Trains a small LLaMA from nothing");
  app.add_option("--text", o.text, "Training text")->required();
  app.add_option("--validation", o.validation, "Held-out text")->required();
  app.add_option("--tokenizer", o.tokenizer, "tokenizer.json with <s> and </s>")->required();
  app.add_option("--out", o.out, "Folder of the model")->required();
  app.add_option("--hidden", o.hidden)->capture_default_str();
  app.add_option("--intermediate", o.intermediate)->capture_default_str();
  app.add_option("--layers", o.layers)->capture_default_str();
  app.add_option("--heads", o.heads)->capture_default_str();
  app.add_option("--kv-heads", o.kv_heads)->capture_default_str();
  app.add_option("--head-size", o.head_size)->capture_default_str();
  app.add_option("--context", o.context)->capture_default_str();
  app.add_option("--batch", o.batch, "Sequences a step")->capture_default_str();
  app.add_option("--steps", o.steps)->capture_default_str();
  app.add_option("--warm-up", o.warm_up)->capture_default_str();
  app.add_option("--lr", o.rate)->capture_default_str();
  app.add_option("--weight-decay", o.weight_decay)->capture_default_str();
  app.add_option("--clip", o.clip)->capture_default_str();
  app.add_option("--seed", o.seed)->capture_default_str();
  app.add_option("--save-every", o.save_every)->capture_default_str();
  app.add_option("--threads", o.threads, "0: one a processor")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    pretrain(o);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "pretrain_llama: %s\n", e.what());
    return 1;
  }
  return 0;
}
