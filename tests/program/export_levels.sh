#!/bin/sh
# Exports in every width of weights, read back as levels: what tests/golden/check_compressed_tensors.py compares with.
# Usage: export_levels.sh <export_levels> <make_model> <checkout>
set -u
program=$1
make_model=$2
checkout=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$checkout/tests/program/gives.sh"

"$make_model" "$checkout/tests/golden/tokenizer_smollm2.json" "$work/model" || exit 1
for weights in w2 w3 w4 w4g32 w8; do
  for tables in 32 8; do
    export=$work/$weights-$tables
    gives 0 'wrote' "$work/model" $weights $tables "$export"
    gives 0 'wrote' "$export" "$export-levels"
    cmp -s "$work/model/model.safetensors" "$export-levels/model.safetensors" && fail "$weights: the levels are the weights"
    gives 0 'wrote' "$export" "$export-again"
    cmp -s "$export-levels/model.safetensors" "$export-again/model.safetensors" || fail "$weights: other levels"
  done
done
gives 1 'choose w2, w3, w4, w4g32 or w8' "$work/model" w5 32 "$work/w5"
gives 1 'no export' "$work/model" "$work/levels"

[ $failures -eq 0 ]
