//! Carries a plan of changes out on real processes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use quorate_etcd::client::{Connection, Endpoint};
use quorate_etcd::pb::etcdserverpb::MemberPromoteRequest;
use tokio::time::{sleep, timeout};
use tonic::Code;

use super::plan::{Disturbance, Plan, PlannedChange, PlannedStep, Victim};
use crate::args::{StormArgs, StormArgsError};
use crate::client::StormClients;
use crate::cluster::ProcessCluster;
use crate::fault_report::FaultReport;
use crate::gaps::{longest, millis};
use crate::nemesis::Nemesis;
use crate::plan::ProcessFault;

/// For the answer to the question whether members can change.
const ANSWER: Duration = Duration::from_secs(10);

/// Whether the servers at `endpoint` can change their members: asked by a change that none makes,
/// as there is no member 0.
///
/// # Errors
/// [`StormArgsError`] if they can't.
pub(crate) async fn can_change_members(endpoint: &Endpoint) -> anyhow::Result<()> {
    let ask = async {
        let connection = Connection::open(endpoint).await?;
        let request = MemberPromoteRequest { id: 0 };
        anyhow::Ok(connection.cluster().member_promote(request).await)
    };
    match timeout(ANSWER, ask).await?? {
        Err(status) if status.code() == Code::Unimplemented => Err(StormArgsError(format!(
            "the replicas can't change their members ({}): --members needs a version that can",
            status.message()
        ))
        .into()),
        _ => Ok(()),
    }
}

/// Changes members by plan until the time is up, or something goes wrong: then says what.
pub(crate) async fn run(
    nemesis: &mut Nemesis<'_>,
    args: &StormArgs,
    seed: u64,
    faults: &mut Vec<FaultReport>,
    tell: &mut dyn FnMut(&str),
) -> Result<(), String> {
    let end = Instant::now() + Duration::from_secs_f64(args.minutes * 60.0);
    for (number, step) in (1..).zip(Plan::new(args, seed)) {
        if Instant::now() >= end {
            break;
        }
        for report in carry_out(nemesis, step).await? {
            tell(&format!("{number:>4}  {report}"));
            faults.push(report);
        }
    }
    Ok(())
}

/// One step, from the settled cluster to the settled cluster. Reports the change, and what
/// disturbed it.
async fn carry_out(
    nemesis: &mut Nemesis<'_>,
    step: PlannedStep,
) -> Result<Vec<FaultReport>, String> {
    let in_words =
        |error: anyhow::Error| format!("{} n{}: {error:#}", step.change, step.change.place());
    sleep(step.after).await;
    let leader = nemesis.settle().await?;
    let fleet = nemesis.fleet.clone();
    let place = step.change.place();
    let at = fleet.now();
    let disturbed = {
        let mut action = Action {
            cluster: nemesis.cluster,
            fleet: &fleet,
            leader,
        };
        action.run(step).await.map_err(in_words)?
    };
    let done = fleet.now();
    nemesis.forget(place);
    nemesis.settle().await?;
    let settled = fleet.now();
    let report = |kind: String, replica, from: u64, down: u64| FaultReport {
        kind,
        replicas: vec![replica],
        hit_leader: replica == leader,
        at_ms: millis(from),
        down_ms: millis(down),
        settled_ms: millis(settled.saturating_sub(from + down)),
        gap_ms: millis(longest(&fleet.acknowledged(), from, settled)),
        unknown: fleet.unknown.load(Ordering::Relaxed),
    };
    let mut reports = vec![report(step.change.to_string(), place, at, done - at)];
    if let Some((kind, victim, from, until)) = disturbed {
        reports.push(report(kind.to_string(), victim, from, until - from));
    }
    Ok(reports)
}

/// What was done to victim, from when until when.
type Disturbed = (ProcessFault, usize, u64, u64);

/// One change under way.
struct Action<'a> {
    cluster: &'a mut ProcessCluster,
    fleet: &'a Arc<StormClients>,
    leader: usize,
}

impl Action<'_> {
    async fn run(&mut self, step: PlannedStep) -> anyhow::Result<Option<Disturbed>> {
        let place = step.change.place();
        let name = ProcessCluster::name(place);
        let mut others = self.cluster.running();
        others.retain(|slot| *slot != place);
        let mut endpoints: Vec<_> = others
            .iter()
            .map(|slot| self.cluster.endpoint(*slot).clone())
            .collect();
        // Not always the same one is asked first.
        let first = self.fleet.now() as usize % endpoints.len().max(1);
        endpoints.rotate_left(first);
        let url = self.cluster.peer_url(place);
        let args: &[&str] = match step.change {
            PlannedChange::Add(_) => {
                self.cluster.wipe(place)?;
                &["add", &name, "--peer-url", &url]
            }
            PlannedChange::Promote(_) => &["promote", &name, "--wait"],
            PlannedChange::Remove(_) => {
                // It learns that it was removed, and may end by itself then.
                self.cluster.expect_end(place);
                &["remove", &name]
            }
            PlannedChange::Replace(_) => {
                self.cluster.kill(&[place])?;
                self.cluster.wipe(place)?;
                &["replace", &name]
            }
        };
        let mut command = self.cluster.member_command(&endpoints, args)?;
        let mut disturbed = None;
        if matches!(
            step.change,
            PlannedChange::Add(_) | PlannedChange::Replace(_)
        ) {
            let words = command.join_command().await?;
            self.cluster.join(place, words)?;
        }
        if let Some(disturbance) = step.disturbance {
            disturbed = self.disturb(disturbance, place).await?;
        }
        command.end().await?;
        if let PlannedChange::Remove(_) = step.change {
            self.cluster.kill(&[place])?;
            self.cluster.wipe(place)?;
        }
        Ok(disturbed)
    }

    /// Hits somebody while the command runs.
    async fn disturb(
        &mut self,
        disturbance: Disturbance,
        changed: usize,
    ) -> anyhow::Result<Option<Disturbed>> {
        let victim = match disturbance.victim {
            Victim::SlotState(slot) => slot,
            Victim::Leader if self.leader != changed => self.leader,
            Victim::Leader => return Ok(None),
        };
        sleep(disturbance.after).await;
        let from = self.fleet.now();
        match disturbance.kind {
            ProcessFault::Kill => self.cluster.kill(&[victim])?,
            ProcessFault::Pause | ProcessFault::Stall => self.cluster.pause(victim, true)?,
        }
        sleep(disturbance.lasts).await;
        let until = self.fleet.now();
        match disturbance.kind {
            ProcessFault::Kill => self.cluster.start(victim)?,
            ProcessFault::Pause | ProcessFault::Stall => self.cluster.pause(victim, false)?,
        }
        Ok(Some((disturbance.kind, victim, from, until)))
    }
}
