#!/bin/sh
# The whole walk on a tiny model: the same bytes for any number of threads and after kill -9 at random moments, an export
# that is what was trained, and one sentence for everything that goes wrong.
# Usage: walk.sh <distill_llama> <make_model> <checkout> [kills]
set -u
program=$1
make_model=$2
checkout=$3
kills=${4:-6}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$checkout/tests/program/gives.sh"

model=$work/model
"$make_model" "$checkout/tests/golden/tokenizer_smollm2.json" "$model" || exit 1
i=0
while [ $i -lt 40 ]; do printf 'It was the best of times, it was the worst of times. '; i=$((i + 1)); done >"$work/text.txt"
options="--model $model --text $work/text.txt --context 24 --limit 5 --preset qat --scheme w4a8kv4 --steps 5 --batch 2 --length 16
  --save-every 1 --validate-every 2 --validation-limit 2 --seed 3"

# What must be the same bytes, whoever makes it and however often it is stopped.
same() {
  for file in run.json config.toml tokens.qts metrics.jsonl train/step-00000005.safetensors model/model.safetensors model/config.json \
    export.json result.json certificate.json; do
    cmp -s "$1/$file" "$2/$file" || fail "$3: $file differs"
  done
}

# shellcheck disable=SC2086
gives 0 '"logit_mismatches":0' $options --out "$work/one" --json --threads 1
grep -q '"teacher":{.*"baseline":{.*"baseline_paper":{.*"student":{.*"recovered_kl":.*"recovered_nll":.*"verify":{.*"seconds":{' "$work/out" ||
  fail "the JSON object lacks a member"
# Compiler, instruction set and machine leave no trace: the bytes are those that another one made.
(cd "$work/one" && sha256sum tokens.qts metrics.jsonl train/step-00000005.safetensors model/model.safetensors result.json) >"$work/hashes"
diff "$checkout/tests/golden/walk.sha256" "$work/hashes" || fail "the bytes are not those of tests/golden/walk.sha256"
# shellcheck disable=SC2086
gives 0 'recovered of round-to-nearest' $options --out "$work/three" --threads 3 --recompute
same "$work/one" "$work/three" "three threads and recomputation"
# shellcheck disable=SC2086
gives 0 'recovered of round-to-nearest' $options --out "$work/eight" --threads 8
same "$work/one" "$work/eight" "eight threads"
# shellcheck disable=SC2086
gives 0 '0 differ' $options --out "$work/one"
[ "$(grep -c '<svg' "$work/one/report.html")" -ge 1 ] || fail "the report has no drawing"
[ "$(grep -o '<svg' "$work/one/report.html" | wc -l)" -eq "$(grep -o '</svg>' "$work/one/report.html" | wc -l)" ] ||
  fail "a drawing in the report has no end"
for tag in table div pre; do
  [ "$(grep -o "<$tag[ >]" "$work/one/report.html" | wc -l)" -eq "$(grep -o "</$tag>" "$work/one/report.html" | wc -l)" ] ||
    fail "the report's <$tag> are not all closed"
done
grep -q '| LLM-QAT w4a8kv4 |' "$work/one/report.md" || fail "report.md has no row of the student"

gives 0 '0 differ' --config "$work/one/config.toml" --out "$work/again"
same "$work/one" "$work/again" "from its configuration"

# Killed at random moments, it goes on to the same bytes.
begun=$(date +%s%N)
# shellcheck disable=SC2086
"$program" $options --out "$work/timed" --threads 2 --quiet >/dev/null 2>&1
took=$((($(date +%s%N) - begun) / 1000000))
i=0
while [ $i -lt "$kills" ]; do
  rm -rf "$work/killed"
  # Three kills of one run: the moments are spread over the run, with a remainder that looks random.
  for part in 1 2 3; do
    # shellcheck disable=SC2086
    "$program" $options --out "$work/killed" --threads 2 --quiet >/dev/null 2>&1 &
    process=$!
    sleep "$(awk -v t="$took" -v i="$i" -v p="$part" 'BEGIN { x = i * 0.618034 + p * 0.7548777; printf "%.3f", t / 1000 * (x - int(x)) }')"
    kill -9 $process 2>/dev/null
    wait $process 2>/dev/null
    i=$((i + 1))
  done
  # shellcheck disable=SC2086
  gives 0 'recovered of round-to-nearest' $options --out "$work/killed" --threads 2
  same "$work/one" "$work/killed" "killed"
