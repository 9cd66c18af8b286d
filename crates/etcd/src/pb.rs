//! The messages, clients and servers of the etcd v3 API, generated at build
//! time from the definitions in `proto/`.
//!
//! Three packages, as in the definitions, nested so that their references to
//! one another resolve: [`etcdserverpb`] (requests, responses, services),
//! [`mvccpb`] (a key with its value) and [`authpb`].

#![allow(
    missing_docs,
    reason = "generated code; the definitions in proto/ carry the comments"
)]
#![allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    reason = "generated code"
)]

/// Requests, responses and services.
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
    include!(concat!(env!("OUT_DIR"), "/etcdserverpb.serde.rs"));
}

/// A key with its value and revisions.
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
    include!(concat!(env!("OUT_DIR"), "/mvccpb.serde.rs"));
}

/// Users, roles and permissions: referenced by messages of the Auth service.
pub mod authpb {
    tonic::include_proto!("authpb");
    include!(concat!(env!("OUT_DIR"), "/authpb.serde.rs"));
}
