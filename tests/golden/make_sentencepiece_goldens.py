#!/usr/bin/env python3
"""Writes tokenizer_sentencepiece.txt: open_llama's SentencePiece model on the shared texts.

Usage: make_sentencepiece_goldens.py <data folder>. Needs PyPI sentencepiece and protobuf.
remove_extra_whitespaces is switched off: files in GGUF do not say it, and llama.cpp has no such step.
Lines: text (path in the data folder) or case and a text in hexadecimal | bytes of it | tokens | FNV-1a 64 of the ids, 4 bytes each,
little-endian, with ffffffff behind a row.
"""
import json
import os
import sys

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as model_pb2

data = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))
model = model_pb2.ModelProto()
model.ParseFromString(open(os.path.join(data, "tokenizers/openllama/tokenizer.model"), "rb").read())
model.normalizer_spec.remove_extra_whitespaces = False
processor = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())


def fnv(blob):
    h = 0xCBF29CE484222325
    for b in blob:
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def summary(rows):
    out, count = bytearray(), 0
    for row in rows:
        ids = processor.encode(row)
        count += len(ids)
        for i in ids:
            out += i.to_bytes(4, "little")
        out += b"\xff\xff\xff\xff"
    return f"{count} | {fnv(bytes(out))}"


TEXTS = [("text/tinystories_dev.jsonl", 60000), ("text/wikitext2_raw_validation.jsonl", 60000), ("text/tinyshakespeare.txt", 60000),
         ("text/moby-dick.txt", 200000)]
CASES = ["", " ", "a", "  a  b   c ", "héllo wörld 😀 漢字", "x\ny\tz", "ŧ ð ∑ ∫ 👩‍👩‍👧‍👦", "1234567", "\u00a0\u3000\u2581a", "ooooooooooooooooooooooooooo"]
with open(os.path.join(here, "tokenizer_sentencepiece.txt"), "w") as out:
    out.write(f"# make_sentencepiece_goldens.py with sentencepiece {sentencepiece.__version__}: text | bytes | tokens | hash of the ids\n")
    for path, limit in TEXTS:
        blob = open(os.path.join(data, path), "rb").read()[:limit]
        text = blob.decode(errors="replace")
        rows = [json.loads(line)["text"] for line in text.split("\n")[:-1] if line] if path.endswith(".jsonl") else [text]
        out.write(f"{path} | {len(blob)} | {summary(rows)}\n")
    for case in CASES:
        out.write(f"case {case.encode().hex()} | {len(case.encode())} | {summary([case])}\n")
