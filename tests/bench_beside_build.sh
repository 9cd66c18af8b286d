#!/usr/bin/env bash
# Measures another build of quorate beside this one: in turn, each in a fresh cluster of three, with the
# same client (this build's), the order swapped each round. Prints the median of each figure, and of the
# ratios within a round their quartiles.
#
#   tests/bench_beside_build.sh OTHER_QUORATE [ROUNDS] [SECONDS]      (default: 8 rounds of 3 seconds a figure)
#
# An older build: git worktree add /tmp/old COMMIT && (cd /tmp/old && cargo build --release)
set -u
cd "$(dirname "$0")/.."
. tests/clusters.sh
this=$QUORATE other=$(realpath "${1:?the other build of quorate}")
rounds=${2:-8} seconds=${3:-3}
results=$clusters/results

measure() { # NAME BINARY
  local load clients reads endpoint
  QUORATE=$2 start_quorate
  await "127.0.0.1:$QUORATE_BASE" || exit 1
  endpoint=$(leader_of "$QUORATE_BASE") || { echo "$1 has no leader" >&2; exit 1; }
  for load in "1 0" "64 0" "256 0" "256 100"; do
    read -r clients reads <<<"$load"
    "$this" bench --json --seconds "$seconds" --endpoints "$endpoint" --clients "$clients" \
      --reads "$reads" 2>/dev/null |
      python3 -c '
import json, sys
name, clients, reads = sys.argv[1:]
load = json.load(sys.stdin)["load"]
side = load["get" if reads == "100" else "put"]
print(("get " if reads == "100" else "put ") + clients, name, side["throughput"], side["latency"]["p99"], sep="\t")
' "$1" "$clients" "$reads" >>"$results"
  done
  kill "${started[@]}"
  wait "${started[@]}" 2>/dev/null
  started=()
  rm -rf "$clusters/quorate"
}

for round in $(seq "$rounds"); do
  if [ $((round % 2)) = 1 ]; then
    measure other "$other"
    measure this "$this"
  else
    measure this "$this"
    measure other "$other"
  fi
  echo "round $round of $rounds done" >&2
done

python3 - "$results" <<'P'
import sys, statistics as s, collections
runs = collections.defaultdict(list)
for line in open(sys.argv[1]):
    load, name, *figures = line.rstrip("\n").split("\t")
    runs[load, name].append([float(figure) for figure in figures])
print(f"{'load':8} {'other/s':>9} {'this/s':>9} {'p99 ms':>14}   this : other (quartiles)")
for load in dict.fromkeys(load for load, _ in runs):
    other, this = runs[load, "other"], runs[load, "this"]
    median = lambda rows, column: s.median(row[column] for row in rows)
    ratios = [mine[0] / theirs[0] for mine, theirs in zip(this, other)]
    low, middle, high = s.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    print(f"{load:8} {median(other, 0):9.0f} {median(this, 0):9.0f} {median(other, 1):6.2f} {median(this, 1):6.2f}"
          f"   {middle:.2f} ({low:.2f} to {high:.2f})")
P
