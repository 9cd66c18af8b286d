# Sourced by the scripts beside it: ports that nothing listens at, and a contract over them.

# So many free ports, each another one.
free_ports() { # N
  python3 -c '
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in sockets])' "$1"
}

# Members n0, n1, … on loopback, of which so many may crash and come back.
write_contract() { # FILE TOLERATE CLIENT_PORT PEER_PORT [CLIENT_PORT PEER_PORT]...
  local file=$1 n=0
  cat >"$file" <<TOML
[failures]
model = "crash-recovery"
tolerate = $2
[timing]
model = "partially-synchronous"
bound = "unknown"
[links]
model = "fair-loss"
[storage]
model = "durable"
may_tear = true
[cluster]
name = "test"
TOML
  shift 2
  while [ $# -gt 0 ]; do
    printf '[[cluster.member]]\nid = %d\nname = "n%d"\nclient = "127.0.0.1:%d"\npeer = "127.0.0.1:%d"\n' \
      $n $n "$1" "$2" >>"$file"
    n=$((n + 1))
    shift 2
  done
}
