//! The nemesis of a storm, from the first start to the judgement.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use quorate_check::{DEFAULT_STEPS, History, Operation, check, check_with_changes, jsonl};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::account;
use crate::args::{StormArgs, StormArgsError};
use crate::client::{self, StormClients};
use crate::cluster::{self, ProcessCluster, REPLICAS};
use crate::fault_report::FaultReport;
use crate::gaps::{Gaps, longest};
use crate::load::Workload;
use crate::members;
use crate::nemesis::Nemesis;
use crate::plan::plan;
use crate::report::{OperationTotals, StormReport, StormVerdict};

/// A replica answers within this time.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// Workload without faults before the first one, to know the machine.
const CALM: Duration = Duration::from_millis(1000);

/// Runs a storm on replicas of the program `exe`, which must have quorate's `serve` command. What
/// happens is told line by line. Dropping the future ends the replicas.
///
/// # Errors
/// [`StormArgsError`] for what can't be run as asked; others if the machine does not play along. That the
/// store misbehaves is no error but a [`StormReport`].
pub async fn run(
    args: StormArgs,
    exe: &Path,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<StormReport> {
    args.check()?;
    let place = WorkDir::take(args.data_dir.as_deref())?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let mut cluster = ProcessCluster::new(exe, place.path(), &args)?;
    for id in 0..REPLICAS {
        cluster.start(id)?;
    }
    let endpoints = cluster.endpoints();
    let named: Vec<_> = endpoints.iter().map(ToString::to_string).collect();
    tell(&format!(
        "seed {seed}; replicas at {}; data in {}",
        named.join(" "),
        place.path().display()
    ));

    if args.members {
        // Before any client begins: there would be nothing to judge.
        members_can_change(&endpoints[0]).await?;
    }
    let fleet = Arc::new(StormClients::new(
        endpoints.clone(),
        Duration::from_millis(args.timeout),
        Duration::from_secs_f64(f64::from(args.clients) / f64::from(args.rate)),
    ));
    let mut clients = JoinSet::new();
    for id in 0..u64::from(args.clients) {
        clients.spawn(client::run(fleet.clone(), id, Workload::new(seed, id)));
    }
    let mut nemesis = Nemesis::new(&mut cluster, fleet.clone());
    let nemesis = faults(&mut nemesis, &args, seed, tell).await;
    fleet.stop.store(true, Ordering::Relaxed);
    let seconds = fleet.start.elapsed().as_secs_f64();

    let mut history = History::default();
    while let Some(operations) = clients.join_next().await {
        history.operations.extend(operations?);
    }
    history
        .operations
        .sort_by_key(|operation: &Operation| operation.invoked);
    let running = cluster.running().into_iter();
    let running: Vec<_> = running.map(|id| cluster.endpoint(id).clone()).collect();
    let judgement = judge(&mut history, &running, tell).await;
    let mut complaints = cluster.complaints();
    complaints.extend(nemesis.trouble);

    let mut report = StormReport {
        seed,
        seconds,
        operations: OperationTotals::of(&history, fleet.acknowledged().len()),
        gaps: Gaps::of(
            &nemesis.faults,
            nemesis.longest_calm,
            args.election_timeout as f64,
        ),
        leader_gaps: match args.gaps {
            Some(_) => Gaps::by_kind(&nemesis.faults, args.election_timeout as f64),
            None => vec![],
        },
        faults: nemesis.faults,
        judgement,
        complaints,
        history: args.history,
        data: args.data_dir,
    };
    let failed = report.failure().is_some();
    if failed && report.history.is_none() {
        report.history = Some(place.path().join("history.jsonl"));
    }
    if let Some(path) = &report.history {
        write(path, &history)?;
    }
    drop(cluster);
    if failed {
        report.data = Some(place.keep());
    }
    Ok(report)
}

/// Waits until a replica answers, and refuses a storm of members if it can't change them.
async fn members_can_change(endpoint: &quorate_etcd::client::Endpoint) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        match members::can_change_members(endpoint).await {
            Err(error) if !error.is::<StormArgsError>() && begin.elapsed() < STARTS_WITHIN => {
                sleep(Duration::from_millis(50)).await;
            }
            done => return done,
        }
    }
}

