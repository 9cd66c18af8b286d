//! [`Peers`]: the connections to the members of a roster that changes.

use super::handshake::{Hello, RejectReason};
use super::outgoing::{PeerTarget, connect};
use super::{Bounds, Local, Membership, Outbox, PeerStats, Wire};
use quorate_core::NodeId;
use quorate_replica::{MAX_MEMBERS, Member};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::info;

/// The peers of this replica: a connection is kept to each other member of the current roster, and
/// what comes from others is refused.
#[derive(Debug)]
pub struct Peers<M: Wire>(Arc<Inner<M>>);

impl<M: Wire> Clone for Peers<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[derive(Debug)]
struct Inner<M: Wire> {
    local: Local,
    runtime: Handle,
    membership: watch::Sender<Arc<Membership>>,
    peers: Mutex<BTreeMap<NodeId, Peer<M>>>,
    /// Why most of the members do not take us for one of theirs, in their words.
    rejected: watch::Sender<Option<(RejectReason, String)>>,
}

#[derive(Debug)]
struct Peer<M: Wire> {
    member: Member,
    outbox: Arc<Outbox<M>>,
    /// The task that keeps the connection to it.
    task: AbortHandle,
    /// A channel whose closing ends the connection from it.
    incoming: Option<watch::Sender<()>>,
    /// How it has refused us, if it has not been reached since.
    refusal: Option<RejectReason>,
}

impl<M: Wire> Drop for Peer<M> {
    fn drop(&mut self) {
        self.task.abort();
        self.outbox.close();
    }
}

impl<M: Wire> Peers<M> {
    /// Connects to the other members. The connections are tasks of `runtime` and end with it.
    pub fn new(local: Local, membership: Membership, runtime: Handle) -> Self {
        let membership = membership.with_addresses(&local.founding, &local.cluster);
        let peers = Self(Arc::new(Inner {
            local,
            runtime,
            membership: watch::Sender::new(Arc::new(membership)),
            peers: Mutex::default(),
            rejected: watch::Sender::new(None),
        }));
        peers.follow();
        peers
    }

    /// Takes a new roster: connects to members that are new, stops for those that are gone, and
    /// goes to the new address of those that have moved. Returns whether anything has changed.
    /// Called from any thread, it does not wait.
    pub fn set(&self, membership: Membership) -> bool {
        let local = &self.0.local;
        let membership = membership.with_addresses(&local.founding, &local.cluster);
        let changed = **self.0.membership.borrow() != membership;
        if changed {
            self.0.membership.send_replace(Arc::new(membership));
            self.follow();
        }
        changed
    }

    fn follow(&self) {
        let membership = self.membership();
        let me = self.0.local.me;
        let mut peers = self.peers();
        peers.retain(|node, peer| {
            let is_newer = *node >= membership.next;
            let stays = is_newer || membership.roster.by_node(*node) == Some(&peer.member);
            if !stays {
                let name = &peer.member.name;
                info!(peer = name, %node, "peer has left, or has moved");
            }
            stays
        });
        for member in &membership.roster.members {
            if member.node != me && !peers.contains_key(&member.node) {
                peers.insert(member.node, self.start(member, &membership));
            }
        }
    }

    fn start(&self, member: &Member, membership: &Membership) -> Peer<M> {
        let outbox = Arc::new(Outbox::new(Bounds::default(), Arc::<PeerStats>::default()));
        let target = PeerTarget {
            hello: Hello {
                cluster_id: membership.roster.cluster_id,
                cluster: membership.roster.cluster.clone(),
                from: self.0.local.me,
                from_id: self.0.local.member_id,
                to: member.node,
                to_id: member.id,
                contract: self.0.local.contract,
                address: self.0.local.address.clone(),
            },
            label: membership.roster.label(member.node),
            address: member.peer_address().to_owned(),
            max_frame: self.0.local.max_frame,
        };
        let peers = self.clone();
        let node = member.node;
        let met = move |refused: Option<(RejectReason, &str)>| peers.met(node, refused);
        let task = self
            .0
            .runtime
            .spawn(connect(target, outbox.clone(), met))
            .abort_handle();
        Peer {
            member: member.clone(),
            outbox,
            task,
            incoming: None,
            refusal: None,
        }
    }

    /// A peer was reached, or has refused us.
    fn met(&self, node: NodeId, refused: Option<(RejectReason, &str)>) {
        let mut peers = self.peers();
        let others = peers.len();
        let Some(peer) = peers.get_mut(&node) else {
            return;
        };
        peer.refusal = refused.map(|(reason, _)| reason);
        let Some((reason @ (RejectReason::OtherCluster | RejectReason::Removed), why)) = refused
        else {
            return;
        };
        let alike = peers.values().filter(|peer| peer.refusal == Some(reason));
        // One member may be wrong about it, or know a change that is taken back.
        if 2 * alike.count() > others {
            let why = (reason, why.to_owned());
            drop(peers);
            self.0.rejected.send_replace(Some(why));
        }
    }

    /// Resolves when most of the other members have refused us for the same reason: that we belong
    /// to another cluster, or were removed. Has what the last of them said.
    pub async fn rejected(&self) -> (RejectReason, String) {
        let mut rejected = self.0.rejected.subscribe();
        match rejected.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(why)) => why.clone(),
            // The sender lives as long as `self`.
            _ => (RejectReason::Other, String::new()),
        }
    }

    /// Notes a connection from a member, and ends an earlier one. `None` if it is no member any
    /// more, or more unknown ones call than there can be members. The receiver resolves when the
    /// connection has to end.
    ///
    /// A replica that is behind acts by an old configuration, and the leader that brings it up to
    /// date may be a member that came later. It is answered at the address that it gives.
    pub(super) fn connected(&self, hello: &Hello) -> Option<(Arc<PeerStats>, watch::Receiver<()>)> {
        let (from, id) = (hello.from, hello.from_id);
        let membership = self.membership();
        let mut peers = self.peers();
        if from >= membership.next && peers.get(&from).is_none_or(|peer| peer.member.id != id) {
            let newer = peers.keys().filter(|node| **node >= membership.next);
            if newer.count() >= MAX_MEMBERS {
                return None;
            }
            let member = Member {
                node: from,
                id,
                peer_urls: vec![format!("http://{}", hello.address)],
                ..Member::default()
            };
            info!(peer = %from, address = hello.address, "a member that came later calls");
            peers.insert(from, self.start(&member, &membership));
        }
        let peer = peers.get_mut(&from).filter(|peer| peer.member.id == id)?;
        let (alive, ended) = watch::channel(());
        peer.incoming = Some(alive);
        Some((peer.outbox.stats().clone(), ended))
    }

    fn peers(&self) -> MutexGuard<'_, BTreeMap<NodeId, Peer<M>>> {
        self.0.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who we are.
    pub fn local(&self) -> &Local {
        &self.0.local
    }

    /// The members now.
    pub fn membership(&self) -> Arc<Membership> {
        self.0.membership.borrow().clone()
    }

    /// Follows the members.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Membership>> {
        self.0.membership.subscribe()
    }

    /// What waits to be sent to this one, if there is a connection to it.
    pub fn outbox(&self, node: NodeId) -> Option<Arc<Outbox<M>>> {
        Some(self.peers().get(&node)?.outbox.clone())
    }

    /// What waits to be sent, for each other member.
    pub fn outboxes(&self) -> BTreeMap<NodeId, Arc<Outbox<M>>> {
        let peers = self.peers();
        let outbox = |(node, peer): (&NodeId, &Peer<M>)| (*node, peer.outbox.clone());
        peers.iter().map(outbox).collect()
    }
}
