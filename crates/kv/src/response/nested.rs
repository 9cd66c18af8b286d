//! The wire form of a transaction's answer: flat, for the reason that the request's is
//! (`request::nested`).

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{DeleteRangeResponse, PutResponse, RangeResponse, TxnOpResponse, TxnResponse};
use crate::request::MAX_TXN_DEPTH;

#[derive(Serialize)]
enum NodeRef<'a> {
    Txn {
        revision: i64,
        succeeded: bool,
        responses: u32,
    },
    Range(&'a RangeResponse),
    Put(&'a PutResponse),
    DeleteRange(&'a DeleteRangeResponse),
}

#[derive(Deserialize)]
enum Node {
    Txn {
        revision: i64,
        succeeded: bool,
        responses: u32,
    },
    Range(RangeResponse),
    Put(PutResponse),
    DeleteRange(DeleteRangeResponse),
}

impl Serialize for TxnResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut nodes = Vec::new();
        flatten(self, &mut nodes);
        nodes.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TxnResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut nodes = Vec::<Node>::deserialize(deserializer)?.into_iter();
        let txn = match unflatten(&mut nodes, 1).map_err(D::Error::custom)? {
            TxnOpResponse::Txn(txn) => txn,
            _ => return Err(D::Error::custom("an answer begins with its header")),
        };
        match nodes.next() {
            None => Ok(txn),
            Some(_) => Err(D::Error::custom("answers after the end of the transaction")),
        }
    }
}

fn flatten<'a>(txn: &'a TxnResponse, nodes: &mut Vec<NodeRef<'a>>) {
    nodes.push(NodeRef::Txn {
        revision: txn.revision,
        succeeded: txn.succeeded,
        responses: txn.responses.len() as u32,
    });
    for response in &txn.responses {
        match response {
            TxnOpResponse::Range(range) => nodes.push(NodeRef::Range(range)),
            TxnOpResponse::Put(put) => nodes.push(NodeRef::Put(put)),
            TxnOpResponse::DeleteRange(delete) => nodes.push(NodeRef::DeleteRange(delete)),
            TxnOpResponse::Txn(nested) => flatten(nested, nodes),
        }
    }
}

/// Reads one answer. Allocates no more than the nodes that are there, whatever the counts say.
fn unflatten(
    nodes: &mut std::vec::IntoIter<Node>,
    depth: usize,
) -> Result<TxnOpResponse, &'static str> {
    let (revision, succeeded, count) = match nodes.next().ok_or("the answer ends early")? {
        Node::Range(range) => return Ok(TxnOpResponse::Range(range)),
        Node::Put(put) => return Ok(TxnOpResponse::Put(put)),
        Node::DeleteRange(delete) => return Ok(TxnOpResponse::DeleteRange(delete)),
        Node::Txn {
            revision,
            succeeded,
            responses,
        } => (revision, succeeded, responses),
    };
    if depth > MAX_TXN_DEPTH {
        return Err("the answer nests too deep");
    }
    let responses: Result<_, _> = (0..count).map(|_| unflatten(nodes, depth + 1)).collect();
    Ok(TxnOpResponse::Txn(TxnResponse {
        revision,
        succeeded,
        responses: responses?,
    }))
}
