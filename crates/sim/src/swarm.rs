//! Swarm testing (Groce et al. 2012): each seed draws which faults its world shows and how hard,
//! instead of a little of everything every time. What is left out matters as much as what is in.

use crate::decisions::Decisions;
use crate::fault::Fault;
use crate::network::{Delay, LinkProfile};
use crate::serving::Simulated;
use quorate_contract::{Behaviour, Contract, Timing};
use quorate_core::Mutant;
use quorate_replica::{LEVEL, Limits, Settings};
use std::time::Duration;

const US: u64 = 1_000;
const MS: u64 = 1_000_000;

/// The mix of one world. All times in nanoseconds.
#[derive(Clone, Debug)]
pub struct Swarm<P: Simulated> {
    /// How long faults go on.
    pub horizon: u64,
    /// The kinds of fault that happen at moments of their own.
    pub faults: Vec<Fault>,
    /// The mean time between two of them.
    pub fault_every: u64,
    /// The mean time until a crashed replica comes back.
    pub restart_after: u64,
    /// The mean time until a cut heals, a slow spell or a drift ends.
    pub outage: u64,
    /// A new leader is cut off after about this time; 0 for not.
    pub topple_after: u64,
    /// Chances in a million that a message arrives late.
    pub late: u32,
    /// How late, on average.
    pub late_by: u64,
    /// When a process dies, its peers may hear that their links to it are broken.
    pub hints: bool,
    /// Replicas that were left behind must catch up while clients go on: nothing else goes wrong.
    pub catch_up: bool,
    /// How many nodes may join the founders.
    pub joiners: u8,
    /// The leader's disk hangs again and again, for long, and nothing else goes wrong.
    pub stall_leaders: bool,
    /// Nodes run two software levels. One bit a node: it begins with the newer one.
    pub newer: Option<u64>,
    /// Crashes may leave sectors in part.
    pub tear: bool,
    /// All links, when nothing is wrong with them.
    pub link: LinkProfile,
    /// How long a sync takes.
    pub sync: Delay,
    /// A node gathers what comes within this time, and answers it in one go.
    pub burst: u64,
    /// What clients do.
    pub load: Load,
    /// What was drawn for the protocol.
    pub protocol: P::Setup,
    /// The replicas' bounds.
    pub limits: Limits,
    /// What the state machine depends on.
    pub settings: Settings,
}

/// What clients do.
#[derive(Clone, Debug)]
pub struct Load {
    /// How many there are.
    pub clients: u8,
    /// The mean time from an answer to the next question.
    pub think: u64,
    /// How many keys they use.
    pub keys: u64,
    /// The most bytes of a value.
    pub value_bytes: u64,
    /// How long a message between a client and a replica takes.
    pub delay: Delay,
    /// Chances in a million that one is lost.
    pub loss: u32,
    /// How long a client waits for an answer.
    pub patience: u64,
    /// How often it asks again before it gives up.
    pub attempts: u32,
    /// Clients whose number is a multiple of this have no session: they never repeat a write.
    pub sessionless: u8,
    /// Operations in all.
    pub operations: u64,
    /// Chances in a million that an operation asks to forget old revisions.
    pub compactions: u32,
}

