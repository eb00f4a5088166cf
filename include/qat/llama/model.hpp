#pragma once

#include <qat/autograd/ops/attention.hpp>
#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/ops/embedding.hpp>
#include <qat/autograd/ops/quantize_kv.hpp>
#include <qat/autograd/ops/quantized_linear.hpp>
#include <qat/autograd/ops/recompute.hpp>
#include <qat/autograd/ops/rms_norm.hpp>
#include <qat/autograd/ops/rope.hpp>
#include <qat/autograd/ops/token_loss.hpp>
#include <qat/autograd/tape.hpp>
#include <qat/llama/block_weights.hpp>
#include <qat/llama/kv_cache.hpp>
#include <qat/llama/parameters.hpp>
#include <qat/llama/scheme.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

/// \file
/// The LLaMA: teacher, student and shipped model are this template with different schemes.

namespace qat::llama {

/// Tokens of several documents, one behind the other.
struct token_batch {
  std::span<const std::int32_t> tokens;      ///< (N)
  std::span<const std::uint32_t> positions;  ///< (N), from 0 in each document
  std::span<const document_rows> documents;
};

/// The next `count` rows of a batch continue the sequence of a cache.
template <scheme_like Scheme>
struct cached_rows {
  KvCache<Scheme>* cache = nullptr;
  std::size_t count = 0;
};

/// Whether the tables of the vocabulary are shown through the scheme's quantizers of them.
struct used_tables {
  bool embedding = true;
  bool head = true;

  friend constexpr bool operator==(const used_tables&, const used_tables&) = default;
};

/// What a recording forward pass keeps for the backward pass.
enum class activation_memory {
  keep,  ///< everything
  recompute  ///< what enters each block, which is computed a second time: the same bits, a third more time
};

/// Quantizers whose scale a gradient can reach with through_scale in the place of the default policy.
template <class Q>
concept gradient_may_reach_scale =
    has_measured_group_scales<Q> && std::same_as<typename Q::gradient, straight_through>;

/// Where the gradients of K and V go behind their levels.
enum class kv_gradient {
  as_scheme,  ///< what the policy of the scheme says; of a scheme by name: straight through, the scales held fixed
  through_scale  ///< also through the scales: policy through_scale
};

/// A LLaMA with the arithmetic of Scheme. Borrows its parameters; keeps them packed as its products read them.
template <scheme_like Scheme>
class Llama {
 public:
  using weight = typename Scheme::weight;
  using activation = typename Scheme::activation;
  using key_value = typename Scheme::key_value;

  /// Prepares the weights.
  ///
  /// Throws  ContractViolation as check_config.
  Llama(llama_parameters<float>& parameters, core::executor_reference executor,
        used_tables tables = {})
      : parameters_(parameters),
        tables_(tables),
        table_(parameters.config.rope, parameters.config.head_size, parameters.config.context) {
    check_config(parameters.config);
    prepare(executor);
  }

  /// From weights that were quantized before, those of a shipped model; the parameters' tables and gains are used as they are.
  ///
  /// Throws  ContractViolation as check_config, or unless there is a block for each layer.
  Llama(llama_parameters<float>& parameters, std::vector<BlockWeights<Scheme>> blocks,
        core::executor_reference executor)
      : parameters_(parameters),
        tables_{false, false},
        table_(parameters.config.rope, parameters.config.head_size, parameters.config.context),
        blocks_(std::move(blocks)) {
    check_config(parameters.config);
    QAT_EXPECTS(
        blocks_.size() == parameters.layers.size(),
        std::to_string(blocks_.size()) + " blocks of " + std::to_string(parameters.layers.size()));
    prepare_tables(executor);
  }

  [[nodiscard]] const llama_config& config() const { return parameters_.config; }
  [[nodiscard]] const RopeTable<float>& rope_table() const { return table_; }

  /// Quantizes and packs the weights anew: after every change of the parameters.
  ///
  /// Cost  a read and a write of every weight.
  void prepare(core::executor_reference executor) {
    const std::size_t layers = parameters_.layers.size();
    blocks_.resize(layers);
    for (std::size_t i = 0; i < layers; ++i)
      blocks_[i] = BlockWeights<Scheme>(executor, parameters_.layers[i], i, layers);
    prepare_tables(executor);
  }

  /// The output layer; its gradient, where there is one, goes to `gradients`.
  [[nodiscard]] head_weights<float> head(Tape<float>& tape,
                                         llama_parameters<float>* gradients = nullptr) const {
    return {variable(tape, head_, gradients == nullptr ? nullptr : &gradients->head_weight()),
            {head_panels_.data(), head_.rows(), head_.cols()}};
  }

