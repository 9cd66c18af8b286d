#!/usr/bin/env bash
# Replaces a member that has lost its directory, as docs/operations.md says, while clients write:
# three real processes with a large store. Prints how long it took, what the clients got meanwhile,
# and whether all members then hold the same. Needs curl and python3.
#
#   tests/replace_large.sh [MIB] [CLIENTS] [QUORATE]      (default: 1024 MiB, 256 clients)
set -euo pipefail
. "$(dirname "$0")/contract.sh"
mib=${1:-1024} clients=${2:-256} quorate=$(realpath "${3:-target/release/quorate}")
dir=$(mktemp -d)
started=()
trap 'kill -9 "${started[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
fail() { echo "$*" >&2; tail -n 5 "$dir"/*.log >&2; exit 1; }

read -ra ports <<<"$(free_ports 6)"
endpoint() { echo "127.0.0.1:${ports[$((2 * $1))]}"; }
write_contract "$dir/contract.toml" 1 "${ports[@]}"
serve() { # N OPTION...
  local n=$1
  shift
  "$quorate" serve --contract "$dir/contract.toml" --name "n$n" --data-dir "$dir/n$n" \
    --quota $((8 << 30)) "$@" >>"$dir/n$n.log" 2>&1 &
  pids[n]=$!
  started+=($!)
}
pids=()
for n in 0 1 2; do serve $n; done
for n in 0 1 2; do
  for _ in $(seq 100); do
    curl -fs "http://$(endpoint $n)/health" >/dev/null && continue 2
    sleep 0.1
  done
  fail "n$n does not serve"
done
bench() { "$quorate" bench --json --warmup 0 --timeout 20 "$@" 2>>"$dir/bench.log" || fail "no load"; }
say() { printf '%7.1f s  %s\n' "$(python3 -c "import sys,time; print(time.time() - $begin)")" "$*"; }
figures() { # FILE: acknowledged writes a second, p50 and p99 in ms, failures
  python3 -c '
import json, sys
put = json.load(open(sys.argv[1]))["load"]["put"]
print("{throughput:.0f} writes/s".format(**put), "p50 {p50:.1f} ms, p99 {p99:.1f} ms".format(**put["latency"]), sep=", ")
' "$1"
}
begin=$(python3 -c 'import time; print(time.time())')

# Every value stays: no version is compacted. So many writes of 1 KiB are so many KiB in the store.
bench --endpoints "$(endpoint 0)" --clients 64 --keys $((mib * 1024)) --value-size 1024 \
  --total $((mib * 1024)) >"$dir/fill.json"
say "the store holds $mib MiB of values: $(figures "$dir/fill.json")"

# What n2 has acknowledged is lost, with the directory.
kill -9 "${pids[2]}"
wait "${pids[2]}" 2>/dev/null || true
rm -rf "$dir/n2"
both=$(endpoint 0),$(endpoint 1)
bench --endpoints "$both" --clients "$clients" --seconds 10 >"$dir/before.json"
say "$clients clients, two members: $(figures "$dir/before.json")"
"$quorate" bench --json --warmup 0 --timeout 20 --endpoints "$both" --clients "$clients" --seed 2 \
  --seconds 3600 >"$dir/during.json" 2>>"$dir/bench.log" &
load=$!
started+=($load)
sleep 1
replaced=$(python3 -c 'import time; print(time.time())')
"$quorate" member replace n2 --data-dir "$dir" --endpoints "$both" >"$dir/members" 2>"$dir/replace.log" &
command=$!
started+=($command)
for _ in $(seq 300); do
  grep -q "quorate serve --join" "$dir/replace.log" && break
  kill -0 $command 2>/dev/null || fail "the command ended"
  sleep 0.1
done
# The printed command, by this binary and with this quota.
join=$(sed -n 's/.*serve --join \([^ ]*\) .*/\1/p' "$dir/replace.log")
[ -n "$join" ] || fail "the command did not say how to start the new member"
serve 2 --join "$join"
say "n2 is started: serve --join $join"
wait $command || fail "the command failed"
took=$(python3 -c "import time; print(round(time.time() - $replaced, 1))")
say "$(tail -n 1 "$dir/replace.log")"
kill -INT $load
wait $load || fail "the load failed"
say "$clients clients meanwhile: $(figures "$dir/during.json")"
grep -h "Leader term" "$dir"/n[01].log | sed 's/^[^ ]*Z  INFO /          n0 or n1 led: /'

# All three hold the same, and as much as the clients were told.
state() { # N: keys and revision, from its own state
  curl -fs -d '{"key":"AA==","range_end":"AA==","count_only":true,"serializable":true}' \
    "http://$(endpoint $1)/v3/kv/range" |
    python3 -c 'import json, sys; a = json.load(sys.stdin); print(a.get("count"), a["header"]["revision"])'
}
for _ in $(seq 100); do
  states=$(for n in 0 1 2; do state $n; done | sort -u)
  [ "$(wc -l <<<"$states")" = 1 ] && break
  sleep 0.1
done
[ "$(wc -l <<<"$states")" = 1 ] || fail "members differ: $states"
say "all three hold: $(awk '{ print $1 " keys, revision " $2 }' <<<"$states")"
grep -c 'n[012].*voter' "$dir/members" | grep -qx 3 || fail "$(cat "$dir/members")"
echo "replaced in $took s"
