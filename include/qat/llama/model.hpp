#pragma once

#include <qat/autograd/ops/attention.hpp>
#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/ops/embedding.hpp>
#include <qat/autograd/ops/quantize_kv.hpp>
#include <qat/autograd/ops/quantized_linear.hpp>
#include <qat/autograd/ops/rms_norm.hpp>
#include <qat/autograd/ops/rope.hpp>
#include <qat/autograd/ops/token_loss.hpp>
#include <qat/autograd/tape.hpp>
#include <qat/llama/kv_cache.hpp>
#include <qat/llama/parameters.hpp>
#include <qat/llama/scheme.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
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
template <class Scheme>
struct cached_rows {
  KvCache<Scheme>* cache = nullptr;
  std::size_t count = 0;
};

/// A LLaMA with the arithmetic of Scheme. Borrows its parameters; keeps them packed as its products read them.
template <class Scheme>
class Llama {
 public:
  using weight = typename Scheme::weight;
  using activation = typename Scheme::activation;
  using key_value = typename Scheme::key_value;

  /// Prepares the weights.
  ///
  /// Throws  ContractViolation as check_config.
  Llama(llama_parameters<float>& parameters, core::executor_reference executor)
      : parameters_(parameters),
        table_(parameters.config.rope, parameters.config.head_size, parameters.config.context) {
    check_config(parameters.config);
    prepare(executor);
  }

  [[nodiscard]] const llama_config& config() const { return parameters_.config; }
  [[nodiscard]] const RopeTable<float>& rope_table() const { return table_; }

