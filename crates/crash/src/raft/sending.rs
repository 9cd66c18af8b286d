//! A snapshot on its way to a follower that is too far behind: the leader's side.
//!
//! A transfer has to end while the load goes on, and so while newer snapshots are made. It keeps its
//! snapshot ([`Sending`]), of which the layer above keeps the state ([`Raft::transfers`]); and the
//! leader's log keeps what follows that snapshot, so that the follower goes on by entries afterwards
//! ([`Raft::retained`]). Several pieces are under way at a time. What is lost is sent again from the
//! acknowledged offset. A transfer starts over with the newest snapshot only if the log would grow
//! beyond its bounds, if the layer above no longer has the state, or under another leader.

use super::progress::{Mode, Progress, Sending};
use super::role::State;
use super::{Notice, Output, Position, Raft, SnapshotMeta};
use bytes::Bytes;
use quorate_core::{Effects, NodeId, Time};

impl Raft {
    /// The snapshots that are being sent, and to whom. The layer above keeps their states.
    pub fn transfers(&self) -> impl Iterator<Item = (NodeId, SnapshotMeta)> {
        let progress = self.progress().iter();
        progress.filter_map(|progress| match &progress.mode {
            Mode::Snapshot(sending) if !sending.gone => Some((progress.node, sending.meta)),
            _ => None,
        })
    }

    pub(super) fn send_newest_snapshot(
        &self,
        now: Time,
        progress: &mut Progress,
        out: &mut Effects<Self>,
    ) {
        let meta = self.hard.log.snapshot();
        let configuration = self.configuration_at(meta.at.index);
        let mut sending = Sending::new(meta, configuration, now);
        self.want(progress.node, &mut sending, out);
        progress.mode = Mode::Snapshot(Box::new(sending));
    }

    /// Asks the layer above for the next piece, if one may be sent.
    fn want(&self, to: NodeId, sending: &mut Sending, out: &mut Effects<Self>) {
        let meta = sending.meta;
        if let Some(offset) = sending.next_wanted(self.config.max_snapshot_inflight) {
            out.output_eager(Output::SnapshotWanted { to, meta, offset });
        }
    }

    /// At each heartbeat: sends again from the acknowledged offset when nothing was acknowledged
    /// for a while. Starts over if that snapshot is of no use any more.
    pub(super) fn ask_again(&self, now: Time, progress: &mut Progress, out: &mut Effects<Self>) {
        let Mode::Snapshot(sending) = &mut progress.mode else {
            return;
        };
        let newest = self.hard.log.snapshot();
        let useless = sending.gone || sending.meta.at.index < self.hard.log.base().index;
        if useless && newest != sending.meta {
            return self.send_newest_snapshot(now, progress, out);
        }
        if now.since(sending.asked) >= self.config.chunk_timeout {
            sending.rewind(sending.acked);
            sending.asked = now;
            self.want(progress.node, sending, out);
        }
    }

    pub(super) fn on_snapshot_data(
        &mut self,
        to: NodeId,
        meta: SnapshotMeta,
        offset: u64,
        data: Bytes,
        last: bool,
        out: &mut Effects<Self>,
    ) {
        let mut state = std::mem::replace(&mut self.state, State::Follower);
        if let State::Leader(leader) = &mut state
            && let Some(progress) = leader.progress_mut(to)
            && let Mode::Snapshot(sending) = &mut progress.mode
            && sending.wanted
            && (sending.meta, sending.sent) == (meta, offset)
        {
            sending.sent += data.len() as u64;
            sending.inflight.push_back(sending.sent);
            sending.wanted = false;
            sending.gone = false;
            let piece = Notice::Snapshot {
                meta,
                configuration: sending.configuration.clone(),
                offset,
                data,
                last,
            };
            self.notice(to, piece, out);
            self.want(to, sending, out);
        }
        self.state = state;
    }

    /// The layer above no longer has the state of this snapshot.
    pub(super) fn on_snapshot_gone(&mut self, meta: SnapshotMeta) {
        if let State::Leader(leader) = &mut self.state {
            for progress in &mut leader.progress {
                if let Mode::Snapshot(sending) = &mut progress.mode
                    && sending.meta == meta
                {
                    sending.gone = true;
                }
            }
        }
    }

    pub(super) fn on_snapshot_acked(
        &mut self,
        now: Time,
        from: NodeId,
        at: Position,
        through: u64,
        out: &mut Effects<Self>,
    ) {
        let mut state = std::mem::replace(&mut self.state, State::Follower);
        if let State::Leader(leader) = &mut state
            && let Some(progress) = leader.hear(from)
            && let Mode::Snapshot(sending) = &mut progress.mode
            && sending.meta.at == at
            && through <= sending.meta.size
            && through != sending.acked
        {
            sending.asked = now;
            if through < sending.acked || through > sending.sent {
                // After a crash the follower begins again; or this is late, and the next
                // acknowledgement sets it right.
                sending.rewind(through);
            } else {
                sending.acked = through;
                sending.advanced = now;
                while sending.inflight.front().is_some_and(|end| *end <= through) {
                    sending.inflight.pop_front();
                }
            }
            self.want(from, sending, out);
        }
        self.state = state;
    }

    /// Where the log has to begin, if it may, for the followers that get a snapshot or are catching
    /// up after one. `index` is where the next snapshot of this node itself is.
    pub(super) fn retained(&self, now: Time, index: u64) -> Option<u64> {
        let State::Leader(leader) = &self.state else {
            return None;
        };
        let needed = leader
            .progress
            .iter()
            .filter_map(|progress| match &progress.mode {
                Mode::Snapshot(sending) => {
                    let idle = now.since(sending.advanced) >= self.config.transfer_timeout;
                    (!idle && !sending.gone).then_some(sending.meta.at.index)
                }
                Mode::Probe { .. } | Mode::Replicate { .. } => {
                    (progress.silent <= 1 && progress.catching_up).then_some(progress.matched)
                }
            });
        let config = &self.config;
        let (entries, bytes) = (config.max_retained_entries, config.max_retained_bytes);
        let earliest = self.hard.log.earliest_base(index, entries, bytes).index;
        needed.filter(|needed| *needed >= earliest).min()
    }
}
