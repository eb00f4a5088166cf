#!/bin/sh
# What a person sees of distill_llama: numbers, texts, one sentence for every mistake, exit codes, Ctrl-C.
# Usage: program.sh <distill_llama> <make_model> <checkout>
set -u
program=$1
make_model=$2
checkout=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$checkout/tests/program/gives.sh"

model=$work/model
"$make_model" "$checkout/tests/golden/tokenizer_smollm2.json" "$model" || exit 1
printf '{"text":"Once upon a time there was a cat."}\n{"text":"The cat sat."}\n' >"$work/rows.jsonl"
i=0
while [ $i -lt 400 ]; do printf 'It was the best of times, it was the worst of times. '; i=$((i + 1)); done >"$work/long.txt"

# Numbers.
gives 0 '^{"nll":[0-9.]*,"perplexity":[0-9.]*,"tokens":[0-9]*}$' evaluate --model "$model" --text "$work/rows.jsonl" --json
cp "$work/out" "$work/one"
gives 0 '"tokens"' evaluate --model "$model" --text "$work/rows.jsonl" --json --threads 3 --no-mmap
cmp -s "$work/one" "$work/out" || fail "another number of threads gave other numbers"
gives 0 '"top1_agreement":1.0}$' evaluate --model "$model" --text "$work/rows.jsonl" --json --teacher "$model"
gives 0 '"kl":0.[0-9]*[1-9]' evaluate --model "$model" --text "$work/rows.jsonl" --json --teacher "$model" --scheme w4a8kv4
gives 0 '"tokens":93}$' evaluate --model "$model" --text "$work/long.txt" --protocol blocks --context 32 --limit 3 --json
gives 0 'nll .* nats a token' evaluate --model "$model" --text "$work/rows.jsonl"

# Texts: seeded.
gives 0 '"new_tokens":' sample --model "$model" --prompt cat --tokens 12 --temperature 1 --seed 5 --json
cp "$work/out" "$work/one"
gives 0 '"new_tokens":' sample --model "$model" --prompt cat --tokens 12 --temperature 1 --seed 5 --json --threads 2
cmp -s "$work/one" "$work/out" || fail "the same seed gave another text"
gives 0 '"new_tokens":' sample --model "$model" --prompt cat --tokens 12 --temperature 1 --seed 6 --json
cmp -s "$work/one" "$work/out" && fail "another seed gave the same text"

gives 0 '"kv_bytes_per_token"' inspect --model "$model" --json
gives 0 'model.layers.1.mlp.up_proj.weight' inspect --model "$model"
gives 0 'commit' --version

# Mistakes.
gives 1 'nowhere: does not exist; give a model folder' evaluate --model "$work/nowhere" --text "$work/rows.jsonl"
gives 1 'has no config.json' evaluate --model "$work" --text "$work/rows.jsonl"
gives 1 'nothing.txt: No such file' evaluate --model "$model" --text "$work/nothing.txt"
gives 1 'less than a block of 64; give a longer text' evaluate --model "$model" --text "$work/rows.jsonl" --protocol blocks
gives 1 'context 65: choose 2 to 64' evaluate --model "$model" --text "$work/rows.jsonl" --context 65
gives 1 'write w<bits>' evaluate --model "$model" --text "$work/rows.jsonl" --scheme w9
gives 1 'is not built into this program; choose one of' evaluate --model "$model" --text "$work/rows.jsonl" --scheme w5a5kv5
gives 2 'protocol' evaluate --model "$model" --text "$work/rows.jsonl" --protocol words
gives 2 'model is required' sample
echo 'no json' >"$work/bad.jsonl"
gives 1 'bad.jsonl, line 1: is not a JSON object' evaluate --model "$model" --text "$work/bad.jsonl"
cp -r "$model" "$work/mute"
rm "$work/mute/tokenizer.json"
gives 1 'no tokenizer: there is no .*name it with --tokenizer' sample --model "$work/mute" --prompt a
gives 0 'cat' sample --model "$work/mute" --tokenizer "$model/tokenizer.json" --prompt cat --tokens 4
head -c 3000 "$model/model.safetensors" >"$work/mute/model.safetensors"
gives 1 'model.safetensors at byte 8: expected' inspect --model "$work/mute"
printf 'GGUF\003\000\000\000' >"$work/cut.gguf"
gives 1 'cut.gguf at byte 8: expected 8 bytes of the number of tensors; found 0 bytes' inspect --model "$work/cut.gguf"

# Ctrl-C ends soon, with 130 and nothing on stdout.
i=0
while [ $i -lt 12 ]; do cat "$work/long.txt" "$work/long.txt" "$work/long.txt" "$work/long.txt"; i=$((i + 1)); done >"$work/endless.txt"
"$program" evaluate --model "$model" --text "$work/endless.txt" --protocol blocks --json >"$work/out" 2>"$work/err" &
process=$!
sleep 0.3
kill -INT $process 2>/dev/null || fail "the long evaluation ended before Ctrl-C"
wait $process
[ $? -eq 130 ] || fail "Ctrl-C did not give 130"
[ -s "$work/out" ] && fail "Ctrl-C printed numbers"
grep -q interrupted "$work/err" || fail "Ctrl-C was not mentioned"

[ $failures -eq 0 ]
