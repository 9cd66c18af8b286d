//! From TOML to a [`Contract`], section by section.

use super::error::ContractError;
use super::failures::read_failures;
use super::quorums::read_quorums;
use super::reader::{SourceText, Table, TableEntry};
use crate::cluster::{self, Address, Cluster, MAX_MEMBERS, Member};
use crate::contract::Contract;
use crate::links::{LinkModel, Links};
use crate::problem::Problem;
use crate::protocol::ProtocolName;
use crate::storage::{StorageAssumption, StorageModel};
use crate::timing::{Bounds, DetectorClass, Stabilization, Synchrony, Timing};

/// The largest contract file that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

impl Contract {
    /// Reads a contract from TOML. `file` is used in errors only; nothing is opened.
    ///
    /// # Errors
    /// The first thing that is wrong, in the order of the sections: see [`ContractError`].
    pub fn parse(file: &str, text: &str) -> Result<Contract, ContractError> {
        let source = SourceText { file, text };
        if text.len() > MAX_BYTES {
            let problem = format!("the file has {} bytes", text.len());
            let remedy = format!("a contract has at most {MAX_BYTES} bytes");
            return Err(SourceText { file, text: "" }.error(0..0, "", problem, remedy));
        }
        let tree = source.parse(
            "a contract is made of lines such as `[failures]`, `model = \"crash-recovery\"` and \
             `tolerate = 1`",
        )?;
        let root = Table::root(source, tree.get_ref());
        let cluster = read_cluster(need_table(
            &root,
            "cluster",
            "add `[cluster]` with a `name` and either `replicas = 3` or `[[cluster.member]]` tables",
        )?)?;
        let n = cluster.len();
        let failures = read_failures(
            need_table(
                &root,
                "failures",
                "add `[failures]` with `model = \"crash-recovery\"` and `tolerate = 1`",
            )?,
            n,
        )?;
        let (timing, steps, detector) = read_timing(need_table(
            &root,
            "timing",
            "add `[timing]` with `model = \"partially-synchronous\"` and `bound = \"unknown\"`",
        )?)?;
        let links = read_links(need_table(
            &root,
            "links",
            "add `[links]` with `model = \"fair-loss\"`",
        )?)?;
        let storage = read_storage(need_table(
            &root,
            "storage",
            "add `[storage]` with `model = \"durable\"`",
        )?)?;
        let (protocol, deterministic) = match root.get("protocol") {
            Some(entry) => read_protocol(entry.table()?)?,
            None => (None, false),
        };
        let problem = read_problem(&root, n)?;
        let quorums = match root.get("quorum") {
            Some(entry) => Some(read_quorums(&entry, n, failures.liars())?),
            None => None,
        };
        root.finish()?;
        Ok(Contract {
            cluster,
            failures,
            timing,
            steps,
            detector,
            links,
            storage,
            problem,
            protocol,
            deterministic,
            quorums,
        })
    }
}

fn need_table<'a>(
    root: &Table<'a>,
    name: &'static str,
    remedy: &str,
) -> Result<Table<'a>, ContractError> {
    root.need(name, remedy)?.table()
}

fn read_cluster(table: Table<'_>) -> Result<Cluster, ContractError> {
    let name = read_name(&table.need("name", "add `name = \"quorate\"`")?, "quorate")?;
    let replicas = table.get("replicas");
    let members = table.get("member");
    let cluster = match (replicas, members) {
        (Some(replicas), None) => Cluster::loopback(&name, replicas.number(1, MAX_MEMBERS)?),
        (None, Some(members)) => Cluster {
            name,
            members: read_members(&members)?,
        },
        (Some(replicas), Some(_)) => {
            return Err(replicas.error(
                "the replicas are counted here and listed as members too",
                "remove this line, or the `[[cluster.member]]` tables",
            ));
        }
        (None, None) => {
            return Err(table.error(
                "member",
                "is missing",
                "add `replicas = 3` for replicas on this machine, or a `[[cluster.member]]` table \
                 for each",
            ));
        }
    };
    table.finish()?;
    Ok(cluster)
}

fn read_name(entry: &TableEntry<'_>, example: &str) -> Result<String, ContractError> {
    let name = entry.string(example)?;
    if cluster::is_name(name) {
        return Ok(name.to_owned());
    }
    let remedy = format!(
        "write 1 to {} letters, digits, `.`, `_` or `-`, such as \"{example}\"",
        cluster::MAX_NAME
    );
    Err(entry.error("this is not a name", remedy))
}

