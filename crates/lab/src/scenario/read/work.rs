//! Who asks for what, and when.

use super::values::{nanos_of, node};
use crate::experiment::{ClientLoad, Experiment, ScheduledRequest};
use crate::scenario::NodeNames;
use bytes::Bytes;
use quorate_contract::ContractError;
use quorate_contract::file::Table;
use quorate_core::NodeId;

type Result<T> = std::result::Result<T, ContractError>;

const MS: u64 = 1_000_000;

/// No story asks for more values.
const MAX_VALUES: usize = 10_000;

pub(super) fn read(root: &Table<'_>, names: &NodeNames, experiment: &mut Experiment) -> Result<()> {
    let load = match root.get("load") {
        None => None,
        Some(entry) => {
            let table = entry.table()?;
            let number = |key, default| {
                let entry = table.get(key);
                entry.map_or(Ok(default), |entry| entry.number(0, MAX_VALUES))
            };
            let load = ClientLoad {
                values: number("values", 10)? as u32,
                from: nanos_of(&table, "from", "10ms")?.unwrap_or(0),
                every: nanos_of(&table, "every", "20ms")?.unwrap_or(20 * MS),
                retry_after: nanos_of(&table, "patience", "100ms")?
                    .unwrap_or(100 * MS)
                    .max(1),
                probes: number("probes", 2)? as u32,
            };
            table.finish()?;
            Some(load)
        }
    };
    let Some(entry) = root.get("ask") else {
        let usual = load.unwrap_or(ClientLoad {
            values: 10,
            from: 0,
            every: 20 * MS,
            retry_after: 100 * MS,
            probes: 2,
        });
        // The name of the protocol was checked.
        let _ = experiment.set_default_requests(usual);
        return Ok(());
    };
    experiment.load = load;
    for table in entry.tables()? {
        let value = table.need("value", "add `value = \"X\"`")?;
        let at = nanos_of(&table, "at", "0s")?.unwrap_or(0);
        if at > experiment.end {
            return Err(table.error(
                "at",
                "is after the end of the run",
                "ask earlier, or move `world.end`",
            ));
        }
        let ask = ScheduledRequest {
            at,
            node: table
                .get("node")
                .map_or(Ok(NodeId(0)), |entry| node(&entry, names))?,
            second: false,
            value: Bytes::copy_from_slice(value.string("X")?.as_bytes()),
        };
        if let Some(rival) = table.get("second-twin") {
            experiment.requests.push(ScheduledRequest {
                second: true,
                value: Bytes::copy_from_slice(rival.string("Y")?.as_bytes()),
                ..ask.clone()
            });
        }
        experiment.requests.push(ask);
        table.finish()?;
    }
    Ok(())
}
