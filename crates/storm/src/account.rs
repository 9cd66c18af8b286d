//! What the replicas say they hold, and how it came about, revision by revision.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use quorate_check::{EMPTY_REVISION, FinalState, Item, Reply, Response, Revision, RevisionChange};
use quorate_etcd::client::{Connection, Endpoint};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::wire;

/// Replicas that run undisturbed agree within this time; and what clients left under way has been
/// done by then, or never will be.
const CONVERGE_WITHIN: Duration = Duration::from_secs(20);
/// Two equal looks this far apart count as rest.
const LOOK: Duration = Duration::from_millis(250);
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Revisions that are read one after the other.
const CHUNK: usize = 256;
/// Chunks that are read at a time.
const READERS: usize = 8;

/// The contents of every replica, once they are the same and stay so; or as they are when waiting
/// for that has taken too long, for the judge to say what is wrong.
pub(crate) async fn finals(endpoints: &[Endpoint]) -> anyhow::Result<Vec<FinalState>> {
    let begin = Instant::now();
    let mut connections = vec![];
    for endpoint in endpoints {
        connections.push(open(endpoint).await?);
    }
    let mut before = vec![];
    loop {
        let mut now = vec![];
        for (id, connection) in connections.iter().enumerate() {
            now.push(FinalState {
                replica: id as u64,
                contents: state(connection, 0).await?,
            });
        }
        let same = now
            .windows(2)
            .all(|pair| pair[0].contents == pair[1].contents);
        if same && now == before || begin.elapsed() > CONVERGE_WITHIN {
            return Ok(now);
        }
        before = now;
        sleep(LOOK).await;
    }
}

/// All changes up to revision `last`, from the states of all revisions. Neighbouring revisions are
/// read from different replicas, so that one whose past differs is found, too.
pub(crate) async fn changes(
    endpoints: &[Endpoint],
    last: Revision,
) -> anyhow::Result<Vec<RevisionChange>> {
    let mut readers = JoinSet::new();
    let mut all = vec![];
    for from in (EMPTY_REVISION + 1..=last).step_by(CHUNK) {
        if readers.len() == READERS
            && let Some(read) = readers.join_next().await
        {
            all.extend(read??);
        }
        let until = last.min(from + CHUNK as Revision - 1);
        readers.spawn(chunk(endpoints.to_vec(), from, until));
    }
    while let Some(read) = readers.join_next().await {
        all.extend(read??);
    }
    Ok(all)
}

async fn chunk(
    endpoints: Vec<Endpoint>,
    from: Revision,
    until: Revision,
) -> anyhow::Result<Vec<RevisionChange>> {
    let mut connections = vec![];
    for endpoint in &endpoints {
        connections.push(open(endpoint).await?);
    }
    let mut changes = vec![];
    let mut before: Option<BTreeMap<Bytes, Item>> = None;
    for revision in from - 1..=until {
        let connection = &connections[revision as usize % connections.len()];
        let answer = state(connection, revision)
            .await
            .with_context(|| format!("revision {revision} can't be read"))?;
        let Reply::Scanned(items) = answer.reply else {
            bail!("a range was answered in another kind");
        };
        let now: BTreeMap<_, _> = items.into_iter().map(|i| (i.key.clone(), i)).collect();
        if let Some(before) = &before {
            difference(revision, before, &now, &mut changes);
        }
        before = Some(now);
    }
    Ok(changes)
}

/// What changed from one revision to the next.
fn difference(
    revision: Revision,
    before: &BTreeMap<Bytes, Item>,
    now: &BTreeMap<Bytes, Item>,
    changes: &mut Vec<RevisionChange>,
) {
    let mut change = |key: &Bytes, value| {
        changes.push(RevisionChange {
            revision,
            key: key.clone(),
            value,
        });
    };
    for (key, item) in now {
        if before.get(key) != Some(item) {
            change(key, Some(item.value.clone()));
        }
    }
    for key in before.keys().filter(|key| !now.contains_key(*key)) {
        change(key, None);
    }
}

async fn open(endpoint: &Endpoint) -> anyhow::Result<Connection> {
    timeout(PATIENCE, Connection::open(endpoint))
        .await
        .with_context(|| format!("{endpoint} does not answer"))?
}

async fn state(connection: &Connection, revision: Revision) -> anyhow::Result<Response> {
    let answer = timeout(PATIENCE, wire::state_at(connection, revision));
    let answer = answer.await.context("a replica does not answer")?;
    answer.map_err(|status| anyhow::anyhow!("{}", status.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &'static str, value: &'static str, mod_revision: Revision) -> (Bytes, Item) {
        let item = Item {
            key: key.into(),
            value: value.into(),
            create_revision: 2,
            mod_revision,
            version: mod_revision - 1,
        };
        (key.into(), item)
    }

    #[test]
    fn puts_of_an_equal_value_and_deletions_are_changes() {
        let before = BTreeMap::from([item("a", "1", 2), item("b", "1", 3), item("c", "1", 4)]);
        let now = BTreeMap::from([item("a", "1", 5), item("c", "1", 4)]);
        let mut changes = vec![];
        difference(5, &before, &now, &mut changes);
        let found: Vec<_> = changes
            .iter()
            .map(|c| (&c.key[..], c.value.as_deref()))
            .collect();
        assert_eq!(found, [(&b"a"[..], Some(&b"1"[..])), (b"b", None)]);
    }
}
