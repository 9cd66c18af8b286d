//! Who takes part, what is assumed, what runs, and the world it runs in.

use super::values::{delay, flag, longest, nanos, nanos_of, nodes, ppm};
use super::{Head, MAX_SEEDS, STORY, clients, expect, faults, work};
use crate::clients::Clients;
use crate::experiment::Experiment;
use crate::scenario::{NodeNames, ScenarioPart};
use crate::system::{ProtocolOptions, Setup, SystemUnderTest, Visitor, visit};
use quorate_contract::file::{
    SourceText, Table, read_failures, read_links, read_storage, read_timing,
};
use quorate_contract::{Cluster, Contract, ContractError, LinkModel};
use quorate_core::NodeSet;
use quorate_crypto::Scheme;
use quorate_sim::{
    Delay, LinkFault, LinkProfile, NetworkProfile, ScheduledLinkFault, TimingProfile,
};
use std::time::Duration;
use toml::de::DeTable;

type Result<T> = std::result::Result<T, ContractError>;

const MS: u64 = 1_000_000;

impl ScenarioPart {
    pub(super) fn read<'a>(
        source: SourceText<'a>,
        tree: &'a DeTable<'a>,
        head: Head,
    ) -> Result<ScenarioPart> {
        let root = Table::root(source, tree);
        STORY.iter().for_each(|key| drop(root.get(key)));
        let cluster = root.need("cluster", "add `[cluster]` with `nodes = [\"A\", \"B\"]`")?;
        let names = read_names(cluster.table()?)?;
        let contract = root.need(
            "contract",
            "add `[contract]` with `failures`, `timing`, `links` and `storage`",
        )?;
        let contract = read_contract(contract.table()?, names.nodes.len())?;
        let first_seed = root.get("first-seed");
        let first_seed = first_seed.map_or(Ok(0), |seed| seed.number(0, i64::MAX as usize))?;
        let seeds = root.get("seeds");
        let seeds = seeds.map_or(Ok(1), |seeds| seeds.number(1, MAX_SEEDS))?;
        let mut experiment = read_protocol(&root, &contract)?;
        read_world(&root, &contract, &names, &mut experiment)?;
        work::read(&root, &names, &mut experiment)?;
        clients::read(&root, &names, &mut experiment)?;
        faults::read_node_faults(&root, &names, &mut experiment)?;
        faults::read_link_faults(&root, &names, &mut experiment)?;
        let expected = root.need(
            "expect",
            "add `[expect]` with `verdict = \"safe-and-live\"`",
        )?;
        let expect = expect::read(expected.table()?, &names)?;
        root.finish()?;
        Ok(ScenarioPart {
            kind: head.kind,
            name: head.name,
            explanation: head.says,
            of: head.of,
            contract,
            experiment,
            names,
            first_seed: first_seed as u64,
            seeds: seeds as u64,
            expect,
        })
    }
}

fn read_names(table: Table<'_>) -> Result<NodeNames> {
    let entry = table.need(
        "nodes",
        "add `nodes = [\"A\", \"B\", \"C\"]`, or `nodes = 3`",
    )?;
    let most = usize::from(NodeSet::MAX_NODES);
    let mut names = NodeNames::default();
    if entry.is_number() {
        let count = entry.number(1, most)?;
        names.nodes = (0..count).map(|n| format!("n{n}")).collect();
    } else {
        for item in entry.items() {
            let name = item.string("A")?;
            if !is_name(name) || names.find(name).is_some() {
                return Err(item.error(
                    "this is not a name, or somebody has it already",
                    "write letters, digits, `.`, `_` or `-`, each name once, and not \"all\"",
                ));
            }
            names.nodes.push(name.to_owned());
        }
        if !(1..=most).contains(&names.nodes.len()) {
            let problem = format!("there are {} nodes", names.nodes.len());
            return Err(entry.error(problem, format!("name 1 to {most} nodes")));
        }
    }
    if let Some(zones) = table.get("zones") {
        for zone in zones.table()?.entries() {
            if !is_name(zone.name()) || names.find(zone.name()).is_some() {
                return Err(zone.error(
                    "a node or a zone has this name already",
                    "give each zone a name of its own",
                ));
            }
            let members = nodes(&zone, &names)?;
            names.zones.push((zone.name().to_owned(), members));
        }
    }
    table.finish()?;
    Ok(names)
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "._-".contains(c);
    (1..=64).contains(&name.len()) && name != "all" && name.chars().all(fits)
}

fn read_contract(table: Table<'_>, n: usize) -> Result<Contract> {
    let failures = table.need(
        "failures",
        "add `failures = { model = \"crash-recovery\", tolerate = 1 }`",
    )?;
    let timing = table.need(
        "timing",
        "add `timing = { model = \"partially-synchronous\", bound = \"unknown\" }`",
    )?;
    let links = table.need("links", "add `links = { model = \"fair-loss\" }`")?;
    let storage = table.need("storage", "add `storage = { model = \"durable\" }`")?;
    let (timing, steps, detector) = read_timing(timing.table()?)?;
    let contract = Contract {
        cluster: Cluster::loopback("scenario", n),
        failures: read_failures(failures.table()?, n)?,
        timing,
        steps,
        detector,
        links: read_links(links.table()?)?,
        storage: read_storage(storage.table()?)?,
        problem: None,
        protocol: None,
        deterministic: false,
        quorums: None,
    };
    table.finish()?;
    Ok(contract)
}

