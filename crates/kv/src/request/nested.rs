//! The wire form of a transaction: flat, so that bad bytes cannot exhaust the stack.
//!
//! A transaction nests, and a derived decoder would recurse as deep as the bytes tell it to. Here
//! a transaction is written as its nodes in preorder, each transaction with the number of its
//! operations, and read back with [`MAX_TXN_DEPTH`] enforced.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Compare, DeleteRangeRequest, PutRequest, RangeRequest, TxnOp, TxnRequest};

/// How deep transactions nest at most, the outermost included, in bytes that are decoded.
///
/// etcd's own check takes the operations of each level off the limit for the next one, so that no
/// transaction nests deeper than its limit of operations and one.
pub const MAX_TXN_DEPTH: usize = super::DEFAULT_MAX_TXN_OPS + 1;

#[derive(Serialize)]
enum NodeRef<'a> {
    Txn {
        compare: &'a [Compare],
        success: u32,
        failure: u32,
    },
    Range(&'a RangeRequest),
    Put(&'a PutRequest),
    DeleteRange(&'a DeleteRangeRequest),
}

#[derive(Deserialize)]
enum Node {
    Txn {
        compare: Vec<Compare>,
        success: u32,
        failure: u32,
    },
    Range(RangeRequest),
    Put(PutRequest),
    DeleteRange(DeleteRangeRequest),
}

impl Serialize for TxnRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut nodes = Vec::new();
        flatten(self, &mut nodes);
        nodes.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TxnRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut nodes = Vec::<Node>::deserialize(deserializer)?.into_iter();
        let txn = match unflatten(&mut nodes, 1).map_err(D::Error::custom)? {
            TxnOp::Txn(txn) => txn,
            _ => return Err(D::Error::custom("a transaction begins with its header")),
        };
        match nodes.next() {
            None => Ok(txn),
            Some(_) => Err(D::Error::custom(
                "operations after the end of the transaction",
            )),
        }
    }
}

fn flatten<'a>(txn: &'a TxnRequest, nodes: &mut Vec<NodeRef<'a>>) {
    nodes.push(NodeRef::Txn {
        compare: &txn.compare,
        success: txn.success.len() as u32,
        failure: txn.failure.len() as u32,
    });
    for op in txn.success.iter().chain(&txn.failure) {
        match op {
            TxnOp::Range(range) => nodes.push(NodeRef::Range(range)),
            TxnOp::Put(put) => nodes.push(NodeRef::Put(put)),
            TxnOp::DeleteRange(delete) => nodes.push(NodeRef::DeleteRange(delete)),
            TxnOp::Txn(nested) => flatten(nested, nodes),
        }
    }
}

/// Reads one operation. Allocates no more than the nodes that are there, whatever the counts say.
fn unflatten(nodes: &mut std::vec::IntoIter<Node>, depth: usize) -> Result<TxnOp, &'static str> {
    let (compare, success, failure) = match nodes.next().ok_or("the transaction ends early")? {
        Node::Range(range) => return Ok(TxnOp::Range(range)),
        Node::Put(put) => return Ok(TxnOp::Put(put)),
        Node::DeleteRange(delete) => return Ok(TxnOp::DeleteRange(delete)),
        Node::Txn {
            compare,
            success,
            failure,
        } => (compare, success, failure),
    };
    if depth > MAX_TXN_DEPTH {
        return Err("the transaction nests too deep");
    }
    let mut ops = |count: u32| -> Result<Vec<TxnOp>, &'static str> {
        (0..count).map(|_| unflatten(nodes, depth + 1)).collect()
    };
    let success = ops(success)?;
    let failure = ops(failure)?;
    Ok(TxnOp::Txn(TxnRequest {
        compare,
        success,
        failure,
    }))
}
