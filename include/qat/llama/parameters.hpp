#pragma once

#include <qat/llama/config.hpp>
#include <qat/tensor/tensor.hpp>

#include <cstddef>
#include <string>
#include <vector>

/// \file
/// The trained numbers of a LLaMA, in fp32, under the names that checkpoints give them.

namespace qat::llama {

/// One block. Biases have no elements where the model has none.
template <class T>
struct layer_parameters {
  Tensor<T> input_norm;   ///< (C)
  Tensor<T> q;            ///< (H D, C)
  Tensor<T> k;            ///< (K D, C)
  Tensor<T> v;            ///< (K D, C)
  Tensor<T> q_bias;       ///< (H D)
  Tensor<T> k_bias;       ///< (K D)
  Tensor<T> v_bias;       ///< (K D)
  Tensor<T> o;            ///< (C, H D)
  Tensor<T> output_norm;  ///< (C), before the feed-forward layer
  Tensor<T> gate;         ///< (I, C)
  Tensor<T> up;           ///< (I, C)
  Tensor<T> down;         ///< (C, I)
};

/// All numbers of a model. A tied head has no elements: it is the embedding.
template <class T>
struct llama_parameters {
  llama_config config;
  Tensor<T> embedding;  ///< (V, C)
  std::vector<layer_parameters<T>> layers;
  Tensor<T> norm;  ///< (C)
  Tensor<T> head;  ///< (V, C)

  llama_parameters() = default;

  /// All zero, in the shapes of the config.
  ///
  /// Throws  as check_config; std::bad_alloc.
  explicit llama_parameters(const llama_config& c) : config(c) {
    check_config(c);
    embedding = Tensor<T>(Shape{c.vocabulary, c.hidden});
    layers.resize(c.layers);
    for (layer_parameters<T>& l : layers) {
      l.input_norm = Tensor<T>(Shape{c.hidden});
      l.q = Tensor<T>(Shape{c.query_width(), c.hidden});
      l.k = Tensor<T>(Shape{c.kv_width(), c.hidden});
      l.v = Tensor<T>(Shape{c.kv_width(), c.hidden});
      if (c.attention_bias) {
        l.q_bias = Tensor<T>(Shape{c.query_width()});
        l.k_bias = Tensor<T>(Shape{c.kv_width()});
        l.v_bias = Tensor<T>(Shape{c.kv_width()});
      }
      l.o = Tensor<T>(Shape{c.hidden, c.query_width()});
      l.output_norm = Tensor<T>(Shape{c.hidden});
      l.gate = Tensor<T>(Shape{c.intermediate, c.hidden});
      l.up = Tensor<T>(Shape{c.intermediate, c.hidden});
      l.down = Tensor<T>(Shape{c.hidden, c.intermediate});
    }
    norm = Tensor<T>(Shape{c.hidden});
    if (!c.tied_head) head = Tensor<T>(Shape{c.vocabulary, c.hidden});
  }

  /// The weight of the output layer.
  [[nodiscard]] const Tensor<T>& head_weight() const { return config.tied_head ? embedding : head; }
  [[nodiscard]] Tensor<T>& head_weight() { return config.tied_head ? embedding : head; }
};

namespace detail {

template <class L, class F>
void for_each_layer_parameter(L& layer, const std::string& prefix, F& f) {
  const auto visit = [&](const char* name, auto& tensor) {
    if (tensor.size() != 0) f(prefix + name, tensor);
  };
  visit("input_layernorm.weight", layer.input_norm);
  visit("self_attn.q_proj.weight", layer.q);
  visit("self_attn.k_proj.weight", layer.k);
  visit("self_attn.v_proj.weight", layer.v);
  visit("self_attn.q_proj.bias", layer.q_bias);
  visit("self_attn.k_proj.bias", layer.k_bias);
  visit("self_attn.v_proj.bias", layer.v_bias);
  visit("self_attn.o_proj.weight", layer.o);
  visit("post_attention_layernorm.weight", layer.output_norm);
  visit("mlp.gate_proj.weight", layer.gate);
  visit("mlp.up_proj.weight", layer.up);
  visit("mlp.down_proj.weight", layer.down);
}

}  // namespace detail

/// f(name, tensor) for every tensor of the model in a fixed order, under Hugging Face's names; a tied head once, as the
/// embedding.
template <class P, class F>
void for_each_parameter(P& parameters, F&& f) {
  f(std::string("model.embed_tokens.weight"), parameters.embedding);
  for (std::size_t i = 0; i < parameters.layers.size(); ++i)
    detail::for_each_layer_parameter(parameters.layers[i],
                                     "model.layers." + std::to_string(i) + ".", f);
  f(std::string("model.norm.weight"), parameters.norm);
  if (parameters.head.size() != 0) f(std::string("lm_head.weight"), parameters.head);
}

}  // namespace qat::llama
