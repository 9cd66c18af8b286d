//! What a decision costs: counted on running code, in lock-step, without faults.
//!
//! Every message takes Δ, so time is counted in Δ. Logs are measured in a stream of single
//! decisions, with a leader in place and timeouts far away; what decides once is measured as a
//! whole. Values have two bytes.

use crate::system::{Proposers, ProtocolOptions, Setup, SystemUnderTest, Visitor, facts, visit};
use bytes::Bytes;
use quorate_core::NodeId;
use quorate_crypto::{Scheme, Work};
use quorate_sim::{Bare, BareEvent, Costs, Decisions, Delay, NetworkProfile, TimingProfile};
use std::time::Duration;

/// The cluster sizes of the curves.
pub const SIZES: [u8; 5] = [4, 7, 10, 31, 100];

const DELTA: Duration = Duration::from_millis(8);
/// OM(m) and FloodSet grow without measure: then `f` is the largest with fewer messages.
const MOST_MESSAGES: u64 = 50_000;

/// What one decision cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// How many nodes.
    pub n: u8,
    /// How many faults it was set up for.
    pub f: u8,
    /// Messages from one node to another.
    pub messages: f64,
    /// Their bytes.
    pub bytes: f64,
    /// Δ from the request until the first node has decided.
    pub rounds: f64,
    /// Syncs of all disks.
    pub syncs: f64,
    /// Signatures made.
    pub signatures: f64,
    /// Signatures checked.
    pub verified: f64,
    /// Events of the world: for its speed.
    pub events: u64,
}

/// The faults that a protocol is set up for among so many nodes: as many as it can survive, if that
/// can be run.
pub fn faults_for(protocol: &str, n: u8) -> Option<u8> {
    let facts = facts(protocol)?;
    if facts.catalogue == quorate_contract::ProtocolName::TwoGenerals {
        return (n == 2).then_some(0);
    }
    let most = (n.checked_sub(1)? / facts.per_fault).min(n.saturating_sub(2));
    let cost = |f: u8| facts.catalogue.cost(n.into(), f.into()).messages;
    (1..=most).rev().find(|f| cost(*f) <= MOST_MESSAGES)
}

/// Measures a protocol among so many nodes; `None` where it cannot be run.
pub fn cost(protocol: &str, n: u8, scheme: Scheme) -> Option<Measured> {
    cost_of(protocol, n, scheme, if n > 10 { 3 } else { 10 })
}

/// The same over so many decisions, where the protocol is a log. The work is the same each time, so
/// a caller with a clock learns from two lengths what one decision takes.
pub fn cost_of(protocol: &str, n: u8, scheme: Scheme, decisions: u32) -> Option<Measured> {
    let f = faults_for(protocol, n)?;
    let measure = Measure {
        n,
        f,
        scheme,
        decisions,
    };
    visit(protocol, measure).flatten()
}

struct Measure {
    n: u8,
    f: u8,
    scheme: Scheme,
    decisions: u32,
}

impl Visitor for Measure {
    type Output = Option<Measured>;

    fn visit<S: SystemUnderTest>(self) -> Option<Measured> {
        let Self {
            n,
            f,
            scheme,
            decisions,
        } = self;
        let a_log = S::PROPOSERS == Proposers::Clients;
        let setup = Setup {
            nodes: n,
            faults: f,
            // In a log, timeouts are far away; in rounds, a round is what it must be.
            delta: if a_log { DELTA * 200 } else { DELTA },
            timeout_factor_max: 1,
            options: ProtocolOptions::default(),
            scheme,
        };
        let configs = S::configs(&setup).ok()?;
        let mut pace = TimingProfile::lock_step(DELTA.as_nanos() as u64);
        // A sync takes next to no time, and is counted.
        pace.sync = Some(Delay::Uniform { min: 1, max: 1 });
        pace.phi = 1;
        let weather = NetworkProfile {
            timing: pace,
            lossy: false,
            authentic: true,
            count_bytes: true,
        };
        let of = |node: NodeId| configs[node.index()].clone();
        let mut bare = Bare::new(of, n, weather, Decisions::replay(vec![]));
        bare.start_all();
        let work = || S::work(&configs[0]).unwrap_or_default();
        let stage = CostRunner::<S> {
            bare,
            wanted: None,
            first: None,
        };
        match a_log {
            true => stage.a_stream(n, f, decisions, work),
            false => stage.one(n, f, work),
        }
    }
}

struct CostRunner<S: SystemUnderTest> {
    bare: Bare<S::Protocol>,
    /// What is waited for; anything, if nothing is named.
    wanted: Option<Bytes>,
    /// Who decided it first since this was last cleared, and when.
    first: Option<(NodeId, u64)>,
}

