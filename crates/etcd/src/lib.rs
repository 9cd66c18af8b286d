//! The etcd v3 API in front of a replica: gRPC, JSON, health and metrics on one
//! port; and the client side that `quorate bench` loads any etcd endpoint with.
//!
//! A [`Backend`] answers in the store's terms ([`quorate_kv`]) or gives a
//! [`Refusal`]; the face turns that into etcd's messages, status codes and texts
//! to the letter, as clients match on them.
//!
//! What this crate never does: it holds no state of the store, decides no
//! order, queues nothing beyond what HTTP/2 flow control allows, and retries
//! nothing: a request goes to the backend once. It does not speak TLS.
//!
//! | call | answered |
//! |---|---|
//! | KV: Range, RangeStream, Put, DeleteRange, Txn, Compact | yes |
//! | Maintenance: Status; Alarm to list alarms | yes |
//! | Cluster: MemberAdd, MemberRemove, MemberUpdate, MemberList, MemberPromote | yes |
//! | every other | `UNIMPLEMENTED`, with a text that says so |
//! | GET /health /livez /readyz /version /metrics | yes |
//! | POST /v3/kv/… /v3/maintenance/{status,alarm} /v3/cluster/member/{add,remove,update,list,promote} | yes |
//!
//! Where to start reading: [`Backend`] and [`serve`], then `face.rs` for what a
//! call does, [`listen`] for the bounds of the port, [`mod@bench`] for the load.

mod backend;
pub mod bench;
pub mod client;
mod convert;
mod grpc;
mod http;
pub mod listen;
mod membership;
pub mod metrics;
pub mod pb;
mod range_stream;
mod refusal;
mod rpcs;
mod server;
mod service;

pub use backend::{Alarm, Backend, Consistency, Identity, Status};
pub use membership::{
    Availability, MAX_PEER_URL_BYTES, MAX_PEER_URLS, Member, MemberChange, MembersChanged,
    check_peer_urls,
};
pub use refusal::{Outcome, Refusal};
pub use server::serve;

/// The version of etcd whose API we follow, as `/version` and `endpoint status`
/// report it: clients choose features by it. It promises no more than is
/// answered; what came to etcd later and is answered all the same (RangeStream,
/// /readyz) clients find by asking.
pub const ETCD_VERSION: &str = "3.5.0";

/// The largest request that may change the store, encoded: etcd's default.
pub const MAX_REQUEST_BYTES: usize = 3 << 19;

/// The largest message that is read at all: etcd's [`MAX_REQUEST_BYTES`] and
/// the 512 KiB that it grants gRPC on top.
pub const MAX_MESSAGE_BYTES: usize = MAX_REQUEST_BYTES + (512 << 10);