  /// The normalized last hidden state of every token, (N, C): what the head multiplies.
  ///
  /// Error   a row depends on the tokens of its document up to its own and on nothing else, to the bit.
  /// Throws  ContractViolation for a token or position out of range, documents beyond the batch, or a gradient through scales
  ///         that are not measured from their groups or whose policy masks.
  /// Cost    2 multiply-adds a weight and token, plus attention.
  [[nodiscard]] Variable<float> forward(Tape<float>& tape, const token_batch& batch,
                                        llama_parameters<float>* gradients = nullptr,
                                        activation_memory memory = activation_memory::keep,
                                        kv_gradient behind_levels = kv_gradient::as_scheme) const {
    const auto attend = [this, batch, behind_levels](Tape<float>& on, std::size_t,
                                                     const Variable<float>& q, Variable<float> k,
                                                     Variable<float> v) {
      const auto rotated = [&](const Variable<float>& x) {
        return rope(on, x, batch.positions, table_);
      };
      if constexpr (Scheme::keys == key_position::before_rope)
        k = rotated(levels_of(on, k, behind_levels));
      else
        k = levels_of(on, rotated(k), behind_levels);
      v = levels_of(on, v, behind_levels);
      return attention(on, rotated(q), k, v, config().head_size, batch.documents);
    };
    return run(tape, batch.tokens, gradients, memory, attend);
  }

  /// The same for tokens that continue cached sequences; the caches then hold them too. Inference only.
  ///
  /// Shapes  tokens (N); rows: one entry a sequence, their counts add up to N.
  /// Error   the bits that forward gives for the whole sequences.
  /// Throws  ContractViolation beyond the context, for a recording tape, or as forward; the caches are then unchanged.
  [[nodiscard]] Variable<float> forward(Tape<float>& tape, std::span<const std::int32_t> tokens,
                                        std::span<const cached_rows<Scheme>> rows) const {
    QAT_EXPECTS(!tape.records(), "a recording tape");
    std::vector<std::uint32_t> positions;
    for (const cached_rows<Scheme>& r : rows) {
      QAT_EXPECTS(r.cache->size() + r.count <= table_.positions(),
                  std::to_string(r.cache->size()) + " + " + std::to_string(r.count) +
                      " tokens in a context of " + std::to_string(table_.positions()));
      for (std::size_t i = 0; i < r.count; ++i)
        positions.push_back(static_cast<std::uint32_t>(r.cache->size() + i));
    }
    QAT_EXPECTS(positions.size() == tokens.size(), std::to_string(tokens.size()) + " tokens for " +
                                                       std::to_string(positions.size()) + " rows");
    const Variable<float> hidden =
        run(tape, tokens, nullptr, activation_memory::keep,
            [&](Tape<float>& on, std::size_t layer, const Variable<float>& q, Variable<float> k,
                Variable<float> v) {
              if constexpr (!KvCache<Scheme>::rotates_on_reading)
                k = rope(on, k, std::span<const std::uint32_t>(positions), table_);
              return attend_cached(on, layer,
                                   rope(on, q, std::span<const std::uint32_t>(positions), table_),
                                   k, v, rows);
            });
    if (tape.computes())
      for (const cached_rows<Scheme>& r : rows) r.cache->advance(r.count);
    return hidden;
  }

 private:
  void prepare_tables(core::executor_reference executor) {
    embedding_ = shown<typename Scheme::embedding>(executor, parameters_.embedding,
                                                   embedding_levels_, tables_.embedding);
    head_ = shown<typename Scheme::head>(executor, parameters_.head_weight(), head_levels_,
                                         tables_.head);
    head_panels_ = Tensor<float>(Shape{panel_elements(head_.rows(), head_.cols())});
    pack_panels(executor, TensorView<const float>(head_).matrix(), head_panels_.data());
  }

  /// What a table of the vocabulary shows: itself, or the levels of Q, made afresh.
  template <class Q>
  static TensorView<float> shown(core::executor_reference executor, Tensor<float>& w,
                                 Tensor<float>& levels, [[maybe_unused]] bool quantizes) {
    if constexpr (!is_quantized<Q>) {
      return w.view();
    } else {
      if (!quantizes) return w.view();
      const TensorView<const float> values = w.view();
      levels = Tensor<float>(w.shape());
      fake_quantize<Q>(parallel(executor), values.matrix(),
                       calibrate<Q>(parallel(executor), values.matrix()), levels.view().matrix());
      return levels.view();
    }
  }

