// The first stage: the training sequences.

#include <qat/core/philox.hpp>
#include <qat/distill/generate_data.hpp>
#include <qat/distill/token_store.hpp>
#include <qat/io/atomic_file.hpp>

#include <filesystem>
#include <set>
#include <utility>

#include "program.hpp"
#include "run.hpp"

namespace distill_llama {
namespace {

namespace distill = qat::distill;
using tokens = std::vector<std::int32_t>;

/// Sequences of a text: a row each, BOS first, cut at the length; one long row is cut into several.
distill::sequences of_text(const run_options& options, const Teacher& teacher,
                           const distill::generation_options& g) {
  distill::sequences all;
  const std::vector<std::string> rows = read_rows(options.data);
  for (const std::string& row : rows) {
    const tokens text = teacher.tokenizer->encode(row, false);
    for (std::size_t at = 0; at < text.size() && all.size() < g.samples;) {
      tokens sequence;
      if (g.bos) sequence.push_back(*g.bos);
      const std::size_t count = std::min(g.tokens - sequence.size(), text.size() - at);
      sequence.insert(sequence.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                      text.begin() + static_cast<std::ptrdiff_t>(at + count));
      if (sequence.size() >= 2) all.push_back(std::move(sequence));
      if (rows.size() > 1) break;
      at += count;
    }
  }
  if (all.empty()) throw UsageError(options.data + ": has no text to train on");
  return all;
}

/// BOS, then tokens drawn from the vocabulary as if no text existed.
tokens random_sequence(const distill::generation_options& g, std::size_t vocabulary,
                       std::size_t sample) {
  tokens sequence;
  if (g.bos) sequence.push_back(*g.bos);
  while (sequence.size() < g.tokens) {
    const std::uint64_t draw = qat::core::random_bits(g.seed, sample, sequence.size());
    sequence.push_back(static_cast<std::int32_t>(draw * vocabulary >> 32));
  }
  return sequence;
}

}  // namespace

void Run::generate() {
  if (std::filesystem::exists(path("tokens.qts"))) return;
  const distill::generation_options g = generation_of(options_, config());
  distill::TokenStoreWriter store(path("tokens.qts"),
                                  data_facts(options_, config(), teacher_.hash).dump());
  std::set<tokens> known;
  std::size_t first = 0, new_tokens = 0;
  for (const distill::stored_sequence& s : store.written()) {
    known.insert(s.tokens);
    first = s.sample + 1;
  }
  const double begun = seconds();
  Progress progress("generate", "sequences", g.samples, options_.quiet);
  const auto keep = [&](std::size_t sample, const tokens& sequence) {
    new_tokens += sequence.size();
    if (known.insert(sequence).second || options_.keep_duplicates)
      store.append({static_cast<std::uint32_t>(sample), sequence});
    progress.show(sample + 1);
    stop_if_interrupted();
  };
  if (!options_.data.empty()) {
    const distill::sequences all = of_text(options_, teacher_, g);
    for (std::size_t i = first; i < all.size(); ++i) keep(i, all[i]);
  } else if (options_.random_tokens) {
    for (std::size_t i = first; i < g.samples; ++i)
      keep(i, random_sequence(g, config().vocabulary, i));
  } else {
    distill::generate_data(*teacher_.model, g, first, 32, executor_, keep);
  }
  const std::size_t count = store.written().size();
  if (options_.text_copy) {
    std::string lines;
    for (const distill::stored_sequence& s : store.written())
      lines += nlohmann::ordered_json{{"text", teacher_.tokenizer->decode(s.tokens)}}.dump() + "\n";
    qat::io::write_text(path("text.jsonl"), lines);
  }
  store.finish();
  const double took = seconds() - begun;
  time({{"stage", "generate"},
        {"seconds", took},
        {"tokens_per_second", static_cast<double>(new_tokens) / took}});
  say("generate: " + std::to_string(count) + " sequences, " + std::to_string(new_tokens) +
      " tokens in " + std::to_string(static_cast<int>(took)) + " s");
}

distill::sequences Run::training_data() const {
  distill::sequences all;
  for (distill::stored_sequence& s : distill::read_token_store(path("tokens.qts")))
    all.push_back(std::move(s.tokens));
  return preset_of(options_).concatenate
             ? distill::concatenated_blocks(all, length_of(options_, config()))
             : all;
}

}  // namespace distill_llama
