//! The calls that are answered, by path: what the server routes and the metrics count.

/// A call that is answered. Whatever is not listed here is `UNIMPLEMENTED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rpc {
    pub(crate) path: &'static str,
    /// How Prometheus' gRPC conventions call its shape.
    pub(crate) kind: &'static str,
}

impl Rpc {
    const fn unary(path: &'static str) -> Self {
        Self {
            path,
            kind: "unary",
        }
    }

    /// Service and method, as metric labels.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        self.path[1..]
            .split_once('/')
            .expect("a path is /service/method")
    }
}

/// Every call that is answered, most frequent first.
pub(crate) const RPCS: [Rpc; 13] = [
    Rpc::unary("/etcdserverpb.KV/Put"),
    Rpc::unary("/etcdserverpb.KV/Range"),
    Rpc::unary("/etcdserverpb.KV/Txn"),
    Rpc::unary("/etcdserverpb.KV/DeleteRange"),
    Rpc {
        path: "/etcdserverpb.KV/RangeStream",
        kind: "server_stream",
    },
    Rpc::unary("/etcdserverpb.KV/Compact"),
    Rpc::unary("/etcdserverpb.Maintenance/Status"),
    Rpc::unary("/etcdserverpb.Maintenance/Alarm"),
    Rpc::unary("/etcdserverpb.Cluster/MemberList"),
    Rpc::unary("/etcdserverpb.Cluster/MemberAdd"),
    Rpc::unary("/etcdserverpb.Cluster/MemberRemove"),
    Rpc::unary("/etcdserverpb.Cluster/MemberUpdate"),
    Rpc::unary("/etcdserverpb.Cluster/MemberPromote"),
];