/// What the faults came to.
struct FaultsOutcome {
    faults: Vec<FaultReport>,
    longest_calm: u64,
    trouble: Option<String>,
}

/// Strikes by plan, until the plan is done or the cluster does not recover.
async fn faults(
    nemesis: &mut Nemesis<'_>,
    args: &StormArgs,
    seed: u64,
    tell: &mut dyn FnMut(&str),
) -> FaultsOutcome {
    let mut done = FaultsOutcome {
        faults: vec![],
        longest_calm: 0,
        trouble: None,
    };
    let fleet = nemesis.fleet.clone();
    if let Err(trouble) = nemesis.settle().await {
        done.trouble = Some(trouble);
        return done;
    }
    let calm = fleet.now();
    sleep(CALM).await;
    done.longest_calm = longest(&fleet.acknowledged(), calm, fleet.now());
    if args.members {
        let changed = members::run(nemesis, args, seed, &mut done.faults, tell).await;
        done.trouble = changed.err();
        return done;
    }
    let plan = plan(args, seed);
    let all = plan.len();
    for (number, planned) in (1..).zip(plan) {
        match nemesis.strike(planned, args.lose).await {
            Ok(fault) => {
                tell(&format!("{number:>4}/{all}  {fault}"));
                done.faults.push(fault);
            }
            Err(trouble) => {
                done.trouble = Some(trouble);
                return done;
            }
        }
    }
    done
}

/// Reads what the replicas hold into the history, and judges it.
async fn judge(
    history: &mut History,
    endpoints: &[quorate_etcd::client::Endpoint],
    tell: &mut dyn FnMut(&str),
) -> StormVerdict {
    tell(&format!(
        "reading what the replicas hold after {} operations",
        history.operations.len()
    ));
    let finals = account::finals(endpoints).await;
    if let Ok(finals) = &finals {
        history.finals.clone_from(finals);
    }
    let unjudged = |error: anyhow::Error| StormVerdict::Unjudged {
        explanation: format!("{error:#}"),
    };
    let finals = match finals {
        Ok(finals) => finals,
        // Without the final states the answers can still contradict each other.
        Err(error) => {
            let verdict = check(history, DEFAULT_STEPS);
            return match verdict.violation() {
                Some(_) => verdict.into(),
                None => unjudged(error),
            };
        }
    };
    let last = finals.iter().map(|state| state.contents.revision).max();
    tell(&format!(
        "reading what {} revisions changed",
        last.unwrap_or(0)
    ));
    let begin = Instant::now();
    let changes = match account::changes(endpoints, last.unwrap_or(0)).await {
        Ok(changes) => changes,
        Err(error) => return unjudged(error),
    };
    let read = begin.elapsed();
    let verdict = check_with_changes(history, &changes, DEFAULT_STEPS);
    tell(&format!(
        "{} changes read in {} ms, the history judged in {} ms",
        changes.len(),
        read.as_millis(),
        (begin.elapsed() - read).as_millis()
    ));
    verdict.into()
}

fn write(path: &Path, history: &History) -> anyhow::Result<()> {
    let mut out = BufWriter::new(cluster::create(path)?);
    jsonl::write(&mut out, history)?;
    Ok(out.flush()?)
}

/// Where a storm keeps its files.
enum WorkDir {
    Given(PathBuf),
    Temporary(TempDir),
}

impl WorkDir {
    fn take(given: Option<&Path>) -> anyhow::Result<Self> {
        let Some(dir) = given else {
            let dir = tempfile::Builder::new()
                .prefix("quorate-storm-")
                .tempdir()?;
            return Ok(Self::Temporary(dir));
        };
        if !cluster::is_empty_or_absent(dir) {
            let why = format!("{} is not empty; choose another directory", dir.display());
            return Err(StormArgsError(why).into());
        }
        fs::create_dir_all(dir)
            .map_err(|error| StormArgsError(format!("can't make {}: {error}", dir.display())))?;
        // The replicas are given absolute paths.
        Ok(Self::Given(fs::canonicalize(dir)?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }

    fn keep(self) -> PathBuf {
        match self {
            Self::Given(path) => path,
            Self::Temporary(dir) => dir.keep(),
        }
    }
}
