//! `quorate explain --quorums`: which sets of replicas are quorums, what they share and survive.

use crate::exit::refused;
use crate::output::say;
use anyhow::Context;
use quorate_contract::Contract;
use quorate_contract::quorum::{
    LoadBounds, PhaseFigures, QuorumCounterexample, QuorumFigures, QuorumKind, QuorumNeeds,
    QuorumSystem, majority,
};
use quorate_report::{
    QuorumComparison, QuorumDrawing, QuorumReplica, QuorumRow, Total, html, terminal,
};
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The most replicas that stand in one line of a drawing.
const ABREAST: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct QuorumArgs {
    /// Draw its quorums: what two of them share, what they survive, how available they are and how
    /// loaded; without a `[quorum]` table, beside the others that the same replicas could have
    #[arg(long)]
    pub(super) quorums: bool,
    /// With --quorums: write them as a page, too
    #[arg(long, value_name = "FILE", requires = "quorums")]
    html: Option<PathBuf>,
    /// With --quorums: how likely each replica is up
    #[arg(long, value_name = "P", default_value_t = 0.99, requires = "quorums")]
    up: f64,
}

/// A system, and what became of it under the contract.
struct Judged {
    system: QuorumSystem,
    needs: QuorumNeeds,
    figures: QuorumFigures,
    refuted: Vec<QuorumCounterexample>,
}

/// Draws the quorums of the contract; a counterexample is drawn as well.
pub(super) fn explain(
    contract: &Contract,
    path: Option<&Path>,
    args: &QuorumArgs,
    json: bool,
) -> anyhow::Result<()> {
    if !(args.up > 0.0 && args.up < 1.0) {
        return Err(refused(format_args!(
            "--up {}: write a probability between 0 and 1, such as 0.99",
            args.up
        )));
    }
    // Opened before the work: a path that can't be written is found at once.
    let page = args.html.as_deref().map(|path| {
        let file = File::create(path);
        file.map(|file| (path, file))
            .map_err(|error| refused(format_args!("can't write {}: {error}", path.display())))
    });
    let page = page.transpose()?;
    let judge = |system: QuorumSystem| {
        let needs = contract.quorum_needs(&system);
        Judged {
            figures: system.figures(args.up),
            refuted: system.counterexamples(&needs),
            system,
            needs,
        }
    };
    let judged: Vec<Judged> = systems(contract).into_iter().map(judge).collect();
    let comparison = comparison(contract, path, args, &judged);
    if let Some((path, file)) = page {
        html::quorums(&comparison, file)
            .with_context(|| format!("can't write {}", path.display()))?;
    }
    if !json {
        return say(&terminal::quorums(&comparison));
    }
    let systems: Vec<_> = judged
        .iter()
        .map(|it| {
            json!({
                "name": it.system.to_string(),
                "system": it.system,
                "source": source(&it.system),
                "needs": it.needs,
                "figures": it.figures,
                "refuted": it.refuted,
            })
        })
        .collect();
    say(&serde_json::to_string_pretty(&json!({
        "cluster": contract.cluster.name,
        "up": args.up,
        "systems": systems,
    }))?)
}

