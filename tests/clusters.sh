# Sourced by the scripts beside it: three etcd members and three quorate replicas on loopback, in a
# directory that goes away with the script. Needs etcd (Debian: etcd-server) and target/release/quorate.

QUORATE=${QUORATE:-target/release/quorate}
ETCD_BASE=${ETCD_BASE:-12379}
QUORATE_BASE=${QUORATE_BASE:-13379}
clusters=$(mktemp -d)
started=()
stop_clusters() {
  kill "${started[@]}" 2>/dev/null
  wait "${started[@]}" 2>/dev/null
  rm -rf "$clusters"
}
trap stop_clusters EXIT

start_etcd() {
  local n base peers=
  for n in 0 1 2; do peers+="e$n=http://127.0.0.1:$((ETCD_BASE + 10 * n + 1)),"; done
  for n in 0 1 2; do
    base=$((ETCD_BASE + 10 * n))
    etcd --name "e$n" --data-dir "$clusters/e$n" --initial-cluster "${peers%,}" \
      --listen-client-urls "http://127.0.0.1:$base" \
      --advertise-client-urls "http://127.0.0.1:$base" \
      --listen-peer-urls "http://127.0.0.1:$((base + 1))" \
      --initial-advertise-peer-urls "http://127.0.0.1:$((base + 1))" >"$clusters/e$n.log" 2>&1 &
    started+=($!)
  done
}

start_quorate() { # OPTION...
  "$QUORATE" up --data-dir "$clusters/quorate" --ports "$QUORATE_BASE" "$@" \
    >"$clusters/quorate.log" 2>&1 &
  started+=($!)
}

# Waits until the endpoint answers a linearizable read.
await() { # HOST:PORT
  local tries
  for tries in $(seq 100); do
    ETCDCTL_API=3 etcdctl --endpoints="$1" --command-timeout=2s get ready >/dev/null 2>&1 && return
    sleep 0.2
  done
  echo "$1 does not answer:" >&2
  tail -n 20 "$clusters"/*.log >&2
  return 1
}

# The endpoint that leads, of three from a base port on.
leader_of() { # BASE
  local n endpoint
  for n in 0 1 2; do
    endpoint=127.0.0.1:$(($1 + 10 * n))
    if ETCDCTL_API=3 etcdctl --endpoints="$endpoint" endpoint status 2>/dev/null | grep -q ' true, '; then
      echo "$endpoint"
      return
    fi
  done
  return 1
}
