#!/usr/bin/env python3
"""Writes llama_logits.txt: logits of small LLaMAs by Hugging Face's transformers in fp32, in full precision and with weights
rounded to 4 bits. Usage: make_llama_logits.py [folder of tinystories656k, tinystories_dev.jsonl]

Weights come from a hash of (tensor, element), so that only configs, tokens and logits are stored; llama_logits_test.cpp has
the same hash. Needs torch, transformers and numpy from PyPI.
"""
import json
import os
import sys

import numpy as np
import torch
import transformers

from hashed import hashed_values, mixed

torch.set_num_threads(1)
here = os.path.dirname(os.path.abspath(__file__))
layer_names = ["input_layernorm.weight", "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight",
               "self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias", "self_attn.o_proj.weight",
               "post_attention_layernorm.weight", "mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"]


def weights(index, name, shape):
    return torch.tensor(hashed_values(index, name, shape, 2.0**-13).reshape(shape).astype(np.float32))


def fill(model):
    names = ["model.embed_tokens.weight"]
    for layer in range(model.config.num_hidden_layers):
        names += [f"model.layers.{layer}.{name}" for name in layer_names]
    names += ["model.norm.weight", "lm_head.weight"]
    parameters = dict(model.named_parameters())
    index = 0
    with torch.no_grad():
        for name in names:
            if name in parameters:
                index += 1
                parameters[name].copy_(weights(index, name, parameters[name].shape))
    assert index == len(parameters), sorted(parameters)


def levels(w, group):
    """W4: absmax / 7 a row in fp32, or a group of the row rounded to fp16; codes by the product with 1 / scale."""
    result = torch.empty_like(w)
    width = group or w.shape[1]
    for begin in range(0, w.shape[1], width):
        x = w[:, begin:begin + width]
        scale = x.abs().amax(1, keepdim=True) / torch.tensor(7.0)
        if group:
            scale = scale.half().float()
        codes = torch.round(x * (1.0 / scale)).clamp(-7, 7)
        result[:, begin:begin + width] = codes * scale
    return result


def quantized(model, group):
    with torch.no_grad():
        for name, p in model.named_parameters():
            if ".layers." in name and name.endswith("proj.weight"):
                p.copy_(levels(p, group))


def hexadecimal(values):
    return " ".join(f"{b:08x}" for b in values.contiguous().view(torch.int32).numpy().astype(np.uint32).ravel())


def write(out, name, make, config, tokens, positions):
    for scheme, group in (("w16a16kv16", None), ("w4a16kv16", 0), ("w4g16a16kv16", 16)):
        model = make()
        if group is not None:
            quantized(model, group)
        with torch.no_grad():
            logits = model(torch.tensor([tokens])).logits[0]
        out.write(" | ".join([name, scheme, json.dumps(config, separators=(",", ":")), " ".join(map(str, tokens)),
                              " ".join(map(str, positions)), hexadecimal(logits[positions])]) + "\n")


base = dict(vocab_size=53, hidden_size=36, intermediate_size=50, num_hidden_layers=2, num_attention_heads=6,
            num_key_value_heads=6, head_dim=6, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False)
cases = {
    "llama1": dict(rms_norm_eps=1e-6),
    "llama2_grouped": dict(num_key_value_heads=3),
    "llama3": dict(num_key_value_heads=2, rope_theta=500000.0, rope_scaling=dict(
        rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)),
    "linear_scaling": dict(rope_scaling=dict(rope_type="linear", factor=2.5)),
    "smollm2": dict(num_key_value_heads=2, tie_word_embeddings=True, rope_theta=100000.0),
    "one_key_head": dict(num_key_value_heads=1),
    "own_head_size": dict(head_dim=10, num_key_value_heads=2),
    "qwen2": dict(model_type="qwen2", num_key_value_heads=2, rms_norm_eps=1e-6, rope_theta=1000000.0, tie_word_embeddings=True),
}


def main():
    with open(os.path.join(here, "llama_logits.txt"), "w") as out:
        out.write(f"# By make_llama_logits.py with transformers {transformers.__version__} and torch "
                  f"{torch.__version__.split('+')[0]} in fp32: name | scheme | config.json | tokens | positions | logits\n")
        tokens = [int(t) for t in mixed(np.arange(40) + (1 << 30)) % np.uint64(53)]
        for name, changes in cases.items():
            config = {**base, **changes}
            kind = config.get("model_type", "llama")
            arguments = {k: v for k, v in config.items() if k != "model_type"}

            def make():
                types = {"llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
                         "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM)}[kind]
                model = types[1](types[0](**arguments, attn_implementation="eager")).float().eval()
                fill(model)
                return model

            write(out, name, make, config, tokens, [0, 9, 39])
        if len(sys.argv) == 3:
            folder, text = sys.argv[1:]
            tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=os.path.join(folder, "tokenizer.json"))
            with open(text) as rows:
                tokens = [1] + tokenizer.encode(json.loads(rows.readline())["text"], add_special_tokens=False)[:31]

            def load():
                return transformers.LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")

            write(out, "tinystories656k", load, {}, tokens, [31])


main()