/// The quorums of the contract; without a choice of its own, others of the same replicas as well.
fn systems(contract: &Contract) -> Vec<QuorumSystem> {
    if let Some(chosen) = &contract.quorums {
        return vec![chosen.clone()];
    }
    let (n, f) = (contract.replicas(), contract.tolerate());
    let (usual, liars) = (contract.quorum(), contract.failures.liars());
    let mut kinds = vec![match usual.size == majority(n) {
        true => QuorumKind::Majority,
        false => QuorumKind::Dissemination { liars },
    }];
    if liars > 0 {
        kinds.push(QuorumKind::Masking { liars });
    }
    // Writes as small as f leaves, and reads that meet them.
    let (read, write) = (n.saturating_sub(f), f + usual.intersection_needed);
    match (read, write) == (usual.size, usual.size) {
        false => kinds.push(QuorumKind::Flexible { read, write }),
        // One less to write than survives f, for what that costs.
        true => kinds.push(QuorumKind::Flexible {
            read: read + 1,
            write: write - 1,
        }),
    }
    let mut systems: Vec<QuorumSystem> = kinds
        .into_iter()
        .filter_map(|kind| QuorumSystem::new(kind, n).ok())
        .collect();
    if liars > 0 {
        return systems;
    }
    // As near to a square as n allows.
    let rows = (2..n).filter(|rows| n.is_multiple_of(*rows) && rows * rows <= n);
    if let Some(rows) = rows.max() {
        systems.extend(QuorumSystem::new(QuorumKind::Grid { rows }, n));
        let zones = if rows < 3 { n / rows } else { rows };
        let ids: Vec<u8> = contract.cluster.members.iter().map(|it| it.id).collect();
        let zones = ids.chunks(n / zones).map(<[u8]>::to_vec).collect();
        let hierarchy =
            QuorumSystem::with_roles(QuorumKind::Hierarchical, n, zones, vec![], vec![]);
        systems.extend(hierarchy);
    }
    if n.is_multiple_of(2) {
        // One vote more breaks the tie of two halves.
        let mut weights = vec![1; n];
        weights[0] = 2;
        let half = n as u32 / 2 + 1;
        systems.extend(QuorumSystem::new(
            QuorumKind::Weighted {
                weights,
                read: half,
                write: half,
            },
            n,
        ));
    }
    if n >= 3 {
        let last = (n - 1) as u8;
        let witness = QuorumSystem::with_roles(QuorumKind::Majority, n, vec![], vec![last], vec![]);
        systems.extend(witness);
    }
    systems
}

fn comparison(
    contract: &Contract,
    path: Option<&Path>,
    args: &QuorumArgs,
    judged: &[Judged],
) -> QuorumComparison {
    let name = &contract.cluster.name;
    let first = judged.first();
    let holds = first.is_some_and(|it| it.refuted.is_empty());
    let needs = first.map(|it| it.needs);
    let total = |name: &str, value: String| Total {
        name: name.to_owned(),
        value,
    };
    let shared = needs.map_or(0, |needs| needs.shared);
    let mut command = vec!["quorate".to_owned(), "explain".to_owned()];
    command.extend(path.map(|path| path.display().to_string()));
    command.push("--quorums".to_owned());
    if args.up != 0.99 {
        command.push(format!("--up={}", args.up));
    }
    let command = shlex::try_join(command.iter().map(String::as_str)).ok();
    QuorumComparison {
        title: format!("Quorums of \"{name}\": {} replicas", contract.replicas()),
        sentence: match (holds, contract.quorums.is_some()) {
            (true, true) => "Its quorums hold.".to_owned(),
            (true, false) => "It chooses no quorums: these follow from how many may fail.".to_owned(),
            (false, _) => "Its quorums do not hold.".to_owned(),
        },
        holds,
        command,
        totals: vec![
            total("f", contract.tolerate().to_string()),
            total("shared replicas needed", shared.to_string()),
            total("each replica is up with", args.up.to_string()),
        ],
        systems: judged.iter().map(|it| drawing(contract, it)).collect(),
        notes: vec![
            "Replicas are taken to fail independently; those that share a rack, a power supply or a \
             version of the software do not. `zones = [3, 3, 3]` in `[quorum]` counts zones that fail \
             as a whole."
                .to_owned(),
        ],
    }
}

