#!/usr/bin/env bash
# A disk that is really full: a file system of 100 MiB under one replica. It says so in words and
# ends; every write that it acknowledged is there when it has room again. Needs root (to mount) and
# curl. Usage: tests/full_disk.sh [QUORATE]
set -euo pipefail
. "$(dirname "$0")/contract.sh"
quorate=$(realpath "${1:-target/release/quorate}")
[ "$(id -u)" = 0 ] || { echo "needs root, to mount a small file system"; exit 1; }
dir=$(mktemp -d)
trap 'kill $pid 2>/dev/null || true; wait; umount "$dir/disk" 2>/dev/null || true; rm -rf "$dir"' EXIT
pid=
mkdir "$dir/disk"
mount -t tmpfs -o size=100m tmpfs "$dir/disk"

read -r client peer <<<"$(free_ports 2)"
write_contract "$dir/c.toml" 0 "$client" "$peer"

serve() {
  "$quorate" serve --contract "$dir/c.toml" --id 0 --data-dir "$dir/disk/n0" 2>"$dir/log" &
  pid=$!
  for _ in $(seq 100); do
    curl -fs "http://127.0.0.1:$client/health" >/dev/null && return
    kill -0 $pid 2>/dev/null || return 0
    sleep 0.1
  done
}

key() { printf 'k%d' "$1" | base64; }

serve
head -c 900000 /dev/urandom | base64 -w0 >"$dir/value"
acknowledged=0
while printf '{"key":"%s","value":"%s"}' "$(key $acknowledged)" "$(cat "$dir/value")" |
  curl -fs -d @- "http://127.0.0.1:$client/v3/kv/put" >/dev/null; do
  acknowledged=$((acknowledged + 1))
  [ $acknowledged -lt 1000 ] || { echo "the disk never filled up"; exit 1; }
done
code=0
wait $pid || code=$?
[ $code = 1 ] || { echo "ended with code $code, not 1"; cat "$dir/log"; exit 1; }
grep -q "no space left for .*; free space and restart the replica" "$dir/log" || {
  cat "$dir/log"
  exit 1
}

mount -o remount,size=1g "$dir/disk"
serve
for n in $(seq 0 $((acknowledged - 1))); do
  curl -fs -d "{\"key\":\"$(key "$n")\",\"count_only\":true}" "http://127.0.0.1:$client/v3/kv/range" |
    grep -q '"count":"1"' || { echo "k$n was acknowledged and is lost"; exit 1; }
done
echo "full after $acknowledged writes of 900 kB: ended in words, all of them there afterwards"
