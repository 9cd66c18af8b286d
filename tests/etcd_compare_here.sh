#!/usr/bin/env bash
# Starts three etcd members and three quorate replicas on loopback and compares them call by call
# with etcd_compare.sh: once asking the leaders, once asking followers.
set -u
cd "$(dirname "$0")/.."
. tests/clusters.sh
start_etcd
start_quorate
await "127.0.0.1:$ETCD_BASE" && await "127.0.0.1:$QUORATE_BASE" || exit 1
for n in 0 1; do
  tests/etcd_compare.sh "127.0.0.1:$((ETCD_BASE + 10 * n))" "127.0.0.1:$((QUORATE_BASE + 10 * n))" || exit 1
done