/// The members in the order of their ids, which are `0..n`, each once.
fn read_members(entry: &TableEntry<'_>) -> Result<Vec<Member>, ContractError> {
    let tables = entry.tables()?;
    let n = tables.len();
    if n == 0 || n > MAX_MEMBERS {
        let remedy = format!("list from 1 to {MAX_MEMBERS} members");
        return Err(entry.error(format!("there are {n} members"), remedy));
    }
    let mut members: Vec<Member> = Vec::with_capacity(n);
    for table in tables {
        members.push(read_member(table, n, &members)?);
    }
    members.sort_by_key(|m| m.id);
    Ok(members)
}

fn read_member(table: Table<'_>, n: usize, earlier: &[Member]) -> Result<Member, ContractError> {
    let id_entry = table.need("id", "add `id = 0`, `id = 1` and so on, each once")?;
    let id = id_entry.number(0, n - 1).map_err(|mut error| {
        if error.problem.contains("range") {
            error.remedy = format!("the {n} members have the ids 0 to {}, each once", n - 1);
        }
        error
    })? as u8;
    if let Some(other) = earlier.iter().find(|m| m.id == id) {
        let remedy = format!("the {n} members have the ids 0 to {}, each once", n - 1);
        return Err(id_entry.error(
            format!("\"{}\" has the id {id} already", other.name),
            remedy,
        ));
    }
    let name_entry = table.need("name", "add a name such as `name = \"n0\"`")?;
    let name = read_name(&name_entry, "n0")?;
    if earlier.iter().any(|m| m.name == name) {
        let problem = format!("another member is called \"{name}\" already");
        return Err(name_entry.error(problem, "give each member a name of its own"));
    }
    let peer_entry = table.need("peer", "add `peer = \"127.0.0.1:2380\"`")?;
    let peer = read_address(&peer_entry, "127.0.0.1:2380", earlier)?;
    let client_entry = table.need("client", "add `client = \"127.0.0.1:2379\"`")?;
    let client = read_address(&client_entry, "127.0.0.1:2379", earlier)?;
    if client == peer {
        return Err(client_entry.error(
            "peers and clients have the same address",
            "give clients a port of their own",
        ));
    }
    table.finish()?;
    Ok(Member {
        id,
        name,
        peer,
        client,
    })
}

fn read_address(
    entry: &TableEntry<'_>,
    example: &str,
    earlier: &[Member],
) -> Result<Address, ContractError> {
    let address: Address = entry.string(example)?.parse().map_err(|why| {
        let problem = format!("this is not an address: {why}");
        entry.error(
            problem,
            format!("write a host and a port, such as \"{example}\""),
        )
    })?;
    match earlier
        .iter()
        .find(|m| m.peer == address || m.client == address)
    {
        None => Ok(address),
        Some(other) => Err(entry.error(
            format!("\"{}\" has this address already", other.name),
            "give each member addresses of its own",
        )),
    }
}

/// What may be assumed about time, of steps if that is not the same, and the detector that is claimed,
/// as a contract file says it.
///
/// # Errors
/// The first thing that is wrong.
pub fn read_timing(
    table: Table<'_>,
) -> Result<(Timing, Option<Synchrony>, Option<DetectorClass>), ContractError> {
    let models = [
        Synchrony::Synchronous,
        Synchrony::PartiallySynchronous,
        Synchrony::Asynchronous,
    ];
    let model = table
        .need("model", "add `model = \"partially-synchronous\"`")?
        .choice(&models, Synchrony::name)?;
    let timing = match model {
        Synchrony::Synchronous => Timing::Synchronous(read_bounds(&table)?),
        Synchrony::Asynchronous => Timing::Asynchronous,
        Synchrony::PartiallySynchronous => {
            let bound = table.need("bound", "add `bound = \"unknown\"` or `bound = \"gst\"`")?;
            Timing::PartiallySynchronous(match bound.choice(&["unknown", "gst"], |b| b)? {
                "gst" => Stabilization::Gst(read_bounds(&table)?),
                _ => Stabilization::Unknown,
            })
        }
    };
    let detector = match table.get("detector") {
        Some(entry) => Some(entry.choice(&DetectorClass::ALL, DetectorClass::name)?),
        None => None,
    };
    if timing.bounds().is_none() {
        for name in ["delta", "phi", "drift"] {
            if let Some(entry) = table.get(name) {
                return Err(entry.error(
                    "a bound is given that the timing model does not allow",
                    "remove this line, or write `model = \"synchronous\"`, or `model = \
                     \"partially-synchronous\"` with `bound = \"gst\"`",
                ));
            }
        }
    }
    let steps = match table.get("steps") {
        Some(entry) => Some(entry.choice(&models, Synchrony::name)?),
        None => None,
    };
    table.finish()?;
    Ok((timing, steps.filter(|steps| *steps != model), detector))
}

