#pragma once

#include <qat/distill/batches.hpp>
#include <qat/kernels/float_product.hpp>
#include <qat/llama/kv_cache.hpp>
#include <qat/llama/model.hpp>
#include <qat/llama/quantized_checkpoint.hpp>
#include <qat/tensor/workspace.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Whether what ships is what was trained: code by code, scale by scale, logit bit by logit bit.

namespace qat::distill {

/// What was compared, and how often the bits differed.
struct verification {
  std::uint64_t weights_compared = 0;  ///< codes, and elements of what ships in fp32
  std::uint64_t weight_mismatches = 0;
  std::uint64_t scales_compared = 0;
  std::uint64_t scale_mismatches = 0;
  std::uint64_t logits_compared = 0;
  std::uint64_t logit_mismatches = 0;
  std::string first_mismatch;  ///< where; empty without one

  [[nodiscard]] std::uint64_t mismatches() const {
    return weight_mismatches + scale_mismatches + logit_mismatches;
  }
};

namespace detail {

/// Adds to the counts; floats differ where their bits do, and any NaN equals any NaN.
template <class T>
void compare(std::span<const T> trained, std::span<const T> shipped, const std::string& what,
             std::uint64_t& compared, std::uint64_t& mismatches, std::string& first) {
  for (std::size_t i = 0; i < trained.size(); ++i) {
    bool same = false;
    if constexpr (std::is_same_v<T, float>) {
      const bool nan = trained[i] != trained[i];
      same = nan ? shipped[i] != shipped[i]
                 : std::bit_cast<std::uint32_t>(trained[i]) ==
                       std::bit_cast<std::uint32_t>(shipped[i]);
    } else {
      same = trained[i] == shipped[i];
    }
    ++compared;
    if (same) continue;
    ++mismatches;
    if (first.empty()) first = what + ", element " + std::to_string(i);
  }
}

template <class Q>
void compare_matrices(const quantized_matrix<Q>& trained, const quantized_matrix<Q>& shipped,
                      const std::string& name, verification& v) {
  compare(trained.codes.elements(), shipped.codes.elements(), "codes of " + name,
          v.weights_compared, v.weight_mismatches, v.first_mismatch);
  compare(std::span<const float>(trained.parameters.scales),
          std::span<const float>(shipped.parameters.scales), "scales of " + name, v.scales_compared,
          v.scale_mismatches, v.first_mismatch);
}

/// The logits of every row of a hidden state.
template <class Scheme>
void logits_of(const llama::Llama<Scheme>& model, Tape<float>& tape, const Variable<float>& hidden,
               std::vector<float>& logits) {
  if (!tape.computes()) return;
  const std::size_t rows = hidden.value.rows(), vocabulary = model.config().vocabulary;
  const std::size_t at = logits.size();
  logits.resize(at + rows * vocabulary);
  float_product(tape.executor(), TensorView<const float>(hidden.value).matrix(),
                model.head(tape).panels, {logits.data() + at, rows, vocabulary});
}

}  // namespace detail

/// Compares a trained student with what was read back from its export, and the logits of some sequences three ways: the
/// training forward of the student; the shipped model by prefill, and token by token over its packed cache.
///
/// done(sequences compared) may throw to stop.
///
/// Shapes  sequences of at most context tokens.
/// Cost    a quantization of the student, and for each sequence two forward passes and a decoding.
template <scheme_like Scheme, class Done>
verification verify(core::executor_reference executor, llama::llama_parameters<float>& trained,
                    llama::shipped_model<Scheme>& shipped, const llama::used_tables& tables,
                    const sequences& texts, Done&& done) {
  using W = typename Scheme::weight;
  verification v;
  llama::for_each_parameter(
      trained,
      [&](const std::string& name, const Tensor<float>& t, const Tensor<float>& other) {
        if constexpr (is_quantized<W>)
          if (const auto at = shipped.matrices.find(name); at != shipped.matrices.end())
            return detail::compare_matrices<W>(quantized<W>(executor, t.view()), at->second, name,
                                               v);
        if (const auto at = shipped.tables.find(name); at != shipped.tables.end())
          return detail::compare_matrices<llama::table_quantizer>(
              quantized<llama::table_quantizer>(executor, t.view()), at->second, name, v);
        detail::compare(t.elements(), other.elements(), name, v.weights_compared,
                        v.weight_mismatches, v.first_mismatch);
      },
      shipped.parameters);

  const llama::Llama<Scheme> student(trained, executor, tables);
  const llama::Llama<Scheme> model(shipped.parameters, shipped.blocks, executor);
  Workspace workspace;
  for (std::size_t s = 0; s < texts.size(); ++s) {
    training_rows rows;
    rows.add(texts[s]);
    const std::span<const std::int32_t> tokens(texts[s]);
    std::vector<float> seen_in_training, prefilled, decoded;
    workspace.run([&](Arena& arena) {
      Tape<float> tape(arena, tape_mode::train, executor);
      detail::logits_of(student, tape, student.forward(tape, rows.batch()), seen_in_training);
    });
    const auto run_shipped = [&](llama::KvCache<Scheme>& cache, std::size_t first,
                                 std::size_t count, std::vector<float>& logits) {
      workspace.run([&](Arena& arena) {
        Tape<float> tape(arena, tape_mode::infer, executor);
        const llama::cached_rows<Scheme> one{&cache, count};
        detail::logits_of(model, tape,
                          model.forward(tape, tokens.subspan(first, count), std::span(&one, 1)),
                          logits);
      });
    };
    llama::KvCache<Scheme> whole(model.config()), stepwise(model.config());
    run_shipped(whole, 0, tokens.size(), prefilled);
    for (std::size_t t = 0; t < tokens.size(); ++t) run_shipped(stepwise, t, 1, decoded);
    const std::string where = " of sequence " + std::to_string(s);
    detail::compare(std::span<const float>(seen_in_training), std::span<const float>(prefilled),
                    "prefill" + where, v.logits_compared, v.logit_mismatches, v.first_mismatch);
    detail::compare(std::span<const float>(seen_in_training), std::span<const float>(decoded),
                    "decoding" + where, v.logits_compared, v.logit_mismatches, v.first_mismatch);
    done(s + 1);
  }
  return v;
}

}  // namespace qat::distill
