//! Short ways to write a history, shared by the tests.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "a module of test crates")]

pub mod world;

use bytes::Bytes;
use quorate_check::{Action, Item, Operation, Outcome, Reply, Response};

/// A byte string of text.
pub fn b(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub fn put(key: &str, value: &str) -> Action {
    Action::Put {
        key: b(key),
        value: b(value),
    }
}

pub fn delete(key: &str) -> Action {
    Action::Delete { key: b(key) }
}

pub fn get(key: &str) -> Action {
    Action::Get {
        key: b(key),
        serializable: false,
    }
}

pub fn stale_get(key: &str) -> Action {
    Action::Get {
        key: b(key),
        serializable: true,
    }
}

pub fn item(key: &str, value: &str, created: i64, modified: i64, version: i64) -> Item {
    Item {
        key: b(key),
        value: b(value),
        create_revision: created,
        mod_revision: modified,
        version,
    }
}

/// An operation that was answered.
pub fn done(
    client: u64,
    from: u64,
    to: u64,
    action: Action,
    revision: i64,
    reply: Reply,
) -> Operation {
    let outcome = Outcome::Done {
        returned: to,
        response: Response { revision, reply },
    };
    Operation {
        client,
        invoked: from,
        action,
        outcome,
    }
}

/// An acknowledged put.
pub fn acked(client: u64, from: u64, to: u64, key: &str, value: &str, revision: i64) -> Operation {
    done(client, from, to, put(key, value), revision, Reply::Put)
}

/// A get that found something.
pub fn got(client: u64, from: u64, to: u64, item: Item, revision: i64) -> Operation {
    let action = Action::Get {
        key: item.key.clone(),
        serializable: false,
    };
    done(client, from, to, action, revision, Reply::Got(Some(item)))
}

/// A get that found nothing.
pub fn got_nothing(client: u64, from: u64, to: u64, key: &str, revision: i64) -> Operation {
    done(client, from, to, get(key), revision, Reply::Got(None))
}

/// An operation whose outcome nobody knows.
pub fn unknown(client: u64, from: u64, action: Action) -> Operation {
    Operation {
        client,
        invoked: from,
        action,
        outcome: Outcome::Unknown,
    }
}

/// An operation that was refused.
pub fn refused(client: u64, from: u64, to: u64, action: Action) -> Operation {
    let outcome = Outcome::Refused {
        returned: to,
        why: "no leader".to_owned(),
    };
    Operation {
        client,
        invoked: from,
        action,
        outcome,
    }
}