done

# Stage by stage gives the same, and what is there is said.
# shellcheck disable=SC2086
gives 0 '' generate $options --out "$work/stages"
# shellcheck disable=SC2086
gives 1 'training stands at step 0 of 5; run train first' export $options --out "$work/stages"
# shellcheck disable=SC2086
gives 0 "train: 5 steps" train $options --out "$work/stages"
# shellcheck disable=SC2086
gives 0 '' export $options --out "$work/stages"
cmp -s "$work/one/model/model.safetensors" "$work/stages/model/model.safetensors" || fail "stages: the export differs"
# shellcheck disable=SC2086
gives 0 '"weight_mismatches":0' verify $options --run "$work/stages" --json
# shellcheck disable=SC2086
gives 0 '"kl":' baseline $options --out "$work/stages" --json
gives 0 '"nll"' evaluate --model "$work/one" --text "$work/text.txt" --protocol blocks --context 24 --limit 5 --json
gives 0 'new_tokens' sample --model "$work/one" --prompt It --tokens 8 --json
# shellcheck disable=SC2086
gives 0 '"memory_bytes"' plan $options --json
# shellcheck disable=SC2086
gives 1 'holds a run with other options (/training/rate)' $options --out "$work/one" --lr 0.5
# shellcheck disable=SC2086
gives 1 'choose kl, labels or both' $options --out "$work/other" --loss words
# shellcheck disable=SC2086
gives 1 'choose detached or scale' $options --out "$work/other" --kv-gradient free
# shellcheck disable=SC2086
gives 1 'holds a run with other options (/training/kv_gradient)' $options --out "$work/one" --kv-gradient detached
# shellcheck disable=SC2086
gives 1 "give --head and --embedding the same bits" $options --out "$work/other" --head 8
# shellcheck disable=SC2086
gives 0 '0 differ' $options --out "$work/tables" --head 8 --embedding 8
# shellcheck disable=SC2086
gives 1 'Not a directory' $options --out /dev/null/run

# A changed bit of the export is seen.
cp -r "$work/one/model" "$work/changed"
size=$(wc -c <"$work/changed/model.safetensors")
printf '\001' | dd of="$work/changed/model.safetensors" bs=1 seek=$((size - 3)) conv=notrunc 2>/dev/null
# shellcheck disable=SC2086
gives 1 'they differ' verify $options --run "$work/one" --exported "$work/changed" --json

# No room for a snapshot: a sentence, and the earlier one stays.
rm -rf "$work/full"
# shellcheck disable=SC2086
gives 0 '' generate $options --out "$work/full"
# shellcheck disable=SC2086
(ulimit -f 8; "$program" train $options --out "$work/full" --quiet) >"$work/out" 2>&1
[ $? -eq 1 ] || fail "a file too large did not give 1"
grep -q 'File too large' "$work/out" || { fail "a file too large was not said"; cat "$work/out"; }
# shellcheck disable=SC2086
gives 0 'recovered' $options --out "$work/full"
same "$work/one" "$work/full" "after a full disk"

# Numbers that explode stop the run, with the step.
# shellcheck disable=SC2086
gives 1 'training stopped at step .* is not finite; the last good snapshot' $options --out "$work/wild" --lr 9e5

# An ablation goes through its arms.
# shellcheck disable=SC2086
gives 0 '| data | hybrid |' ablate $options --out "$work/arms" --seeds 2 --only hybrid top-1 --quiet

[ $failures -eq 0 ]