impl<P: Simulated> Swarm<P> {
    /// Draws a mix that the contract permits.
    pub fn draw(contract: &Contract, mutant: Mutant, decisions: &mut Decisions) -> Self {
        let on = |fault: Fault, decisions: &mut Decisions| {
            fault.is_within(contract) && decisions.below(2) == 1
        };
        let faults = [
            Fault::SlowLinks,
            Fault::Bandwidth,
            Fault::Partition,
            Fault::OneWayCut,
            Fault::Isolation,
            Fault::Kill,
            Fault::PowerLoss,
            Fault::PowerLossInCall,
            Fault::ClusterPowerLoss,
            Fault::Pause,
            Fault::ClockJump,
            Fault::ClockDrift,
            Fault::DiskStall,
            Fault::DiskError,
            Fault::DiskFull,
            Fault::BitRot,
            Fault::MisdirectedWrite,
            Fault::LyingSync,
            Fault::Wipe,
            Fault::Transfer,
        ];
        let faults = faults
            .into_iter()
            .filter(|fault| on(*fault, decisions))
            .collect();
        let mut swarm = Self {
            horizon: decisions.within(2_000 * MS, 8_000 * MS),
            faults,
            fault_every: decisions.within(60 * MS, 1_500 * MS),
            restart_after: decisions.within(5 * MS, 1_500 * MS),
            outage: decisions.within(50 * MS, 1_500 * MS),
            topple_after: 0,
            late: 0,
            late_by: 0,
            hints: false,
            catch_up: false,
            joiners: 0,
            newer: None,
            stall_leaders: false,
            tear: on(Fault::TornSector, decisions),
            link: link(contract, decisions),
            sync: match decisions.below(3) {
                0 => uniform(50 * US, 150 * US),
                1 => exponential(50 * US, decisions.within(100 * US, 5 * MS)),
                _ => heavy_tail(50 * US, decisions.within(100 * US, 5 * MS)),
            },
            burst: match decisions.below(3) {
                0 | 1 => 0,
                _ => decisions.within(10 * US, 2 * MS),
            },
            load: load(contract, decisions),
            protocol: P::draw(contract, mutant, decisions),
            limits: Limits::default(),
            settings: Settings::default(),
        };
        (swarm.limits, swarm.settings) = bounds(decisions);
        if decisions.below(4) == 3 {
            swarm.make_unrest(contract, decisions);
        }
        swarm.add_regimes(contract, decisions);
        swarm
    }

    /// What only some worlds have, drawn last: so that a seed keeps its world when one is added.
    fn add_regimes(&mut self, contract: &Contract, decisions: &mut Decisions) {
        if decisions.below(2) == 1 {
            self.hints = true;
            self.faults.push(Fault::PeerGone);
        }
        if decisions.below(4) == 3 && Fault::LateMessage.is_within(contract) {
            self.late = decisions.within(500, 10_000) as u32;
            self.late_by = decisions.within(500 * MS, 4_000 * MS);
        }
        if decisions.below(16) == 15 {
            self.make_large(decisions);
        }
        if decisions.below(16) == 15 && Fault::LeftBehind.is_within(contract) {
            self.leave_behind(decisions);
        }
        if decisions.below(6) == 5 && P::RECONFIGURES && Fault::MemberAdded.is_within(contract) {
            self.joiners = decisions.within(1, 4) as u8;
            self.horizon = self.horizon.max(6_000 * MS);
            // Twice, so that changes are made as often as a kind of fault and its end.
            self.faults.extend([Fault::MemberAdded; 2]);
            self.fault_every = self.fault_every.min(600 * MS);
        }
        if decisions.below(128) == 127 {
            self.horizon = decisions.within(20_000 * MS, 60_000 * MS);
            self.load.operations = decisions.within(5_000, 15_000);
            self.limits.checkpoint_bytes = self.limits.checkpoint_bytes.min(50_000);
        }
        let upgrades = P::RECONFIGURES && Fault::Upgraded.is_within(contract) && !self.catch_up;
        if decisions.below(6) == 5 && upgrades {
            self.mix_versions(decisions);
        }
        if self.joiners > 0 && decisions.below(2) == 1 {
            P::set_promotion_lag(&mut self.protocol, decisions.within(1, 30));
        }
        let plain = self.joiners == 0 && self.newer.is_none() && !self.catch_up;
        let stalls = Fault::DiskStall.is_within(contract) && contract.tolerate() > 0;
        let plain = plain && P::LEAVES_WHEN_STALLED;
        if decisions.below(24) == 23 && plain && stalls {
            self.stall_leaders(decisions);
        }
    }

    /// All begin with the older software, or any with any; an operator upgrades and rolls back.
    fn mix_versions(&mut self, decisions: &mut Decisions) {
        self.newer = Some(match decisions.below(3) {
            0 => 0,
            _ => decisions.below(u64::MAX),
        });
        self.horizon = self.horizon.max(8_000 * MS);
        self.load.operations = self.load.operations.max(800);
        self.fault_every = self.fault_every.min(250 * MS);
        // Fewer other kinds, and this one as often as several of them together: a raise takes every
        // node's upgrade before it.
        self.faults.retain(|_| decisions.below(2) == 1);
        self.faults.extend([Fault::Upgraded; 6]);
    }

