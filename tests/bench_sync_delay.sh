#!/usr/bin/env bash
# Puts per second with disks whose sync takes 0, 1 and 5 ms longer than this machine's: shows the
# batching, and not only the processor.
#
#   tests/bench_sync_delay.sh [SECONDS]      (default: 3 a figure)
set -u
cd "$(dirname "$0")/.."
. tests/clusters.sh
seconds=${1:-3}
for delay in 0 1 5; do
  start_quorate --sync-delay "$delay"
  await "127.0.0.1:$QUORATE_BASE" || exit 1
  endpoint=$(leader_of "$QUORATE_BASE") || exit 1
  for clients in 1 64 256; do
    printf 'sync + %s ms, %3s clients: ' "$delay" "$clients"
    "$QUORATE" bench --endpoints "$endpoint" --clients "$clients" --seconds "$seconds" 2>/dev/null |
      grep -E '^put'
  done
  kill "${started[@]}"
  wait "${started[@]}" 2>/dev/null
  started=()
  rm -rf "$clusters/quorate"
done
