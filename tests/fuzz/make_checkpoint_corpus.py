#!/usr/bin/env python3
"""Writes corpus/safetensors, corpus/gguf and corpus/llama2c: small checkpoints, whole and malformed."""
import json
import os
import struct

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def put(folder, name, content):
    os.makedirs(os.path.join(here, folder), exist_ok=True)
    with open(os.path.join(here, folder, name), "wb") as out:
        out.write(content if isinstance(content, bytes) else content.encode())


def u32(*n):
    return struct.pack(f"<{len(n)}I", *n)


def u64(*n):
    return struct.pack(f"<{len(n)}Q", *n)


def safetensors(header, data):
    text = header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))
    return u64(len(text)) + text.encode() + data


whole = {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
         "b": {"dtype": "BF16", "shape": [], "data_offsets": [16, 18]}, "c": {"dtype": "F16", "shape": [1], "data_offsets": [18, 20]},
         "d": {"dtype": "I8", "shape": [3], "data_offsets": [20, 23]}}
put("safetensors", "whole", safetensors(whole, bytes(23)))
put("safetensors", "cut", safetensors(whole, bytes(23))[:-4])
put("safetensors", "hole", safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)))
put("safetensors", "overlap", safetensors({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}, bytes(4)))
put("safetensors", "huge_shape", safetensors({"a": {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 4]}}, bytes(4)))
put("safetensors", "length_bomb", u64(2**64 - 1) + b"{}")
put("safetensors", "twice", safetensors('{"a":1,"a":2}', b""))
put("safetensors", "nested", safetensors("[" * 200 + "]" * 200, b""))
config = {"model_type": "llama", "vocab_size": 53, "hidden_size": 36, "intermediate_size": 50, "num_hidden_layers": 2,
          "num_attention_heads": 6, "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "tie_word_embeddings": True, "eos_token_id": [1, 2],
          "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 64}}
put("safetensors", "config.json", json.dumps(config))
put("safetensors", "config_huge.json", json.dumps({**config, "hidden_size": 2**63, "num_hidden_layers": 0}))


def string(text):
    return u64(len(text.encode())) + text.encode()


def key(name, kind, value):
    return string(name) + u32(kind) + value


def texts(words):
    return u32(8) + u64(len(words)) + b"".join(map(string, words))


def gguf(keys, tensors, data, version=3):
    body = b"GGUF" + u32(version) + u64(len(tensors), len(keys)) + b"".join(keys)
    for name, extents, kind, offset in tensors:
        body += string(name) + u32(len(extents)) + u64(*extents) + u32(kind) + u64(offset)
    return body + bytes(-len(body) % 32) + data


model = [key("general.architecture", 8, string("llama"))] + [key("llama." + n, 4, u32(v)) for n, v in (
    ("embedding_length", 32), ("feed_forward_length", 32), ("block_count", 1), ("attention.head_count", 2), ("context_length", 16))]
model.append(key("llama.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-5)))
words = [key("tokenizer.ggml.model", 8, string("gpt2")), key("tokenizer.ggml.pre", 8, string("smollm")),
         key("tokenizer.ggml.tokens", 9, texts(["a", "b", "ab"])), key("tokenizer.ggml.merges", 9, texts(["a b"])),
         key("tokenizer.ggml.token_type", 9, u32(5) + u64(3) + u32(1, 1, 1))]
tensors = [("token_embd.weight", [32, 2], 8, 0), ("output_norm.weight", [32], 3, 96), ("rope_freqs.weight", [8], 0, 128),
           ("other", [256], 12, 160)]
put("gguf", "whole", gguf(model + words, tensors, bytes(320)))
put("gguf", "version2", gguf(model, tensors[:1], bytes(68), 2))
put("gguf", "cut", gguf(model + words, tensors, bytes(320))[:-200])
put("gguf", "scores", gguf([key("tokenizer.ggml.model", 8, string("llama")), key("tokenizer.ggml.tokens", 9, texts(["<unk>", "a", "b"])),
                            key("tokenizer.ggml.scores", 9, u32(6) + u64(3) + struct.pack("<3f", 0, -1, -2))], [], b""))
put("gguf", "count_bomb", b"GGUF" + u32(3) + u64(2**64 - 1, 2**64 - 1))
put("gguf", "array_bomb", gguf([key("a", 9, u32(8) + u64(2**62))], [], b""))
put("gguf", "nested_array", gguf([key("a", 9, u32(9) + u64(1))], [], b""))
put("gguf", "huge_shape", gguf([], [("a", [2**40, 2**40], 8, 0)], bytes(64)))
put("gguf", "overlap", gguf([], [("a", [8], 0, 0), ("b", [8], 0, 0)], bytes(64)))
put("gguf", "alignment", gguf([key("general.alignment", 4, u32(0))], [("a", [8], 0, 0)], bytes(64)))


def i32(*n):
    return struct.pack(f"<{len(n)}i", *n)


def legacy(dim, hidden, layers, heads, kv, vocabulary, length):
    floats = abs(vocabulary) * dim + layers * (2 * dim + 2 * dim * dim + 2 * dim * dim // heads * kv + 3 * dim * hidden) + dim
    floats += length * dim // heads + (0 if vocabulary > 0 else -vocabulary * dim)
    return i32(dim, hidden, layers, heads, kv, vocabulary, length) + bytes(4 * floats)


put("llama2c", "tied", legacy(4, 6, 1, 2, 1, 3, 2))
put("llama2c", "untied", legacy(4, 6, 2, 2, 2, -3, 2))
put("llama2c", "cut", legacy(4, 6, 1, 2, 1, 3, 2)[:-8])
put("llama2c", "longer", legacy(4, 6, 1, 2, 1, 3, 2) + b"more")
put("llama2c", "odd_heads", i32(6, 6, 1, 2, 1, 3, 2))
put("llama2c", "negative", i32(-4, 6, 1, 2, 1, 3, 2))
put("llama2c", "size_bomb", i32(1 << 24, 1 << 24, 65536, 1, 1, 1 << 24, 1 << 24))
quantized = 4 * (2 * 4 + 4)
for elements in (3 * 4, 16, 8, 8, 16, 24, 24, 24):
    quantized += elements + elements // 4 * 4
header = i32(0x616B3432, 2, 4, 6, 1, 2, 1, 3, 2) + b"\x01" + i32(4)
put("llama2c", "version2", header + bytes(256 - len(header)) + bytes(quantized))
put("llama2c", "group_zero", header[:-4] + i32(0) + bytes(256))
put("llama2c", "version3", i32(0x616B3432, 3) + bytes(300))
