#!/usr/bin/env python3
"""Writes corpus/tokenizer: small tokenizers, whole and malformed, for tokenizer_fuzz.cpp."""
import json
import os
import struct

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus/tokenizer")
os.makedirs(folder, exist_ok=True)


def put(name, content):
    if not isinstance(content, (bytes, str)):
        content = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    with open(os.path.join(folder, name), "wb") as out:
        out.write(content if isinstance(content, bytes) else content.encode())


def token(i, content, **flags):
    return {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": True, **flags}


def document(vocab, merges, **parts):
    model = {"type": "BPE", "vocab": {v: i for i, v in enumerate(vocab)}, "merges": merges, **parts.pop("model", {})}
    return {"added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None,
            "model": model, **parts}


S = "\u2581"
byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
llama3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
words = document(["a", "b", "\u0120", "\u00c3", "\u00a9", "ab", "\u0120ab"], ["a b", ["\u0120", "ab"]], pre_tokenizer=byte_level,
                 decoder=byte_level, added_tokens=[token(7, "<s>", lstrip=True), token(8, "[x]", single_word=True, special=False)])
put("byte_level.json", words)
put("llama3.json", document(["a", "b", "1", "ab"], ["a b"], decoder=byte_level, model={"ignore_merges": True}, pre_tokenizer={
    "type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": llama3}, "behavior": "Isolated", "invert": False},
                                          {**byte_level, "use_regex": False}]}))
put("digits.json", document(["a", "1", "2", "12"], ["1 2"], pre_tokenizer={
    "type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]}))
space = {"type": "Replace", "pattern": {"String": S}, "content": " "}
put("metaspace.json", document(["<unk>", "<0xC3>", "<0xA9>", S, "a", S + "a"], [[S, "a"]],
    model={"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True},
    normalizer={"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": S},
                                                    {"type": "Replace", "pattern": {"String": " "}, "content": S}]},
    decoder={"type": "Sequence", "decoders": [space, {"type": "ByteFallback"}, {"type": "Fuse"},
                                              {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}))
put("first.json", document([S, "a", S + "a"], [[S, "a"]], added_tokens=[token(3, "<s>", rstrip=True, normalized=True)],
    pre_tokenizer={"type": "Metaspace", "replacement": S, "prepend_scheme": "first", "split": True},
    decoder={"type": "Metaspace", "replacement": S, "prepend_scheme": "first"}, post_processor={
        "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "B", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {"B": {"id": "B", "ids": [3], "tokens": ["<s>"]}}}))
put("cut.json", json.dumps(words)[:150])
put("gap.json", document(["a"], [], added_tokens=[token(1000, "x")]))
put("count_bomb.json", document(["a"], [], added_tokens=[token(4294967295, "x")]))
put("same_id.json", {"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}})
put("merge_to_nothing.json", document(["a", "b"], ["a b"]))
put("merge_to_itself.json", document(["a", "aa"], ["a a", ["aa", ""]]))
put("unknown_normalizer.json", document(["a"], [], normalizer={"type": "NFC"}))
put("nested.json", "[" * 300)
put("wrong_types.json", {"model": {"vocab": [], "merges": {}}, "added_tokens": 3})


def llama2c(tokens, longest=6):
    return struct.pack("<i", longest) + b"".join(struct.pack("<fi", s, len(p)) + p for p, s in tokens)


base = [(b"<unk>", 0.0), (b"<s>", 0.0), (b"</s>", 0.0)] + [(b"<0x%02X>" % b, 0.0) for b in range(256)]
put("whole.bin", llama2c(base + [(b" ", -1.0), (b"a", -2.0), (b" a", -3.0), (b"aa", -3.0), ("\u6f22".encode(), -4.0)]))
put("cut.bin", llama2c(base)[:-3])
put("nan.bin", llama2c([(b"<unk>", float("nan"))] + base[1:]))
put("length.bin", llama2c(base, 2**31 - 1))
put("negative.bin", llama2c(base)[:8] + struct.pack("<i", -1) + llama2c(base)[12:])

put("lines_scores.txt", "A<unk>\nB<s>\nB</s>\n@" + S + "\n@a\nD" + S + "a\nDaa\nCuser\n" + "".join(f"E<0x{b:02X}>\n" for b in range(256)))
put("lines_merges.txt", "@a\n@b\n@ab\n@\u0120\nB<s>\n a b\n \u0120 ab\n@\u0120ab\n")
