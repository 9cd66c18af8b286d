#!/usr/bin/env bash
# One seed is one history: the same hash from binaries built at different optimisation levels, on one
# thread and on two. Usage: tests/same_everywhere.sh BINARY...
set -u
for binary in "$@"; do
  for threads in 1 2; do
    "$binary" simulate --seeds 200 --threads "$threads" --json 2>/dev/null | grep '"hash"' ||
      { echo "$binary fails" >&2; exit 1; }
  done
done | sort | uniq -c | awk '{ print } END { exit NR != 1 }'