/// The protocol, in an experiment in which nothing happens yet.
fn read_protocol(root: &Table<'_>, contract: &Contract) -> Result<Experiment> {
    let entry = root.need("protocol", "add `[protocol]` with `name = \"raft\"`")?;
    let table = entry.table()?;
    let name = table.need("name", "add `name = \"raft\"`")?;
    let names = [crate::system::NAMES, crate::system::OVER_LINKS].concat();
    let subject = name.choice(&names, |name| name)?;
    let mut options = ProtocolOptions::default();
    let known = crate::system::facts(subject).map_or(&[][..], |facts| facts.options);
    for (option, values) in known {
        let Some(entry) = table.get(option) else {
            continue;
        };
        match entry.is_number() && values.contains(&"a number") {
            true => options.set(option, &entry.number(0, u32::MAX as usize)?.to_string()),
            false => {
                let words: Vec<_> = values
                    .iter()
                    .copied()
                    .filter(|v| *v != "a number")
                    .collect();
                options.set(option, entry.choice(&words, |word| word)?);
            }
        }
    }
    let told = match table.get("delta") {
        Some(delta) => Duration::from_nanos(nanos(&delta, "10ms")?.max(1)),
        None => match contract.timing.bounds() {
            Some(bounds) => bounds.round(),
            None => Duration::from_millis(10),
        },
    };
    let setup = Setup {
        nodes: contract.replicas() as u8,
        faults: contract.tolerate() as u8,
        delta: told,
        timeout_factor_max: crate::system::timeout_factor_max(&contract.timing, told),
        options,
        scheme: Scheme::Ideal,
    };
    if let Some(Err(why)) = visit(subject, WorldSettings(&setup)) {
        return Err(entry.error(
            format!("{subject} cannot be set up like this: {why}"),
            "change the number of nodes, `failures.tolerate`, or the protocol's own keys",
        ));
    }
    table.finish()?;
    Ok(Experiment {
        subject: subject.to_owned(),
        setup,
        weather: NetworkProfile::default(),
        requests: vec![],
        load: None,
        clients: Clients::default(),
        node_faults: vec![],
        link_faults: vec![],
        crash_signal: None,
        distrusted: NodeSet::EMPTY,
        distinct: 1,
        end: 0,
    })
}

struct WorldSettings<'a>(&'a Setup);

impl Visitor for WorldSettings<'_> {
    type Output = std::result::Result<(), String>;
    fn visit<S: SystemUnderTest>(self) -> Self::Output {
        S::configs(self.0).map(drop)
    }
}

fn read_world(
    root: &Table<'_>,
    contract: &Contract,
    names: &NodeNames,
    experiment: &mut Experiment,
) -> Result<()> {
    let entry = root.need("world", "add `[world]` with `delay = \"1ms\"`")?;
    let table = entry.table()?;
    let takes = delay(&table.need(
        "delay",
        "add `delay = \"1ms..5ms\"`: how long a message takes",
    )?)?;
    let across = table
        .get("across-zones")
        .map(|entry| delay(&entry))
        .transpose()?;
    let sync = table.need(
        "sync",
        "add `sync = \"1ms\"`, or \"none\" where syncs take no time",
    )?;
    let sync = match sync.string("1ms")? {
        "none" => None,
        _ => Some(delay(&sync)?),
    };
    let link = LinkProfile {
        delay: takes,
        fifo: flag(&table, "keeps-order", false)?,
        ..LinkProfile::QUIET
    };
    let wild = match table.get("wild-delay") {
        Some(entry) => LinkProfile {
            delay: delay(&entry)?,
            ..link
        },
        None => link,
    };
    // Late is what is later than anybody was told.
    let delta = match contract.timing.bounds() {
        Some(bounds) => bounds.delta.as_nanos() as u64,
        None => longest(takes),
    };
    let pace = TimingProfile {
        before_gst: wild,
        after_gst: link,
        gst: nanos_of(&table, "wild-until", "10s")?.unwrap_or(0),
        delta,
        phi: sync.map_or(0, longest),
        sync,
        drift_ppm: table
            .get("drift")
            .map_or(Ok(0), |entry| ppm(&entry))?
            .unsigned_abs() as u32,
        flp: flag(&table, "last-straw", false)?,
    };
    if longest(takes) > delta {
        experiment
            .link_faults
            .push(slow(names.find("all"), names.find("all"), takes));
    }
    if let Some(across) = across {
        for (name, zone) in &names.zones {
            let others = names.zones.iter().filter(|(other, _)| other != name);
            let others = others.flat_map(|(_, nodes)| nodes.iter()).collect();
            experiment
                .link_faults
                .push(slow(Some(*zone), Some(others), across));
        }
    }
    experiment.weather = NetworkProfile {
        timing: pace,
        lossy: flag(
            &table,
            "cuts-lose",
            contract.links.model == LinkModel::FairLoss,
        )?,
        authentic: flag(
            &table,
            "senders-known",
            contract.links.model == LinkModel::Authenticated,
        )?,
        count_bytes: false,
    };
    experiment.crash_signal = nanos_of(&table, "crash-signal", "1ms")?;
    experiment.end = nanos_of(&table, "end", "10s")?.unwrap_or(60_000 * MS);
    table.finish()
}

fn slow(senders: Option<NodeSet>, receivers: Option<NodeSet>, by: Delay) -> ScheduledLinkFault {
    ScheduledLinkFault {
        from_nodes: senders.unwrap_or(NodeSet::EMPTY),
        to_nodes: receivers.unwrap_or(NodeSet::EMPTY),
        fault: LinkFault::Slow(by),
        from: 0,
        until: None,
        flapping: None,
    }
}