fn read_bounds(table: &Table<'_>) -> Result<Bounds, ContractError> {
    let delta = table.need(
        "delta",
        "add `delta = \"50ms\"`: the longest time of a message",
    )?;
    let phi = table.need("phi", "add `phi = \"10ms\"`: the longest time of a step")?;
    let drift = table.need(
        "drift",
        "add `drift = \"100ppm\"`: the error of a clock's rate",
    )?;
    let bounds = Bounds {
        delta: delta.duration("50ms")?,
        phi: phi.duration("10ms")?,
        drift_ppm: read_drift(&drift)?,
    };
    if bounds.delta.is_zero() {
        return Err(delta.error("no message takes no time", "write a time such as \"50ms\""));
    }
    Ok(bounds)
}

/// The error of a clock's rate.
fn read_drift(entry: &TableEntry<'_>) -> Result<u32, ContractError> {
    entry
        .string("100ppm")?
        .strip_suffix("ppm")
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .filter(|ppm| *ppm < 1_000_000)
        .ok_or_else(|| {
            let remedy = "write parts per million under 1000000, such as \"100ppm\"";
            entry.error("this is not a drift", remedy)
        })
}

/// What links promise, as a contract file says it.
///
/// # Errors
/// The first thing that is wrong.
pub fn read_links(table: Table<'_>) -> Result<Links, ContractError> {
    let model = table
        .need("model", "add `model = \"fair-loss\"`")?
        .choice(&LinkModel::ALL, LinkModel::name)?;
    let signatures = read_flag(&table, "signatures")?;
    table.finish()?;
    Ok(Links { model, signatures })
}

/// What outlives a crash, as a contract file says it.
///
/// # Errors
/// The first thing that is wrong.
pub fn read_storage(table: Table<'_>) -> Result<StorageAssumption, ContractError> {
    let storage = StorageAssumption {
        model: table
            .need("model", "add `model = \"durable\"`")?
            .choice(&StorageModel::ALL, StorageModel::name)?,
        may_tear: read_flag(&table, "may_tear")?,
        may_corrupt: read_flag(&table, "may_corrupt")?,
        may_lie_about_sync: read_flag(&table, "may_lie_about_sync")?,
    };
    table.finish()?;
    Ok(storage)
}

/// What is to be achieved; `k` belongs to k-set agreement.
fn read_problem(root: &Table<'_>, n: usize) -> Result<Option<Problem>, ContractError> {
    let problem = match root.get("problem") {
        Some(entry) => Some(entry.choice(&Problem::ALL, Problem::name)?),
        None => None,
    };
    let k = root.get("k");
    match (problem, k) {
        (Some(Problem::KSet(_)), Some(k)) => Ok(Some(Problem::KSet(k.number(1, n)? as u8))),
        (Some(Problem::KSet(_)), None) => Err(root.error(
            "k",
            "is missing",
            "add `k = 2`: how many different decisions there may be",
        )),
        (_, Some(k)) => Err(k.error(
            "only k-set agreement has a k",
            "remove this line, or write `problem = \"k-set\"`",
        )),
        (problem, None) => Ok(problem),
    }
}

fn read_protocol(table: Table<'_>) -> Result<(Option<ProtocolName>, bool), ContractError> {
    let protocol = match table.get("name") {
        Some(entry) => Some(entry.choice(&ProtocolName::ALL, ProtocolName::name)?),
        None => None,
    };
    let deterministic = read_flag(&table, "deterministic")?;
    table.finish()?;
    Ok((protocol, deterministic))
}

/// A flag that is false unless it is written down.
fn read_flag(table: &Table<'_>, name: &'static str) -> Result<bool, ContractError> {
    table.get(name).map_or(Ok(false), |entry| entry.boolean())
}
