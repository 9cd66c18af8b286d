//! Operations and items in words, for explanations.

use std::fmt::Write;

use crate::escape::show;
use crate::history::{Action, History, Item, Outcome, Target, Txn, TxnOp};

/// Values longer than this are cut in explanations.
const SHOWN: usize = 48;

pub(crate) fn quote(bytes: &[u8]) -> String {
    let text = show(bytes);
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("\"{}…\" ({} bytes)", &text[..cut], bytes.len()),
        None => format!("\"{text}\""),
    }
}

/// `client 3: put "k" = "v" [1.000 ms to 1.204 ms], acknowledged at revision 7`
pub(crate) fn operation(history: &History, index: usize) -> String {
    let Some(op) = history.operations.get(index) else {
        return format!("operation {index}");
    };
    let mut words = format!("client {}: {} ", op.client, action(&op.action));
    let from = millis(op.invoked);
    // Writing to a String cannot fail.
    let _ = match &op.outcome {
        Outcome::Done { returned, response } => write!(
            words,
            "[{from} to {}], answered at revision {}",
            millis(*returned),
            response.revision
        ),
        Outcome::Refused { returned, why } => {
            write!(words, "[{from} to {}], refused ({why})", millis(*returned))
        }
        Outcome::Unknown => write!(words, "[from {from}], outcome unknown"),
    };
    words
}

pub(crate) fn action(action: &Action) -> String {
    let stale = |serializable: &bool| if *serializable { "serializable " } else { "" };
    match action {
        Action::Put { key, value } => format!("put {} = {}", quote(key), quote(value)),
        Action::Delete { key } => format!("delete {}", quote(key)),
        Action::Get { key, serializable } => format!("{}get {}", stale(serializable), quote(key)),
        Action::Scan {
            from,
            until,
            serializable,
        } => {
            let until = until.as_deref().map_or_else(|| "the end".to_owned(), quote);
            format!("{}scan {} to {until}", stale(serializable), quote(from))
        }
        Action::Txn(txn) => transaction(txn),
    }
}

fn transaction(txn: &Txn) -> String {
    let compares: Vec<String> = txn
        .compares
        .iter()
        .map(|compare| {
            let key = quote(&compare.key);
            match &compare.equals {
                Target::Value(value) => format!("{key} = {}", quote(value)),
                Target::ModRevision(revision) => format!("mod({key}) = {revision}"),
                Target::CreateRevision(revision) => format!("create({key}) = {revision}"),
                Target::Version(version) => format!("version({key}) = {version}"),
            }
        })
        .collect();
    let steps = |steps: &[TxnOp]| {
        let steps: Vec<String> = steps
            .iter()
            .map(|step| match step {
                TxnOp::Put { key, value } => format!("put {} = {}", quote(key), quote(value)),
                TxnOp::Delete { key } => format!("delete {}", quote(key)),
                TxnOp::Get { key } => format!("get {}", quote(key)),
            })
            .collect();
        if steps.is_empty() {
            "nothing".to_owned()
        } else {
            steps.join(", ")
        }
    };
    let guard = if compares.is_empty() {
        "always".to_owned()
    } else {
        compares.join(" and ")
    };
    format!(
        "txn if {guard} then {} else {}",
        steps(&txn.then),
        steps(&txn.otherwise)
    )
}

pub(crate) fn item(item: Option<&Item>) -> String {
    match item {
        None => "no such key".to_owned(),
        Some(item) => format!(
            "{} (mod revision {}, created at {}, version {})",
            quote(&item.value),
            item.mod_revision,
            item.create_revision,
            item.version
        ),
    }
}

fn millis(nanos: u64) -> String {
    format!("{}.{:03} ms", nanos / 1_000_000, nanos / 1_000 % 1_000)
}
