#!/usr/bin/env bash
# Measures three quorate replicas and three etcd members on this machine with the same client, in
# turn, round by round, and prints each figure's median and the ratios.
#
#   tests/bench_beside_etcd.sh [ROUNDS] [SECONDS]      (default: 3 rounds of 5 seconds a figure)
#
# Both clusters run all the time; only one is loaded. The client asks the leader.
set -u
cd "$(dirname "$0")/.."
. tests/clusters.sh
rounds=${1:-3}
seconds=${2:-5}
start_etcd
start_quorate
await "127.0.0.1:$ETCD_BASE" && await "127.0.0.1:$QUORATE_BASE" || exit 1
results=$clusters/results

measure() { # LOAD NAME OPTION...
  local load=$1 name=$2
  shift 2
  "$QUORATE" bench --json --seconds "$seconds" "$@" 2>/dev/null |
    python3 -c '
import json, sys
load = json.load(sys.stdin)["load"]
side = load["put"] if load["put"]["acknowledged"] else load["get"]
latency = side["latency"]
print(*sys.argv[1:], side["throughput"], latency["p50"], latency["p99"], sep="\t")
' "$load" "$name" >>"$results"
}

for round in $(seq "$rounds"); do
  for name in etcd quorate; do
    base=$([ $name = etcd ] && echo "$ETCD_BASE" || echo "$QUORATE_BASE")
    endpoint=$(leader_of "$base") || { echo "$name has no leader" >&2; exit 1; }
    for clients in 1 64 256; do
      measure "put $clients" "$name" --endpoints "$endpoint" --clients "$clients"
    done
    measure "get 256" "$name" --endpoints "$endpoint" --clients 256 --reads 100
  done
  echo "round $round of $rounds done" >&2
done

python3 - "$results" <<'P'
import sys, statistics as s, collections
runs = collections.defaultdict(list)
for line in open(sys.argv[1]):
    load, name, *figures = line.rstrip("\n").split("\t")
    runs[load, name].append([float(figure) for figure in figures])
print(f"{'load':8} {'store':8} {'per second (range)':>26} {'p50 ms':>8} {'p99 ms':>8}   ratio to etcd: throughput, p50, p99")
for load in dict.fromkeys(load for load, _ in runs):
    median = {}
    for name in ("etcd", "quorate"):
        columns = list(zip(*runs[load, name]))
        median[name] = [s.median(column) for column in columns]
        rate, p50, p99 = median[name]
        line = f"{load:8} {name:8} {rate:9.0f} ({min(columns[0]):.0f}-{max(columns[0]):.0f}) {p50:12.3f} {p99:8.2f}"
        if name == "quorate":
            line += "   " + ", ".join(f"{mine / theirs:.2f}" for mine, theirs in zip(median[name], median["etcd"]))
        print(line)
P