impl<S: SystemUnderTest> CostRunner<S> {
    /// Runs until the time has come, or nothing happens any more.
    fn run_until(&mut self, at: u64) {
        self.bare.wake_at(at, 0);
        while let Some(happened) = self.bare.advance() {
            for told in self.bare.take_outputs() {
                let decides = S::decisions(&told.output);
                let is_wanted = |value: &Bytes| self.wanted.as_ref().is_none_or(|w| w == value);
                let news = decides.iter().any(|d| d.values.iter().any(is_wanted));
                if news && self.first.is_none() {
                    self.first = Some((told.node, told.at));
                }
            }
            if happened == BareEvent::Woke(0) {
                break;
            }
        }
    }

    /// Single decisions, one after the other, with a leader in place.
    fn a_stream(mut self, n: u8, f: u8, many: u32, work: impl Fn() -> Work) -> Option<Measured> {
        let delta = DELTA.as_nanos() as u64;
        let mut entry = NodeId(0);
        // The node that decides first is the leader; it gets all further requests.
        for node in NodeId::all(n).cycle().take(64) {
            self.bare
                .request(node, S::request(Bytes::from_static(b"w0")));
            let soon = self.bare.now() + 400 * delta;
            self.run_until(soon);
            if let Some((first, _)) = self.first.take() {
                entry = first;
                break;
            }
        }
        // All decide at the same moment, so who decides first need not lead. A request to another node
        // is passed on, and takes longer: the leader is asked.
        let mut soonest = None;
        for node in NodeId::all(n).take(4).chain([entry]) {
            let Some(took) = self.time_of(node, Bytes::from(format!("w{node}"))) else {
                continue;
            };
            if soonest.is_none_or(|soonest| took < soonest) {
                (soonest, entry) = (Some(took), node);
            }
        }
        // The last of it is told to everybody.
        let later = self.bare.now() + 40 * delta;
        self.run_until(later);
        let (counts, before) = (self.bare.counts(), work());
        let events = self.bare.events();
        let mut rounds = 0;
        for value in 0..many {
            rounds += self.time_of(entry, Bytes::from(format!("v{value}")))?;
        }
        let spent = Spent::since(counts, before, self.bare.counts(), work());
        Some(spent.of(n, f, many, rounds, self.bare.events() - events))
    }

    /// How long a value takes until the first node has decided it, if one node is asked.
    fn time_of(&mut self, node: NodeId, value: Bytes) -> Option<u64> {
        let asked = self.bare.now();
        (self.first, self.wanted) = (None, Some(value.clone()));
        self.bare.request(node, S::request(value));
        self.run_until(asked + 12 * DELTA.as_nanos() as u64);
        Some(self.first?.1 - asked)
    }

    /// What decides once: all of it.
    fn one(mut self, n: u8, f: u8, work: impl Fn() -> Work) -> Option<Measured> {
        let delta = DELTA.as_nanos() as u64;
        let (counts, before) = (Costs::default(), work());
        // With one proposer, or all of one mind: what everybody hopes for.
        let alone = S::PROPOSERS == Proposers::Sender
            || S::CATALOGUE == quorate_contract::ProtocolName::Paxos;
        let value = S::proposal(NodeId(u32::from(!alone)));
        let asked = NodeId::all(n).take(if alone { 1 } else { n.into() });
        for node in asked {
            self.bare.request(node, S::request(value.clone()));
        }
        self.run_until((u64::from(f) + 20) * 4 * delta);
        let rounds = self.first?.1;
        let spent = Spent::since(counts, before, self.bare.counts(), work());
        Some(spent.of(n, f, 1, rounds, self.bare.events()))
    }
}

struct Spent {
    counts: Costs,
    work: Work,
}

impl Spent {
    fn since(counts: Costs, before: Work, now: Costs, work: Work) -> Self {
        Self {
            counts: Costs {
                messages: now.messages - counts.messages,
                bytes: now.bytes - counts.bytes,
                syncs: now.syncs - counts.syncs,
                ..now
            },
            work: Work {
                signed: work.signed - before.signed,
                verified: work.verified - before.verified,
            },
        }
    }

    fn of(&self, n: u8, f: u8, decisions: u32, rounds: u64, events: u64) -> Measured {
        let each = |total: u64| total as f64 / f64::from(decisions);
        Measured {
            n,
            f,
            messages: each(self.counts.messages),
            bytes: each(self.counts.bytes),
            rounds: each(rounds) / DELTA.as_nanos() as f64,
            syncs: each(self.counts.syncs),
            signatures: each(self.work.signed),
            verified: each(self.work.verified),
            events,
        }
    }
}
