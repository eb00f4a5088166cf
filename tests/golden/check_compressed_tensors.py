#!/usr/bin/env python3
"""Reads exports with the package compressed-tensors and with transformers, and compares bit by bit.
Usage: check_compressed_tensors.py <export_levels> [exports of distill_llama]

export_levels is tests/program/export_levels.cpp. Exports of random models in every width, with and without 8-bit tables, and
the exports that are named, go through
  - QuantizationConfig: config.json must parse;
  - PackedQuantizationCompressor.decompress with the scheme that the config gives a tensor, against codes of this script's own
    bit by bit unpacking times scales, and against the levels that the library reads;
  - AutoModelForCausalLM, which dequantizes while it loads, where the config names compressed-tensors and one width.
Needs torch, transformers, compressed-tensors, accelerate and safetensors from PyPI.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationConfig
from safetensors.torch import load_file

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def unpacked(words, bits, shape):
    """Field j of a row lies at bits [j b, (j + 1) b) of its little-endian stream and holds code + 2^(b-1)."""
    stream = np.unpackbits(words.numpy().view(np.uint8), axis=1, bitorder="little")[:, :shape[1] * bits]
    fields = stream.reshape(shape[0], shape[1], bits) @ (1 << np.arange(bits))
    return torch.tensor(fields - (1 << (bits - 1)), dtype=torch.float32)


def scheme_of(config, name):
    """The config's group of a module: by name before by class."""
    kind = "Embedding" if name.endswith("embed_tokens") else "Linear"
    ignored = any(name == i or (i.startswith("re:") and re.match(i[3:], name)) for i in config.ignore)
    groups = list(config.config_groups.values())
    by_name = [g for g in groups if any(t == name or (t.startswith("re:") and re.match(t[3:], name)) for t in g.targets)]
    return None if ignored else next(iter(by_name + [g for g in groups if kind in g.targets]), None)


def check(export, levels_folder):
    with open(os.path.join(export, "config.json")) as file:
        words = json.load(file)["quantization_config"]
    config = QuantizationConfig.model_validate(words)
    tensors = load_file(os.path.join(export, "model.safetensors"))
    levels = load_file(os.path.join(levels_folder, "model.safetensors"))
    modules = [name.removesuffix(".weight_packed") for name in tensors if name.endswith(".weight_packed")]
    compressor = BaseCompressor.get_value_from_registry("pack-quantized")
    compared, refused, expected = 0, 0, {name: t for name, t in tensors.items() if ".weight_" not in name}
    for name in modules:
        scheme = scheme_of(config, name)
        assert scheme is not None, f"{name} is packed, but no group of the config has it"
        state = {part: tensors[f"{name}.{part}"] for part in ("weight_packed", "weight_scale", "weight_shape")}
        shape, scale = state["weight_shape"].tolist(), state["weight_scale"]
        width = scheme.weights.group_size or shape[1]
        codes = unpacked(state["weight_packed"], scheme.weights.num_bits, shape)
        own = codes * scale.float().repeat_interleave(width, 1)[:, :shape[1]]
        expected[name + ".weight"] = own
        # The package computes in the type of the scale: half scales would round the levels to half.
        found_by = {"the library": levels[name + ".weight"]}
        if shape[1] % width == 0:  # the package has no groups with a remainder
            found_by["compressed-tensors"] = compressor.decompress({**state, "weight_scale": scale.float()}, scheme)["weight"]
        else:
            refused += 1
            assert words["quant_method"] == "qat"
        for kind, found in found_by.items():
            assert found.dtype == torch.float32 and torch.equal(found, own), f"{name}: {kind} reads something else"
        compared += codes.numel()
    assert sorted(expected) == sorted(levels) and all(torch.equal(expected[n], levels[n]) for n in levels)
    result = f"{words['quant_method']}, {words['format']}: {len(modules)} matrices, {compared} codes agree" + (
        f", {refused} matrices with a remainder of a group are the library's alone" if refused else "")
    one_width = len({scheme_of(config, name).weights.num_bits for name in modules}) == 1
    if words["quant_method"] == "compressed-tensors" and one_width:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            export, dtype=torch.float32, quantization_config=transformers.CompressedTensorsConfig(dequantize=True)).state_dict()
        differ = [n for n in expected if not torch.equal(model[n], expected[n])]
        half = any(t.dtype == torch.float16 for t in tensors.values())  # levels are rounded to the type of the scale
        assert differ == [] or half, differ
        result += f"; transformers dequantizes, {len(differ)} rounded to half"
        if words["qat"]["embedding_bits"] == 32:  # transformers cannot initialize a packed embedding
            packed = transformers.AutoModelForCausalLM.from_pretrained(export, dtype=torch.float32).state_dict()
            lost = [n for n in tensors if n not in packed or not torch.equal(packed[n], tensors[n])]
            assert lost == [], lost
            result += ", and loads all packed"
    return result


def write_model(folder, hidden, intermediate, tied):
    """A random model of two layers with heads of 6."""
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=53, hidden_size=hidden, intermediate_size=intermediate, num_hidden_layers=2, num_attention_heads=hidden // 6,
        num_key_value_heads=hidden // 12, head_dim=6, max_position_embeddings=64, tie_word_embeddings=tied)
    model = transformers.LlamaForCausalLM(config).float()
    model.save_pretrained(folder)
    path = os.path.join(folder, "config.json")
    with open(path) as file:
        words = json.load(file)
    words["rope_theta"] = 10000.0
    words.pop("rope_parameters", None)
    with open(path, "w") as file:
        json.dump(words, file)


def main():
    program, exports = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as work:
        # Rows that end in whole words and groups, and rows that do not.
        for name, hidden, intermediate, tied in (("tied", 96, 160, True), ("even", 96, 160, False), ("odd", 36, 50, False)):
            model = os.path.join(work, name)
            write_model(model, hidden, intermediate, tied)
            for weights in ("w4", "w4g32", "w8", "w3", "w2"):
                for tables in ("32", "8"):
                    exports.append(os.path.join(work, f"{name}-{weights}-{tables}"))
                    subprocess.run([program, model, weights, tables, exports[-1]], check=True, stdout=subprocess.DEVNULL)
        for i, export in enumerate(exports):
            levels = os.path.join(work, f"levels{i}")
            subprocess.run([program, export, levels], check=True, stdout=subprocess.DEVNULL)
            print(f"{os.path.basename(export)}: {check(export, levels)}")


main()
