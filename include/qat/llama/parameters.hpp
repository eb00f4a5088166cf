#pragma once

#include <qat/llama/config.hpp>
#include <qat/tensor/tensor.hpp>

#include <cstddef>
#include <string>
#include <vector>

/// \file
/// The trained numbers of a LLaMA, in fp32, under the names that checkpoints give them.

namespace qat::llama {

/// Something for each tensor of a block: its numbers, its shape ... What the model does not have is empty.
template <class Each>
struct basic_layer {
  Each input_norm;   ///< (C)
  Each q;            ///< (H D, C)
  Each k;            ///< (K D, C)
  Each v;            ///< (K D, C)
  Each q_bias;       ///< (H D)
  Each k_bias;       ///< (K D)
  Each v_bias;       ///< (K D)
  Each o;            ///< (C, H D)
  Each output_norm;  ///< (C), before the feed-forward layer
  Each gate;         ///< (I, C)
  Each up;           ///< (I, C)
  Each down;         ///< (C, I)
};

/// Something for each tensor of a model. A tied head is empty: it is the embedding.
template <class Each>
struct basic_model {
  Each embedding;  ///< (V, C)
  std::vector<basic_layer<Each>> layers;
  Each norm;  ///< (C)
  Each head;  ///< (V, C)
};

/// f(name, tensor of model, tensors of others) for every tensor in a fixed order, under Hugging Face's names; a tied head
/// once, as the embedding. What has no elements in `model` is left out.
///
/// Shapes  the others have as many layers as model.
template <class Model, class F, class... Others>
void for_each_parameter(Model& model, F&& f, Others&... others) {
  const auto visit = [&](const std::string& name, auto& tensor, auto&... more) {
    if (tensor.size() != 0) f(name, tensor, more...);
  };
  visit("model.embed_tokens.weight", model.embedding, others.embedding...);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto visit_layer = [&](auto& layer, auto&... more) {
      const std::string prefix = "model.layers." + std::to_string(i) + ".";
      visit(prefix + "input_layernorm.weight", layer.input_norm, more.input_norm...);
      visit(prefix + "self_attn.q_proj.weight", layer.q, more.q...);
      visit(prefix + "self_attn.k_proj.weight", layer.k, more.k...);
      visit(prefix + "self_attn.v_proj.weight", layer.v, more.v...);
      visit(prefix + "self_attn.q_proj.bias", layer.q_bias, more.q_bias...);
      visit(prefix + "self_attn.k_proj.bias", layer.k_bias, more.k_bias...);
      visit(prefix + "self_attn.v_proj.bias", layer.v_bias, more.v_bias...);
      visit(prefix + "self_attn.o_proj.weight", layer.o, more.o...);
      visit(prefix + "post_attention_layernorm.weight", layer.output_norm, more.output_norm...);
      visit(prefix + "mlp.gate_proj.weight", layer.gate, more.gate...);
      visit(prefix + "mlp.up_proj.weight", layer.up, more.up...);
      visit(prefix + "mlp.down_proj.weight", layer.down, more.down...);
    };
    visit_layer(model.layers[i], others.layers[i]...);
  }
  visit("model.norm.weight", model.norm, others.norm...);
  visit("lm_head.weight", model.head, others.head...);
}

/// The shape of every tensor of a model.
///
/// Throws  as check_config.
[[nodiscard]] inline basic_model<Shape> parameter_shapes(const llama_config& c) {
  check_config(c);
  const auto bias = [&](std::size_t width) { return Shape{c.attention_bias ? width : 0}; };
  const basic_layer<Shape> layer{.input_norm = {c.hidden},
                                 .q = {c.query_width(), c.hidden},
                                 .k = {c.kv_width(), c.hidden},
                                 .v = {c.kv_width(), c.hidden},
                                 .q_bias = bias(c.query_width()),
                                 .k_bias = bias(c.kv_width()),
                                 .v_bias = bias(c.kv_width()),
                                 .o = {c.hidden, c.query_width()},
                                 .output_norm = {c.hidden},
                                 .gate = {c.intermediate, c.hidden},
                                 .up = {c.intermediate, c.hidden},
                                 .down = {c.hidden, c.intermediate}};
  return {.embedding = {c.vocabulary, c.hidden},
          .layers = std::vector<basic_layer<Shape>>(c.layers, layer),
          .norm = {c.hidden},
          .head = {c.tied_head ? 0 : c.vocabulary, c.hidden}};
}

template <class T>
using layer_parameters = basic_layer<Tensor<T>>;

/// All numbers of a model.
template <class T>
struct llama_parameters : basic_model<Tensor<T>> {
  llama_config config;

  llama_parameters() = default;

  /// All zero, in the shapes of the config.
  ///
  /// Throws  as check_config; std::bad_alloc.
  explicit llama_parameters(const llama_config& c) : config(c) {
    const basic_model<Shape> shapes = parameter_shapes(c);
    this->layers.resize(c.layers);
    for_each_parameter(
        shapes, [](const std::string&, const Shape& shape, Tensor<T>& t) { t = Tensor<T>(shape); },
        *this);
  }

  /// The weight of the output layer.
  [[nodiscard]] const Tensor<T>& head_weight() const {
    return config.tied_head ? this->embedding : this->head;
  }
  [[nodiscard]] Tensor<T>& head_weight() { return config.tied_head ? this->embedding : this->head; }
};

}  // namespace qat::llama