    fn stall_leaders(&mut self, decisions: &mut Decisions) {
        self.stall_leaders = true;
        self.faults = vec![Fault::DiskStall];
        (self.hints, self.late, self.topple_after) = (false, 0, 0);
        self.link.loss = self.link.loss.min(10_000);
        self.fault_every = decisions.within(500 * MS, 1_500 * MS);
        self.horizon = decisions.within(10_000 * MS, 20_000 * MS);
        self.load.operations = 6_000;
        self.load.think = self.load.think.min(10 * MS);
    }

    /// The feature level that the software of a node knows when the world begins.
    pub(crate) fn software(&self, node: u8) -> u16 {
        let newer = self.newer.map(|bits| bits >> (node % 64) & 1);
        newer.map_or(LEVEL, |newer| 1 + newer as u16)
    }

    /// Values up to the limit on a request, and some beyond it.
    fn make_large(&mut self, decisions: &mut Decisions) {
        let limit = decisions.within(2_000, 48_000);
        self.limits.request_bytes = limit as usize;
        self.load.value_bytes = limit + limit / 20;
    }

    /// Logs are cut so often that a replica that is down or cut off for a while needs a snapshot.
    fn leave_behind(&mut self, decisions: &mut Decisions) {
        self.catch_up = decisions.below(2) == 1;
        if self.catch_up {
            self.faults.clear();
            (self.hints, self.late, self.topple_after) = (false, 0, 0);
            self.link.loss = self.link.loss.min(20_000);
            self.load.patience = self.load.patience.max(1_000 * MS);
            self.fault_every = decisions.within(500 * MS, 1_500 * MS);
        }
        self.faults.push(Fault::LeftBehind);
        self.horizon = decisions.within(8_000 * MS, 16_000 * MS);
        self.load.operations = decisions.within(3_000, 6_000);
        self.load.think = self.load.think.min(10 * MS);
        self.load.value_bytes = self.load.value_bytes.min(300);
        self.limits.checkpoint_bytes = decisions.within(1_000, 20_000);
        self.limits.chunk_bytes = decisions.within(1_000, 64_000) as usize;
        P::make_forgetful(&mut self.protocol);
    }

    /// Leaders come and go before their entries are everywhere, one entry a message, and many
    /// messages get lost: the weather in which the rules about older terms matter (Raft, figure 8).
    fn make_unrest(&mut self, contract: &Contract, decisions: &mut Decisions) {
        let disturbing = [
            Fault::Isolation,
            Fault::Kill,
            Fault::Partition,
            Fault::Transfer,
            Fault::OneWayCut,
        ];
        self.faults = disturbing
            .into_iter()
            .filter(|fault| fault.is_within(contract))
            .collect();
        self.fault_every = decisions.within(40 * MS, 200 * MS);
        self.restart_after = decisions.within(5 * MS, 100 * MS);
        if Fault::Isolation.is_within(contract) {
            self.topple_after = decisions.within(MS, 20 * MS);
        }
        self.outage = decisions.within(50 * MS, 300 * MS);
        if contract.allows(Behaviour::Lose) {
            self.link.loss = decisions.within(50_000, 400_000) as u32;
        }
        P::make_unrest(&mut self.protocol);
        self.load.think = self.load.think.min(3 * MS);
        self.load.patience = self.load.patience.min(300 * MS);
    }
}

fn uniform(min: u64, max: u64) -> Delay {
    Delay::Uniform { min, max }
}

fn exponential(min: u64, mean: u64) -> Delay {
    Delay::Exponential { min, mean }
}

fn heavy_tail(min: u64, mean: u64) -> Delay {
    Delay::HeavyTail { min, mean }
}