fn drawing(contract: &Contract, it: &Judged) -> QuorumDrawing {
    let figures = &it.figures;
    // A counterexample is what is marked, if there is one.
    let mut marked = "1: a read quorum, 2: a write quorum, as far apart as they can be".to_owned();
    let mut pair = figures
        .read_write
        .as_ref()
        .map(|overlap| (overlap.first.clone(), overlap.second.clone()))
        .unwrap_or_default();
    match it.refuted.first() {
        Some(QuorumCounterexample::Apart { phase, overlap, .. }) => {
            marked = format!("1: a {} quorum, 2: a write quorum", phase.name());
            pair = (overlap.first.clone(), overlap.second.clone());
        }
        Some(QuorumCounterexample::NoneLeft { phase, faulty }) => {
            marked = format!("1: faulty; the others hold no {} quorum", phase.name());
            pair = (faulty.clone(), vec![]);
        }
        Some(QuorumCounterexample::CopiesLost { write, faulty }) => {
            marked = "1: faulty, 2: the write quorum whose write they alone have".to_owned();
            pair = (faulty.clone(), write.clone());
        }
        None => {}
    }
    let remedy = (!it.refuted.is_empty()).then(|| contract.nearest_quorums(&it.system, &it.needs));
    QuorumDrawing {
        name: it.system.to_string(),
        source: source(&it.system),
        rows: rows(contract, &it.system, &pair.0, &pair.1),
        marked,
        refuted: it.refuted.iter().map(|one| contract.tell(one)).collect(),
        remedy,
        figures: totals(contract, it),
        cells: cells(it),
    }
}

fn source(system: &QuorumSystem) -> String {
    let witnesses = match system.witnesses().is_empty() {
        true => "",
        false => "; witnesses: Pâris, ICDCS 1986",
    };
    format!("{}{witnesses}", system.kind().citation())
}

/// The replicas by zone, or as they stand in the grid, or some abreast.
fn rows(contract: &Contract, system: &QuorumSystem, first: &[u8], second: &[u8]) -> Vec<QuorumRow> {
    let replica = |id: &u8| QuorumReplica {
        name: contract
            .cluster
            .member(*id)
            .map_or_else(|| id.to_string(), |member| member.name.clone()),
        role: role(system, *id),
        first: first.contains(id),
        second: second.contains(id),
    };
    let row = |label: String, ids: &[u8]| QuorumRow {
        label,
        replicas: ids.iter().map(replica).collect(),
    };
    let numbered = |what: &str, groups: Vec<&[u8]>| {
        let groups = (1..).zip(groups);
        groups
            .map(|(n, ids)| row(format!("{what} {n}"), ids))
            .collect::<Vec<_>>()
    };
    let voters = system.voters();
    let mut rows = match system.kind() {
        QuorumKind::Grid { rows } => numbered("row", voters.chunks(voters.len() / rows).collect()),
        _ if !system.zones().is_empty() => {
            return numbered("zone", system.zones().iter().map(Vec::as_slice).collect());
        }
        _ => voters
            .chunks(ABREAST)
            .map(|ids| row("voters".to_owned(), ids))
            .collect(),
    };
    let learners = system.learners().chunks(ABREAST);
    rows.extend(learners.map(|ids| row("learners".to_owned(), ids)));
    rows
}

fn role(system: &QuorumSystem, id: u8) -> String {
    if system.witnesses().contains(&id) {
        return "witness".to_owned();
    }
    if system.learners().contains(&id) {
        return "learner".to_owned();
    }
    match system.kind() {
        QuorumKind::Weighted { weights, .. } => {
            let place = system.voters().iter().position(|voter| *voter == id);
            let votes = place.and_then(|place| weights.get(place)).copied();
            match votes.unwrap_or(0) {
                1 => "1 vote".to_owned(),
                votes => format!("{votes} votes"),
            }
        }
        _ => String::new(),
    }
}

