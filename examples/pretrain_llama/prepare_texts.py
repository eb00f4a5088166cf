#!/usr/bin/env python3
"""Makes the training text, the held-out text and the tokenizer of the embedded teacher.

    prepare_texts.py --texts FOLDER --out FOLDER [--vocabulary 2048]

FOLDER holds public-domain texts (*.txt). The last part of each goes to validation.txt and is never trained on, the
tokenizer included. Needs the package `tokenizers` from PyPI.
"""
import argparse
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HELD_OUT_BYTES = 50_000  # of each text


def split(text):
    """The text up to a paragraph's end near HELD_OUT_BYTES before its end, and the rest."""
    at = text.find("\n\n", len(text) - HELD_OUT_BYTES)
    return text[:at].strip() + "\n", text[at:].strip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--vocabulary", type=int, default=2048)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    train, held_out = [], []
    for path in sorted(options.texts.glob("*.txt")):
        text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
        first, last = split(text)
        train.append(first)
        held_out.append(last)
        print(f"{path.name}: {len(first)} characters to train on, {len(last)} held out")
    (options.out / "train.txt").write_text("\n".join(train), encoding="utf-8")
    (options.out / "validation.txt").write_text("\n".join(held_out), encoding="utf-8")

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=options.vocabulary,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train([str(options.out / "train.txt")], trainer)
    tokenizer.save(str(options.out / "tokenizer.json"))
    for name in ("train.txt", "validation.txt"):
        ids = tokenizer.encode((options.out / name).read_text(encoding="utf-8")).ids
        print(f"{name}: {len(ids)} tokens")


if __name__ == "__main__":
    main()
