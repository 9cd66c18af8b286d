//! The faults as they happen: strike, wait, bring back, see the cluster settle.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use quorate_etcd::client::Connection;
use quorate_etcd::pb::etcdserverpb::{StatusRequest, StatusResponse};
use tokio::time::{sleep, timeout};

use crate::client::StormClients;
use crate::cluster::ProcessCluster;
use crate::fault_report::FaultReport;
use crate::gaps::{longest, millis};
use crate::plan::{PlannedFault, ProcessFault, Victim};

/// A cluster of which every replica runs has a leader that acknowledges writes within this time.
const SETTLES_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked at until then.
const LOOK: Duration = Duration::from_millis(5);
/// A replica that does not answer within this time is one that does not know.
const STATUS: Duration = Duration::from_millis(100);

/// The cluster under faults.
pub(crate) struct Nemesis<'a> {
    pub(crate) cluster: &'a mut ProcessCluster,
    pub(crate) fleet: Arc<StormClients>,
    /// Connections of our own: to look, not to load.
    open: Vec<Option<Connection>>,
}

impl<'a> Nemesis<'a> {
    pub(crate) fn new(cluster: &'a mut ProcessCluster, fleet: Arc<StormClients>) -> Self {
        let open = vec![None; fleet.endpoints.len()];
        Self {
            cluster,
            fleet,
            open,
        }
    }

    /// There may be another replica at this place now.
    pub(crate) fn forget(&mut self, id: usize) {
        self.open[id] = None;
    }

    async fn status(&mut self, id: usize) -> Option<StatusResponse> {
        let endpoint = &self.fleet.endpoints[id];
        let open = &mut self.open[id];
        let ask = async {
            let connection = match open.take() {
                Some(connection) => connection,
                None => Connection::open(endpoint).await.ok()?,
            };
            let status = connection.maintenance().status(StatusRequest {}).await;
            *open = Some(connection);
            status.ok().map(tonic::Response::into_inner)
        };
        let status = timeout(STATUS, ask).await.ok().flatten();
        if status.is_none() {
            *open = None;
        }
        status
    }

    /// The leader that all agree on, by number, if every replica answers.
    async fn leader(&mut self) -> Option<usize> {
        let running = self.cluster.running();
        let (mut members, mut leaders) = (vec![], vec![]);
        for id in &running {
            let status = self.status(*id).await?;
            members.push(status.header.as_ref()?.member_id);
            leaders.push(status.leader);
        }
        let first = leaders.first()?;
        let agreed = leaders.iter().all(|leader| leader == first);
        let leader = members.iter().position(|member| member == first)?;
        agreed.then_some(running[leader])
    }

    /// Waits until all replicas follow one leader and a write has been acknowledged meanwhile.
    ///
    /// # Errors
    /// In words, if a replica ends by itself or it takes too long: that is a violation.
    pub(crate) async fn settle(&mut self) -> Result<usize, String> {
        let begin = Instant::now();
        let acknowledged = self.fleet.acknowledged().len();
        while begin.elapsed() < SETTLES_WITHIN {
            if let Some((id, status)) = self.cluster.ended_by_itself() {
                let last = self.cluster.last_output(id);
                return Err(format!(
                    "n{id} ended by itself ({status}); it said last:\n{last}"
                ));
            }
            if let Some(leader) = self.leader().await
                && self.fleet.acknowledged().len() > acknowledged
            {
                return Ok(leader);
            }
            sleep(LOOK).await;
        }
        let running = self.cluster.running().into_iter();
        let said: Vec<_> = running
            .map(|id| format!("n{id} said last:\n{}", self.cluster.last_output(id)))
            .collect();
        Err(format!(
            "all replicas run, but they have not agreed on a leader and acknowledged a write within \
             {} s\n{}",
            SETTLES_WITHIN.as_secs(),
            said.join("\n")
        ))
    }

    /// One fault, from the settled cluster to the settled cluster.
    ///
    /// # Errors
    /// In words, if the cluster does not settle, or the system refuses the fault.
    pub(crate) async fn strike(
        &mut self,
        planned: PlannedFault,
        lose: u64,
    ) -> Result<FaultReport, String> {
        let in_words = |error: anyhow::Error| format!("{error:#}");
        sleep(planned.after).await;
        let leader = match self.leader().await {
            Some(leader) => leader,
            None => self.settle().await?,
        };
        let victims = match planned.victim {
            Victim::Replica(id) => vec![id],
            Victim::Leader => vec![leader],
            Victim::All => self.cluster.running(),
        };
        let at = self.fleet.now();
        match planned.kind {
            ProcessFault::Kill => self.cluster.kill(&victims).map_err(in_words)?,
            ProcessFault::Pause => self.pause(&victims, true).map_err(in_words)?,
            ProcessFault::Stall => self.stall(&victims).map_err(in_words)?,
        }
        sleep(planned.lasts).await;
        let back = self.fleet.now();
        match planned.kind {
            ProcessFault::Kill => {
                for id in &victims {
                    if lose > 0 {
                        self.cluster.cut_log(*id, lose).map_err(in_words)?;
                    }
                    self.cluster.start(*id).map_err(in_words)?;
                }
            }
            ProcessFault::Pause => self.pause(&victims, false).map_err(in_words)?,
            ProcessFault::Stall => self.stall(&victims).map_err(in_words)?,
        }
        self.settle().await?;
        let settled = self.fleet.now();
        Ok(FaultReport {
            kind: planned.kind.to_string(),
            hit_leader: victims.contains(&leader),
            replicas: victims,
            at_ms: millis(at),
            down_ms: millis(back - at),
            settled_ms: millis(settled - back),
            gap_ms: millis(longest(&self.fleet.acknowledged(), at, settled)),
            unknown: self.fleet.unknown.load(Ordering::Relaxed),
        })
    }

    fn stall(&self, ids: &[usize]) -> anyhow::Result<()> {
        ids.iter().try_for_each(|id| self.cluster.toggle_stall(*id))
    }

    fn pause(&self, ids: &[usize], pause: bool) -> anyhow::Result<()> {
        ids.iter().try_for_each(|id| self.cluster.pause(*id, pause))
    }
}