  /// Levels have the gradient of what they are levels of: straight through.
  static Variable<float> variable(Tape<float>& tape, const TensorView<float>& value,
                                  Tensor<float>* gradient) {
    return gradient == nullptr ? tape.constant(value) : tape.parameter(value, gradient->view());
  }

  /// What the cache will hold of k or v: its levels, one group a token or a head, or itself.
  Variable<float> levels_of(Tape<float>& tape, const Variable<float>& x,
                            kv_gradient behind_levels) const {
    if constexpr (!is_quantized<key_value>) {
      return x;
    } else {
      const std::size_t width = Scheme::kv_per_head ? config().head_size : config().kv_width();
      if constexpr (gradient_may_reach_scale<key_value>) {
        if (behind_levels == kv_gradient::through_scale)
          return quantize_kv<with_policy<key_value, through_scale>>(tape, x, width);
      }
      QAT_EXPECTS(behind_levels == kv_gradient::as_scheme || gradient_may_reach_scale<key_value>,
                  "the scales of " + to_string(key_value::description) +
                      ", which this scheme's policies hold fixed");
      return quantize_kv<key_value>(tape, x, width);
    }
  }

  /// All blocks; attend(tape, layer, q, k, v) makes the heads' output. Copied where blocks are recomputed.
  template <class Attend>
  Variable<float> run(Tape<float>& tape, std::span<const std::int32_t> tokens,
                      llama_parameters<float>* gradients, activation_memory memory,
                      const Attend& attend) const {
    Variable<float> x = embedding(
        tape, tokens,
        variable(tape, embedding_, gradients == nullptr ? nullptr : &gradients->embedding));
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      layer_parameters<float>* const layer_gradients =
          gradients == nullptr ? nullptr : &gradients->layers[i];
      if (tape.records() && memory == activation_memory::recompute) {
        x = recompute(
            tape, x,
            [this, i, layer_gradients, attend](Tape<float>& on, const Variable<float>& from) {
              return run_block(on, i, from, layer_gradients, attend);
            });
      } else if (tape.records()) {
        x = run_block(tape, i, x, layer_gradients, attend);
      } else {
        const ArenaScope scope(tape.arena());  // only x outlives a block
        const Variable<float> y = run_block(tape, i, x, layer_gradients, attend);
        if (tape.computes()) std::copy_n(y.value.data(), y.value.size(), x.value.data());
      }
    }
    return rms_norm(
        tape, x,
        variable(tape, parameters_.norm.view(), gradients == nullptr ? nullptr : &gradients->norm),
        config().rms_epsilon);
  }

  template <class Attend>
  Variable<float> run_block(Tape<float>& tape, std::size_t i, const Variable<float>& x,
                            layer_parameters<float>* gradients, const Attend& attend) const {
    using L = layer_parameters<float>;
    using member = Tensor<float> L::*;
    L& l = parameters_.layers[i];
    const BlockWeights<Scheme>& b = blocks_[i];
    const auto of = [&](member m) {
      return variable(tape, (l.*m).view(), gradients == nullptr ? nullptr : &(gradients->*m));
    };
    const auto layer = [&](const linear_input<activation>& input, linear_role role,
                           member bias = nullptr) {
      optional_bias<float> added;
      if (bias != nullptr && (l.*bias).size() != 0) added = of(bias);
      const Variable<float> w = of(BlockWeights<Scheme>::member_of(role));
      if constexpr (BlockWeights<Scheme>::may_exempt)
        if (const auto* const plain = b.exempted(role))
          return quantized_linear<not_quantized, not_quantized>(tape, {input.x}, w, *plain, added);
      return quantized_linear<weight, activation>(tape, input, w, b.quantized(role), added);
    };
    const auto input_of = [&](const Variable<float>& v) {
      return quantize_input<weight, activation>(tape, v);
    };
    using enum linear_role;
    const auto normed = input_of(rms_norm(tape, x, of(&L::input_norm), config().rms_epsilon));
    const Variable<float> query = layer(normed, q, &L::q_bias);
    const Variable<float> key = layer(normed, k, &L::k_bias);
    const Variable<float> value = layer(normed, v, &L::v_bias);
    const Variable<float> heads = attend(tape, i, query, key, value);
    const Variable<float> y = add(tape, x, layer(input_of(heads), o));
    const auto wide = input_of(rms_norm(tape, y, of(&L::output_norm), config().rms_epsilon));
    // One statement an operation: compilers differ in the order of arguments, and gradients are added in that of the tape.
    const Variable<float> opening = layer(wide, gate);
    const Variable<float> content = layer(wide, up);
    const Variable<float> gated = swiglu(tape, opening, content);
    return add(tape, y, layer(input_of(gated), down));
  }