  /// Quantizes and packs the weights anew: after every change of the parameters.
  ///
  /// Cost  a read and a write of every weight.
  void prepare(core::executor_reference executor) {
    blocks_.resize(parameters_.layers.size());
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const layer_parameters<float>& l = parameters_.layers[i];
      const auto made = [&](const Tensor<float>& w) {
        return LinearWeights<weight, activation>(executor, w.view());
      };
      blocks_[i] = {made(l.q),    made(l.k),  made(l.v),   made(l.o),
                    made(l.gate), made(l.up), made(l.down)};
    }
    const Tensor<float>& head = parameters_.head_weight();
    head_panels_ = Tensor<float>(Shape{panel_elements(head.rows(), head.cols())});
    pack_panels(executor, head.view().matrix(), head_panels_.data());
  }

  /// The output layer; its gradient, where there is one, goes to `gradients`.
  [[nodiscard]] head_weights<float> head(Tape<float>& tape,
                                         llama_parameters<float>* gradients = nullptr) const {
    Tensor<float>& w = parameters_.head_weight();
    return {variable(tape, w, gradients == nullptr ? nullptr : &gradients->head_weight()),
            {head_panels_.data(), w.rows(), w.cols()}};
  }

  /// The normalized last hidden state of every token, (N, C): what the head multiplies.
  ///
  /// Error   a row depends on the tokens of its document up to its own and on nothing else, to the bit.
  /// Throws  ContractViolation for a token or position out of range, or documents beyond the batch.
  /// Cost    2 multiply-adds a weight and token, plus attention.
  [[nodiscard]] Variable<float> forward(Tape<float>& tape, const token_batch& batch,
                                        llama_parameters<float>* gradients = nullptr) const {
    return run(tape, batch.tokens, gradients,
               [&](std::size_t, const Variable<float>& q, Variable<float> k, Variable<float> v) {
                 const std::size_t width =
                     Scheme::kv_per_head ? config().head_size : config().kv_width();
                 const auto rotated = [&](const Variable<float>& x) {
                   return rope(tape, x, batch.positions, table_);
                 };
                 if constexpr (!is_quantized<key_value>) {
                   k = rotated(k);
                 } else if constexpr (Scheme::keys == key_position::before_rope) {
                   k = rotated(quantize_kv<key_value>(tape, k, width));
                   v = quantize_kv<key_value>(tape, v, width);
                 } else {
                   k = quantize_kv<key_value>(tape, rotated(k), width);
                   v = quantize_kv<key_value>(tape, v, width);
                 }
                 return attention(tape, rotated(q), k, v, config().head_size, batch.documents);
               });
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
        run(tape, tokens, nullptr,
            [&](std::size_t layer, const Variable<float>& q, Variable<float> k, Variable<float> v) {
              if constexpr (!KvCache<Scheme>::rotates_on_reading)
                k = rope(tape, k, std::span<const std::uint32_t>(positions), table_);
              return attend_cached(tape, layer,
                                   rope(tape, q, std::span<const std::uint32_t>(positions), table_),
                                   k, v, rows);
            });
    if (tape.computes())
      for (const cached_rows<Scheme>& r : rows) r.cache->advance(r.count);
    return hidden;
  }

 private:
  using weights = LinearWeights<weight, activation>;
  struct block {
    weights q, k, v, o, gate, up, down;
  };

  static Variable<float> variable(Tape<float>& tape, Tensor<float>& value,
                                  Tensor<float>* gradient) {
    return gradient == nullptr ? tape.constant(value.view())
                               : tape.parameter(value.view(), gradient->view());
  }

  /// All blocks; attend(layer, q, k, v) makes the heads' output.
  template <class Attend>
  Variable<float> run(Tape<float>& tape, std::span<const std::int32_t> tokens,
                      llama_parameters<float>* gradients, Attend&& attend) const {
    Variable<float> x = embedding(tape, tokens,
                                  variable(tape, parameters_.embedding,
                                           gradients == nullptr ? nullptr : &gradients->embedding));
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      layer_parameters<float>* const layer_gradients =
          gradients == nullptr ? nullptr : &gradients->layers[i];
      if (tape.records()) {
        x = run_block(tape, i, x, layer_gradients, attend);
      } else {
        const ArenaScope scope(tape.arena());  // only x outlives a block
        const Variable<float> y = run_block(tape, i, x, layer_gradients, attend);
        if (tape.computes()) std::copy_n(y.value.data(), y.value.size(), x.value.data());
      }
    }
    return rms_norm(
        tape, x,
        variable(tape, parameters_.norm, gradients == nullptr ? nullptr : &gradients->norm),
        config().rms_epsilon);
  }

  template <class Attend>
  Variable<float> run_block(Tape<float>& tape, std::size_t i, const Variable<float>& x,
                            layer_parameters<float>* gradients, Attend& attend) const {
    using member = Tensor<float> layer_parameters<float>::*;
    layer_parameters<float>& l = parameters_.layers[i];
    const block& b = blocks_[i];
    const auto of = [&](member m) {
      return variable(tape, l.*m, gradients == nullptr ? nullptr : &(gradients->*m));
    };
    const auto layer = [&](const linear_input<activation>& input, member m, const weights& w,
                           member bias = nullptr) {
      optional_bias<float> added;
      if (bias != nullptr && (l.*bias).size() != 0) added = of(bias);
      return quantized_linear<weight, activation>(tape, input, of(m), w, added);
    };
    const auto input_of = [&](const Variable<float>& v) {
      return quantize_input<weight, activation>(tape, v);
    };
    using L = layer_parameters<float>;
    const auto normed = input_of(rms_norm(tape, x, of(&L::input_norm), config().rms_epsilon));
    const Variable<float> q = layer(normed, &L::q, b.q, &L::q_bias);
    const Variable<float> k = layer(normed, &L::k, b.k, &L::k_bias);
    const Variable<float> v = layer(normed, &L::v, b.v, &L::v_bias);
    const Variable<float> heads = attend(i, q, k, v);
    const Variable<float> y = add(tape, x, layer(input_of(heads), &L::o, b.o));
    const auto wide = input_of(rms_norm(tape, y, of(&L::output_norm), config().rms_epsilon));
    const Variable<float> gated =
        swiglu(tape, layer(wide, &L::gate, b.gate), layer(wide, &L::up, b.up));
    return add(tape, y, layer(input_of(gated), &L::down, b.down));
  }

  /// Adds k and v to the caches and attends to what they hold, sequence by sequence.
  Variable<float> attend_cached(Tape<float>& tape, std::size_t layer, const Variable<float>& q,
                                const Variable<float>& k, const Variable<float>& v,
                                std::span<const cached_rows<Scheme>> rows) const {
    const std::size_t head = config().head_size;
    const std::size_t group = config().heads / config().kv_heads;
    const auto scale = attention_scale<float>(head);
    const Variable<float> y = tape.make(q.shape(), false);
    std::size_t first = 0;
    for (const cached_rows<Scheme>& r : rows) {
      const ArenaScope scope(tape.arena());
      const std::size_t begin = r.cache->size();
      const std::size_t count = begin + r.count;
      if (tape.computes())
        r.cache->append(layer, k.value.rows_from(first, r.count),
                        v.value.rows_from(first, r.count));
      const auto keys =
          tape.arena().take<float>(Shape{config().kv_heads, attention_keys(count, head)});
      const auto values =
          tape.arena().take<float>(Shape{config().kv_heads, attention_values(count, head)});
      const auto scratch =
          tape.arena().take<float>(Shape{config().heads, attention_scratch(count, head)});
      r.cache->read(layer, count, table_, tape.arena(), keys, values);
      if (tape.computes())
        core::parallel_for(tape.executor(), config().heads, 1, [&](std::size_t h, std::size_t) {
          const auto columns = [&](const TensorView<float>& t) {
            return t.rows_from(first, r.count).cols_from(h * head, head);
          };
          attend<float>(TensorView<const float>(columns(q.value)).matrix(), begin,
                        {keys.row(h / group), values.row(h / group)}, scale,
                        columns(y.value).matrix(), scratch.row(h));
        });
      first += r.count;
    }
    return y;
  }

  llama_parameters<float>& parameters_;
  RopeTable<float> table_;
  std::vector<block> blocks_;
  Tensor<float> head_panels_;
};

}  // namespace qat::llama
