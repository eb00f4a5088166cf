#!/usr/bin/env python3
"""Writes tokenizer_*.json (small tokenizers trained here), tokenizer_cases.txt and tokenizer_texts.txt.

Usage: make_tokenizer_goldens.py <data folder> [--keep]    (--keep: use the committed tokenizer_*.json, train nothing)
Needs PyPI tokenizers 0.22.1. Bytes are written in hexadecimal; malformed UTF-8 is decoded with errors="replace" first.

tokenizer_cases.txt, lines
  properties | FNV-1a 64 of one byte a code point, U+0000 to U+10FFFF without surrogates: 1 letter, 2 number, 4 word, 8 space
  variant | name | file | merge patch (RFC 7386) that makes the tokenizer of the file
  case | name | text | ids | ids with special tokens as text, or = | decoded, special tokens shown, or = for the text |
    decoded, special tokens dropped, or = for the same
tokenizer_texts.txt, lines
  tokenizer (path in the data folder, or name) | text (path in the data folder) | bytes of it | tokens | FNV-1a 64 of the ids
  A .jsonl text is its rows, field `text`, each by itself; ids are hashed as 4 bytes, little-endian, with ffffffff behind a row.
"""
import copy
import json
import os
import random
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

assert tokenizers.__version__ == "0.22.1", tokenizers.__version__
data = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))
GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
LLAMA3 = (r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"""
          r"""|\s+(?!\S)|\s+""")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

UNICODE = [
    "Ünïcödé façade naïve", "e\u0301\u0302\u0303 combining a\u030a\u0323", "漢字かな交じり文、テスト。中文测试", "한국어 시험",
    "مرحبا بالعالم ٠١٢٣٤٥٦٧٨٩", "हिन्दी परीक्षण १२३", "Привет, мир!", "שלום עולם", "👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️‍🔥 😀😀", "½ ⅓ ² ³ Ⅻ ① ㊿",
    "nbsp\u00a0here\u202fand\u2003there\u3000end", "zero\u200bwidth\u200djoin\ufeffbom", "line\u2028sep\u2029par\u0085nel",
]


def fnv(blob):
    h = 0xCBF29CE484222325
    for b in blob:
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def properties():
    """Of every code point, asked from the package."""
    def kept(pattern):
        split = pre_tokenizers.Split(Regex(pattern), "removed")
        return [not split.pre_tokenize_str(chr(c)) for c in points]

    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    letters, numbers, spaces = kept(r"\p{L}"), kept(r"\p{N}"), kept(r"\s")
    digits = pre_tokenizers.Digits(individual_digits=True)
    for c, number in zip(points, numbers):
        assert number == (len(digits.pre_tokenize_str("a" + chr(c))) == 2), hex(c)
    single = Tokenizer(models.BPE(vocab={"<unk>": 0}, merges=[], unk_token="<unk>"))
    single.add_tokens([AddedToken("zq", single_word=True, normalized=False)])
    words = [1 not in single.encode(chr(c) + "zq").ids for c in points]
    return bytes(a | b << 1 | w << 2 | s << 3 for a, b, w, s in zip(letters, numbers, words, spaces))


def corpus():
    text = open(os.path.join(data, "text/tinyshakespeare.txt")).read()[:200000]
    lines = text.split("\n") + UNICODE * 12
    random.Random(1).shuffle(lines)
    return [line + "\n" for line in lines] + ["It's 1234 o'clock, we'll SEE; they'VE 20 99 2024 things.\n"] * 60


def train(name, pre, specials, size, alphabet, added=(), edit=None, **model):
    t = Tokenizer(models.BPE(**model))
    t.pre_tokenizer = pre
    t.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=size, special_tokens=specials, show_progress=False,
                                                        initial_alphabet=alphabet, limit_alphabet=300))
    t.add_tokens(list(added))
    document = json.loads(t.to_str())
    if edit:
        edit(document)
    path = os.path.join(here, f"tokenizer_{name}.json")
    json.dump(document, open(path, "w"), ensure_ascii=True, separators=(",", ":"))
    assert os.path.getsize(path) < 40000, os.path.getsize(path)


def train_all():
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    decoder = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}

    def with_decoder(document):
        document["decoder"] = decoder

    train("gpt2", byte_level, ["<|endoftext|>"], 480, alphabet, edit=with_decoder, added=[
        AddedToken("[L]", lstrip=True, normalized=False), AddedToken("[R]", rstrip=True, normalized=False),
        AddedToken("[LR]", lstrip=True, rstrip=True, special=True), AddedToken("[word]", single_word=True),
        AddedToken("wordy", single_word=True), AddedToken("caf\u00e9"), AddedToken("[L]x", normalized=False)])

    def llama3(document):
        with_decoder(document)
        document["model"]["ignore_merges"] = True
        # A token that no merge makes: only ignore_merges finds it.
        document["model"]["vocab"]["\u0120unmergeable"] = 900
        bos = {"id": "<|begin_of_text|>", "type_id": 0}
        document["post_processor"] = {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            {"type": "TemplateProcessing", "single": [{"SpecialToken": bos}, {"Sequence": {"id": "A", "type_id": 0}}],
             "pair": [{"SpecialToken": bos}, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
             "special_tokens": {"<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [0], "tokens": ["<|begin_of_text|>"]}}}]}

    train("llama3", pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                                             pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
          ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"], 500, alphabet, edit=llama3)
    train("smollm2", pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level]),
          ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], 480, alphabet, edit=with_decoder)

    def llama2(document):
        document["added_tokens"] = [t for t in document["added_tokens"] if not t["content"].startswith("<0x")]
        document["pre_tokenizer"] = None
        document["normalizer"] = {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u2581"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
        document["decoder"] = {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
        document["model"]["merges"] = [" ".join(m) if not isinstance(m, str) else m for m in document["model"]["merges"]]

    train("metaspace", pre_tokenizers.Metaspace(), ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)], 620, [],
          edit=llama2, unk_token="<unk>", fuse_unk=True, byte_fallback=True)


def metaspace(scheme, split):
    return {"normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme,
                                                  "split": split}}


NORMALIZED = [{"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True,
               "special": True} for i, content in enumerate(["<unk>", "<s>", "</s>"])]
SPACE_DECODER = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
BYTES = {f"<0x{b:02X}>": None for b in range(0x80, 0xC0)}
VARIANTS = [  # name, file, patch
    ("gpt2", "gpt2", {}), ("llama3", "llama3", {}), ("smollm2", "smollm2", {}), ("metaspace", "metaspace", {}),
    ("prefix space", "gpt2", {"pre_tokenizer": {"add_prefix_space": True}}),
    ("one word", "gpt2", {"pre_tokenizer": {"use_regex": False}}),
    ("no decoder", "gpt2", {"decoder": None}),
    ("merges count", "llama3", {"model": {"ignore_merges": None}}),
    ("qwen2", "llama3", {"pre_tokenizer": {"pretokenizers": [
        {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Removed", "invert": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]}}),
    ("digit runs", "smollm2", {"pre_tokenizer": {"pretokenizers": [
        {"type": "Digits", "individual_digits": False},
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}]}}),
    ("always", "metaspace", {**metaspace("always", True), "decoder": SPACE_DECODER}),
    ("first", "metaspace", {**metaspace("first", False), "decoder": {**SPACE_DECODER, "prepend_scheme": "first"}}),
    ("first split", "metaspace", metaspace("first", True)),
    ("never", "metaspace", {**metaspace("never", False), "decoder": {**SPACE_DECODER, "prepend_scheme": "never"}}),
    ("normalized", "metaspace", {"added_tokens": NORMALIZED}),
    ("first normalized", "metaspace", {"added_tokens": NORMALIZED, **metaspace("first", False)}),
    ("no bytes", "metaspace", {"model": {"byte_fallback": False}}),
    ("some bytes", "metaspace", {"model": {"vocab": BYTES}}),
    ("some bytes unfused", "metaspace", {"model": {"vocab": BYTES, "fuse_unk": False}}),
    ("nothing for unknown", "metaspace", {"model": {"byte_fallback": False, "unk_token": None}}),
    ("strip two", "metaspace", {"decoder": {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": "  "},
        {"type": "Strip", "content": " ", "start": 2, "stop": 0}]}}),
]

CASES = [s.encode() for s in UNICODE + [
    "", " ", "  ", "\n", "\t", " a", "a ", "  a  ", "a  b   c    d", " \n \n\n  x\n", "a\r\nb\r\n\r\n  c", "\t\tx\t y", "   \n", "x   \n   ",
    "\u00a0\u00a0a\u00a0", "\u3000x \u2003 y", "it's IT'S we'll WE'LL I'd I'D they've THEY'VE you're YOU'RE I'm don't 'tis 'S", "'ſ it'ſ",
    "''s 's' ' s'll", "1 12 123 1234 12345 3.14159 1,000,000", "a1b22c333", "²³ x½y ⅻ٣٤", "hello world unmergeable", " unmergeable",
    "To be, or not to be: that is the question.", "ABCdefGHIjkl", "!!!??? --- ... \"quoted\" (paren) [bracket] {brace}", "#hashtag @user $5 50% a_b",
    "<|endoftext|>", "a<|endoftext|>b", " <|endoftext|> ", "<|begin_of_text|>x<|eot_id|><|end_of_text|>", "<s>a</s> <unk> b<s> c",
    "<|im_start|>user\nhi<|im_end|>\n", "x [L] y", "x  [L]  y", "x [R] y", "x  [R]  \n y", "x  [LR]  y", "[L][L] [R] [L] [R] [R]", "[LR] [LR]",
    "[word] x[word] [word]x é[word] [word]", "wordy wordyx xwordy wordy's _wordy wordy_", "a café cafés", "[L]x [L] x", "[L", "<|endoftext",
    "<0x41> <0x0A>", "\u2581 \u2581a", "a\u2581b", "a\x00b\x01\x7f", "\ufffd", "ðŁĺĢ Ġ Ċ", "\U0001f600\U0010ffff\ue000",
    "supercalifragilisticexpialidocious" * 2, "a" * 70, " " * 40 + "x", "\n" * 20, "ab" * 20 + "é" * 20, "¡" * 17,
    "x\u0301" * 8, "\U0001d54f\U0001d7d8 math", "ǅ ʰ ª º", "a\u0085b", "K \u212a Å \u212b", "ﬁ ﬂ ß ẞ İ ı", "\u180e\u200e\u2060",
]] + [b"\xff", b"a\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82x", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf \xf4\x90\x80\x80", b"ok\x80\x80ok",
      b"\xf0\x9f\x98\x80\x80", b"\xe0\x80\x80 \xf8\x88\x80\x80\x80"]


def tokens_of(t, rows):
    out, count = bytearray(), 0
    for row in rows:
        ids = t.encode(row, add_special_tokens=False).ids
        count += len(ids)
        for i in ids:
            out += i.to_bytes(4, "little")
        out += b"\xff\xff\xff\xff"
    return count, fnv(bytes(out))


if "--keep" not in sys.argv:
    train_all()
variants = {}
with open(os.path.join(here, "tokenizer_cases.txt"), "w") as out:
    out.write(f"# make_tokenizer_goldens.py with tokenizers {tokenizers.__version__}: see there for the lines\n")
    out.write(f"properties | {fnv(properties())}\n")
    for name, file, patch in VARIANTS:
        def merged(target, patch):
            if not isinstance(patch, dict):
                return patch
            target = dict(target) if isinstance(target, dict) else {}
            for key, value in patch.items():
                if value is None:
                    target.pop(key, None)
                else:
                    target[key] = merged(target.get(key), value)
            return target

        document = merged(json.load(open(os.path.join(here, f"tokenizer_{file}.json"))), patch)
        for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
            document.setdefault(key, None)
        t = variants[name] = Tokenizer.from_str(json.dumps(document))
        out.write(f"variant | {name} | tokenizer_{file}.json | {json.dumps(patch, separators=(',', ':'))}\n")
        for case in CASES:
            text = case.decode(errors="replace")
            t.encode_special_tokens = True
            plain = t.encode(text, add_special_tokens=False).ids
            t.encode_special_tokens = False
            ids = t.encode(text, add_special_tokens=False).ids
            shown = t.decode(ids, skip_special_tokens=False)
            dropped = t.decode(ids, skip_special_tokens=True)
            fields = (case.hex(), " ".join(map(str, ids)), "=" if plain == ids else " ".join(map(str, plain)),
                      "=" if shown == text else shown.encode().hex(), "=" if dropped == shown else dropped.encode().hex())
            out.write(f"case | {name} | " + " | ".join(fields) + "\n")

TEXTS = [("text/tinystories_dev.jsonl", None), ("text/wikitext2_raw_validation.jsonl", None), ("text/tinyshakespeare.txt", None),
         ("text/frankenstein.txt", 200000), ("text/moby-dick.txt", 200000)]
with open(os.path.join(here, "tokenizer_texts.txt"), "w") as out:
    out.write(f"# make_tokenizer_goldens.py with tokenizers {tokenizers.__version__}: tokenizer | text | bytes | tokens | hash of the ids\n")
    shared = "models/tinystories656k/tokenizer.json"
    for name in [shared, "gpt2", "llama3", "smollm2", "qwen2", "metaspace", "first split"]:
        t = Tokenizer.from_file(os.path.join(data, name)) if name == shared else variants[name]
        for path, limit in TEXTS:
            if name != shared and limit is None:
                limit = 60000
            blob = open(os.path.join(data, path), "rb").read()[:limit]
            if path.endswith(".jsonl"):
                lines = blob.decode(errors="replace").split("\n")
                if limit is not None:
                    lines = lines[:-1]  # cut
                rows = [json.loads(line)["text"] for line in lines if line]
            else:
                rows = [blob.decode(errors="replace")]
            count, ids_hash = tokens_of(t, rows)
            out.write(f"{name} | {path} | {len(blob)} | {count} | {ids_hash}\n")
