//! Short forms of requests, for tests that read as what a client does.
#![allow(dead_code, reason = "each test file uses its own part")]

use bytes::Bytes;
use quorate_kv::*;

pub(crate) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(crate) fn put(key: &str, value: &str) -> PutRequest {
    PutRequest {
        key: bytes(key),
        value: bytes(value),
        ..Default::default()
    }
}

pub(crate) fn delete(key: &str, range_end: &str) -> DeleteRangeRequest {
    DeleteRangeRequest {
        key: bytes(key),
        range_end: bytes(range_end),
        prev_kv: false,
    }
}

pub(crate) fn range(key: &str, range_end: &str) -> RangeRequest {
    RangeRequest {
        key: bytes(key),
        range_end: bytes(range_end),
        ..Default::default()
    }
}

pub(crate) fn at(revision: i64, range: RangeRequest) -> RangeRequest {
    RangeRequest { revision, ..range }
}

pub(crate) fn compact(revision: i64) -> Command {
    Command::Compact(CompactRequest {
        revision,
        physical: false,
    })
}

/// A transaction without comparisons.
pub(crate) fn txn(success: Vec<TxnOp>) -> TxnRequest {
    TxnRequest {
        success,
        ..Default::default()
    }
}

pub(crate) fn nested(success: Vec<TxnOp>) -> TxnOp {
    TxnOp::Txn(txn(success))
}

pub(crate) fn compare(result: CompareResult, target: CompareTarget, key: &str) -> Compare {
    Compare {
        result,
        target,
        key: bytes(key),
        range_end: Bytes::new(),
    }
}

/// A store with short forms of its requests.
#[derive(Default, Clone)]
pub(crate) struct Client(pub(crate) Store);

impl Client {
    pub(crate) fn put(&mut self, request: PutRequest) -> Result<PutResponse, Error> {
        match self.0.apply(&Command::Put(request))? {
            Response::Put(response) => Ok(response),
            other => panic!("a put is answered by {other:?}"),
        }
    }

    pub(crate) fn delete(
        &mut self,
        request: DeleteRangeRequest,
    ) -> Result<DeleteRangeResponse, Error> {
        match self.0.apply(&Command::DeleteRange(request))? {
            Response::DeleteRange(response) => Ok(response),
            other => panic!("a delete is answered by {other:?}"),
        }
    }

    pub(crate) fn txn(&mut self, request: TxnRequest) -> Result<TxnResponse, Error> {
        match self.0.apply(&Command::Txn(request))? {
            Response::Txn(response) => Ok(response),
            other => panic!("a transaction is answered by {other:?}"),
        }
    }

    pub(crate) fn compact(&mut self, revision: i64) -> Result<(), Error> {
        self.0.apply(&compact(revision)).map(|_| ())
    }

    /// The pairs of a range as `key=value@create/mod/version`.
    pub(crate) fn show(&self, request: RangeRequest) -> Result<String, Error> {
        let response = self.0.range(&request)?;
        let kvs = response.kvs.iter().map(|kv| {
            format!(
                "{}={}@{}/{}/{}",
                kv.key.escape_ascii(),
                kv.value.escape_ascii(),
                kv.create_revision,
                kv.mod_revision,
                kv.version
            )
        });
        Ok(kvs.collect::<Vec<_>>().join(" "))
    }

    pub(crate) fn keys(&self, request: RangeRequest) -> String {
        let response = self.0.range(&request).expect("a readable range");
        let keys: Vec<_> = response
            .kvs
            .iter()
            .map(|kv| kv.key.escape_ascii().to_string())
            .collect();
        keys.join(" ")
    }
}