fn delay(decisions: &mut Decisions) -> Delay {
    let mean = decisions.within(100 * US, 4 * MS);
    match decisions.below(3) {
        0 => uniform(50 * US, mean.max(100 * US)),
        1 => exponential(50 * US, mean),
        _ => heavy_tail(50 * US, mean),
    }
}

fn link(contract: &Contract, decisions: &mut Decisions) -> LinkProfile {
    let bounds = match &contract.timing {
        Timing::Synchronous(bounds) => Some(bounds),
        _ => None,
    };
    let mut some = |fault: Fault, most: u64| {
        let on = fault.is_within(contract) && decisions.below(2) == 1;
        if on {
            decisions.within(1_000, most) as u32
        } else {
            0
        }
    };
    let (loss, duplicate) = (some(Fault::Loss, 80_000), some(Fault::Duplication, 80_000));
    LinkProfile {
        loss,
        duplicate,
        fifo: !(Fault::Reordering.is_within(contract) && decisions.below(2) == 1),
        delay: delay(decisions),
        max_delay: bounds.map_or(u64::MAX, |bounds| bounds.delta.as_nanos() as u64),
        nanos_per_byte: 0,
    }
}

fn load(contract: &Contract, decisions: &mut Decisions) -> Load {
    let clients = decisions.within(2, 6) as u8;
    let lossy = contract.allows(Behaviour::Lose) && decisions.below(2) == 1;
    Load {
        clients,
        think: decisions.within(MS / 2, 20 * MS),
        keys: decisions.within(1, 8),
        value_bytes: match decisions.below(4) {
            0 | 1 => 16,
            2 => 300,
            _ => 5_000,
        },
        delay: delay(decisions),
        loss: if lossy {
            decisions.within(1_000, 60_000) as u32
        } else {
            0
        },
        patience: decisions.within(50 * MS, 3_000 * MS),
        attempts: decisions.within(1, 6) as u32,
        sessionless: decisions.within(1, clients.into()) as u8 + 1,
        operations: decisions.within(200, 1_500),
        compactions: match decisions.below(2) {
            0 => 0,
            _ => 20_000,
        },
    }
}

fn bounds(decisions: &mut Decisions) -> (Limits, Settings) {
    let requests = size(decisions, 4, 8192);
    let settings = Settings {
        sessions: size(decisions, 4, 1024) as u64,
        session_window: size(decisions, 8, 8192) as u64,
        ..Settings::default()
    };
    let limits = Limits {
        requests,
        checkpoint_bytes: size(decisions, 1_000, 200_000) as u64,
        chunk_bytes: size(decisions, 64, 256 << 10),
        bursts_waiting: size(decisions, 4, 4096),
        retry: Duration::from_millis(100),
        ..Limits::default()
    };
    let settings = Settings {
        answer_bytes: size(decisions, 100, 10_000) as u64,
        session_bytes: size(decisions, 1_000, 100_000) as u64,
        answers_bytes: size(decisions, 10_000, 1_000_000) as u64,
        ..settings
    };
    (limits, settings)
}

/// A size between: the most, the least, or something of any magnitude between.
pub(crate) fn size(decisions: &mut Decisions, least: u64, most: u64) -> usize {
    let size = match decisions.below(4) {
        0 => most,
        1 => least,
        _ => {
            let magnitudes = u64::from((most / least.max(1)).ilog2());
            let low = least << decisions.below(magnitudes.max(1));
            decisions.within(low, (low * 2).min(most))
        }
    };
    size as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_crash::raft::Raft;

    #[test]
    fn every_mix_can_run_and_the_quietest_has_no_faults() {
        let contract = Contract::default();
        for seed in 0..500 {
            let mut decisions = Decisions::from_seed(seed);
            let swarm = Swarm::<Raft>::draw(&contract, Mutant::None, &mut decisions);
            assert_eq!(swarm.protocol.check(), Ok(()), "seed {seed}");
        }
        let quiet = Swarm::<Raft>::draw(&contract, Mutant::None, &mut Decisions::replay(vec![]));
        assert!(quiet.faults.is_empty() && quiet.link.loss == 0 && quiet.link.fifo && !quiet.tear);
    }
}