  /// Adds k and v to the caches and attends to what they hold: sequences side by side, then all their heads. Packed caches
  /// are read into floats for eight sequences at a time, so that they take no more room the more there are.
  Variable<float> attend_cached(Tape<float>& tape, std::size_t layer, const Variable<float>& q,
                                const Variable<float>& k, const Variable<float>& v,
                                std::span<const cached_rows<Scheme>> rows) const {
    const Variable<float> y = tape.make(q.shape(), false);
    const std::size_t most = is_quantized<key_value> ? 8 : rows.size();
    std::size_t first = 0;  // row
    while (!rows.empty()) {
      const auto some = rows.first(std::min(most, rows.size()));
      attend_sequences(tape, layer, q.value, k.value, v.value, some, first, y.value);
      for (const cached_rows<Scheme>& r : some) first += r.count;
      rows = rows.subspan(some.size());
    }
    return y;
  }

  /// The same for some of the sequences, whose rows begin at `first`, into their rows of y.
  void attend_sequences(Tape<float>& tape, std::size_t layer, const TensorView<float>& q,
                        const TensorView<float>& k, const TensorView<float>& v,
                        std::span<const cached_rows<Scheme>> rows, std::size_t first,
                        const TensorView<float>& y) const {
    const std::size_t head = config().head_size;
    const std::size_t heads = config().heads;
    const std::size_t group = heads / config().kv_heads;
    const auto scale = attention_scale<float>(head);
    const ArenaScope scope(tape.arena());
    struct sequence {
      std::size_t first = 0;  // row
      typename KvCache<Scheme>::reading room;
      TensorView<float> scratch;  // (heads, attention_scratch)
    };
    std::vector<sequence> sequences;
    for (const cached_rows<Scheme>& r : rows) {
      const std::size_t count = r.cache->size() + r.count;
      sequences.push_back({first, r.cache->take(tape.arena(), count),
                           tape.arena().take<float>(Shape{heads, attention_scratch(count, head)})});
      first += r.count;
    }
    if (!tape.computes()) return;
    const auto read = [&](std::size_t i, std::size_t) {
      const auto [cache, count] = rows[i];
      const sequence& s = sequences[i];
      cache->append(layer, k.rows_from(s.first, count), v.rows_from(s.first, count));
      cache->read(layer, cache->size() + count, table_, s.room);
    };
    if constexpr (is_quantized<key_value>)
      core::parallel_for(tape.executor(), rows.size(), 1, read);
    else  // a copy of the new rows: less than waking a thread
      core::parallel_for(core::serial_executor{}, rows.size(), 1, read);
    core::parallel_for(tape.executor(), rows.size() * heads, 1, [&](std::size_t task, std::size_t) {
      const auto [cache, count] = rows[task / heads];
      const sequence& s = sequences[task / heads];
      const std::size_t h = task % heads;
      const attention_memory<float> memory = cache->head(layer, h / group, s.room);
      if (count == 1) {  // the heads that share keys and values read them together
        if (h % group != 0) return;
        attend<float>(matrix_view<const float>(q.row(s.first) + h * head, group, head),
                      cache->size(), memory, scale,
                      matrix_view<float>(y.row(s.first) + h * head, group, head), s.scratch.row(h),
                      query_positions::equal);
        return;
      }
      const auto columns = [&, n = count](const TensorView<float>& t) {
        return t.rows_from(s.first, n).cols_from(h * head, head);
      };
      attend<float>(TensorView<const float>(columns(q)).matrix(), cache->size(), memory, scale,
                    columns(y).matrix(), s.scratch.row(h));
    });
  }

  llama_parameters<float>& parameters_;
  used_tables tables_;
  RopeTable<float> table_;
  std::vector<BlockWeights<Scheme>> blocks_;
  Tensor<float> embedding_levels_;
  Tensor<float> head_levels_;
  TensorView<float> embedding_;  ///< the parameters or the levels
  TensorView<float> head_;
  Tensor<float> head_panels_;
};

}  // namespace qat::llama