fn totals(contract: &Contract, it: &Judged) -> Vec<Total> {
    let figures = &it.figures;
    let mut totals = vec![];
    let mut add = |name: &str, value: String| {
        totals.push(Total {
            name: name.to_owned(),
            value,
        });
    };
    add("to read", phase(&figures.read));
    add("to write", phase(&figures.write));
    let shared = |overlap: &Option<_>| match overlap {
        Some(quorate_contract::quorum::QuorumOverlap { shared, .. }) => shared.len().to_string(),
        None => "there are none".to_owned(),
    };
    let needed = it.needs.shared;
    add(
        "a read and a write share",
        format!(
            "{} at the least, {needed} needed",
            shared(&figures.read_write)
        ),
    );
    let among = match it.needs.among_writes {
        true => format!("{needed} needed, for a liar that leads may ask two for different writes"),
        false => "need none: a new leader reads first (Howard and others 2016)".to_owned(),
    };
    add(
        "two writes share",
        format!("{} at the least; {among}", shared(&figures.write_write)),
    );
    add(
        "survives",
        match figures.survives {
            Some(most) => format!(
                "{most} {}, whichever they are (f = {}); not {}",
                if most == 1 { "crash" } else { "crashes" },
                contract.tolerate(),
                contract.names_of(&figures.fatal)
            ),
            None => "nothing: no quorum is there to begin with".to_owned(),
        },
    );
    if let (Some(zones), Some(available)) = (figures.zones_survived, figures.available_by_zone) {
        add(
            "zones survived",
            format!(
                "{zones}, whichever they are; both quorums up {} if zones fail as a whole",
                share(available)
            ),
        );
    }
    add(
        "available",
        format!(
            "{} if each replica is up {} of the time; to read {}, to write {}",
            share(figures.available),
            figures.up,
            share(figures.read.available),
            share(figures.write.available)
        ),
    );
    if !it.system.witnesses().is_empty() {
        add(
            "copies of a write",
            format!("{} at the least", figures.copies),
        );
    }
    totals
}

fn phase(it: &PhaseFigures) -> String {
    let Some(bounds) = it.load else {
        return "no quorum".to_owned();
    };
    format!(
        "{} replicas; the busiest takes part in {} of operations",
        sizes(it),
        load(&bounds)
    )
}

fn sizes(it: &PhaseFigures) -> String {
    match it.largest > it.smallest {
        true => format!("{}–{}", it.smallest, it.largest),
        false => it.smallest.to_string(),
    }
}

fn load(bounds: &LoadBounds) -> String {
    match bounds.is_exact() {
        true => format!("{:.2}", bounds.at_most),
        false => format!("{:.2}–{:.2}", bounds.at_least, bounds.at_most),
    }
}

/// A probability, with as many nines as it has.
fn share(available: f64) -> String {
    let missing = 1.0 - available;
    match missing {
        m if m < 1e-12 => "0.999999999999 or more".to_owned(),
        m if m < 1e-4 => {
            let digits = (-m.log10()).ceil() as usize + 1;
            format!("{available:.digits$}")
        }
        _ => format!("{available:.6}"),
    }
}

fn cells(it: &Judged) -> Vec<String> {
    let figures = &it.figures;
    let down = 1.0 - figures.available;
    let loads = [&figures.read, &figures.write].map(|phase| match &phase.load {
        Some(bounds) => load(bounds),
        None => "–".to_owned(),
    });
    let size = |phase: &PhaseFigures| match phase.load {
        Some(_) => sizes(phase),
        None => "–".to_owned(),
    };
    vec![
        size(&figures.read),
        size(&figures.write),
        figures.read_write.as_ref().map_or_else(
            || "–".to_owned(),
            |overlap| overlap.shared.len().to_string(),
        ),
        figures
            .survives
            .map_or_else(|| "–".to_owned(), |most| most.to_string()),
        match down {
            d if d < 1e-12 => "<1e-12".to_owned(),
            d => format!("{d:.1e}"),
        },
        loads.join(", "),
        match it.refuted.first() {
            None => "yes",
            Some(QuorumCounterexample::Apart { .. }) => "no: share too few",
            Some(QuorumCounterexample::NoneLeft { .. }) => "no: f leaves none",
            Some(QuorumCounterexample::CopiesLost { .. }) => "no: f takes all copies",
        }
        .to_owned(),
    ]
}
