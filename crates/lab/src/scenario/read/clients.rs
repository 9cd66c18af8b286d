//! What clients do besides asking for values.

use super::values::{flag, nanos, node};
use crate::clients::{ClientSessions, Clients, LeaderWrites, ReadLoad};
use crate::experiment::Experiment;
use crate::scenario::NodeNames;
use quorate_contract::ContractError;
use quorate_contract::file::Table;

type Result<T> = std::result::Result<T, ContractError>;

pub(super) fn read(root: &Table<'_>, names: &NodeNames, experiment: &mut Experiment) -> Result<()> {
    let Some(entry) = root.get("clients") else {
        return Ok(());
    };
    let table = entry.table()?;
    let fencing = flag(&table, "fencing", false)?;
    let leader_writes = table.get("leaders-write-every").map(|every| {
        Ok(LeaderWrites {
            every: nanos(&every, "10ms")?.max(1),
            fencing,
        })
    });
    let asks = table.get("read-asks");
    let local = match asks {
        None => false,
        Some(asks) => asks.choice(&["a-quorum", "nobody"], |word| word)? == "nobody",
    };
    let from = table.get("read-from");
    let reads = table.get("read-every").map(|every| {
        let from = from.ok_or_else(|| {
            every.error(
                "nobody is read from",
                "add `read-from = \"A\"`: the node that is read from",
            )
        })?;
        Ok(ReadLoad {
            every: nanos(&every, "100ms")?.max(1),
            node: node(&from, names)?,
            local,
        })
    });
    let sessions = table.get("sessions").map(|sessions| {
        let word = sessions.choice(&["kept", "none"], |word| word)?;
        Ok(match word {
            "kept" => ClientSessions::Kept,
            _ => ClientSessions::None,
        })
    });
    experiment.clients = Clients {
        leader_writes: leader_writes.transpose()?,
        reads: reads.transpose()?,
        sessions: sessions.transpose()?,
    };
    table.finish()
}
