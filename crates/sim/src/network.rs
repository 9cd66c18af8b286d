//! Links between nodes: delay, loss, duplication, reordering, partitions, bandwidth.

use crate::decisions::Decisions;

use crate::slab::Slab;
use quorate_core::NodeId;
use std::fmt;

/// How long a message takes, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delay {
    /// Anything between, alike.
    Uniform {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// `min`, and an exponentially distributed time around `mean`.
    Exponential {
        /// The least.
        min: u64,
        /// The mean of the rest.
        mean: u64,
    },
    /// `min`, and a time that is mostly short and now and then a hundred times `mean`.
    HeavyTail {
        /// The least.
        min: u64,
        /// The mean of the rest.
        mean: u64,
    },
}

impl Delay {
    /// Draws one.
    #[inline]
    pub fn draw(self, decisions: &mut Decisions) -> u64 {
        match self {
            Self::Uniform { min, max } => decisions.within(min, max),
            Self::Exponential { min, mean } => min + decisions.exponential(mean),
            Self::HeavyTail { min, mean } => min + decisions.heavy_tail(mean),
        }
    }
}

/// As a reader says it: "10 ms to 40 ms", "exponential, 8 ms on average".
impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (how, min, mean) = match *self {
            Self::Uniform { min, max } if min == max => return f.write_str(&format_time(min)),
            Self::Uniform { min, max } => {
                return write!(f, "{} to {}", format_time(min), format_time(max));
            }
            Self::Exponential { min, mean } => ("exponential", min, mean),
            Self::HeavyTail { min, mean } => ("heavy-tailed", min, mean),
        };
        write!(f, "{how}, {} on average", format_time(mean))?;
        match min {
            0 => Ok(()),
            _ => write!(f, " beyond {}", format_time(min)),
        }
    }
}

/// A time as one would say it.
pub fn format_time(nanos: u64) -> String {
    let (unit, size) = match nanos {
        0 => return "0 ms".to_owned(),
        n if n >= 1_000_000_000 => ("s", 1e9),
        n if n >= 1_000_000 => ("ms", 1e6),
        n if n >= 1_000 => ("µs", 1e3),
        _ => ("ns", 1.0),
    };
    let number = format!("{:.2}", nanos as f64 / size);
    let number = number.trim_end_matches('0').trim_end_matches('.');
    format!("{number} {unit}")
}

/// What one direction between two nodes does to messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkProfile {
    /// How long a message takes.
    pub delay: Delay,
    /// No message takes longer; `u64::MAX` for no bound.
    pub max_delay: u64,
    /// Chances in a million that a message is lost.
    pub loss: u32,
    /// Chances in a million that a message arrives twice.
    pub duplicate: u32,
    /// Messages arrive in the order in which they were sent, as on one connection.
    pub fifo: bool,
    /// Nanoseconds that the link is busy with a byte; 0 for unlimited bandwidth.
    pub nanos_per_byte: u64,
}

impl LinkProfile {
    /// A quiet link on one machine.
    pub const QUIET: Self = Self {
        delay: Delay::Uniform {
            min: 50_000,
            max: 150_000,
        },
        max_delay: u64::MAX,
        loss: 0,
        duplicate: 0,
        fifo: true,
        nanos_per_byte: 0,
    };
}

/// A message under way.
#[derive(Clone, Debug)]
pub struct InFlight<M> {
    /// Who sent it.
    pub from: NodeId,
    /// Whom it is for.
    pub to: NodeId,
    /// What it says.
    pub message: M,
}

#[derive(Clone, Debug)]
struct LinkState {
    link: LinkProfile,
    /// How many partitions cut it.
    cuts: u32,
    /// When it is through with what it was given.
    busy_until: u64,
    /// When the last message given to it arrives.
    last_arrival: u64,
    /// What waits for the cut to heal, where links lose nothing.
    held: Vec<u32>,
}

/// What a network did with a message that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// It is under way, perhaps twice.
    UnderWay,
    /// It waits, under this number, until the link is mended.
    Held(u32),
    /// It was lost by chance.
    Lost,
    /// It was lost to a partition.
    Cut,
    /// It was lost because too many were under way.
    Overflowed,
}

/// What became of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Given to the network.
    pub sent: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost to a partition, or held back by it.
    pub cut: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Overtook one that was sent before on the same link.
    pub reordered: u64,
    /// Lost because too many were under way.
    pub overflowed: u64,
}

/// All links of a cluster.
#[derive(Clone, Debug)]
pub struct Network<M> {
    nodes: usize,
    flights: Slab<InFlight<M>>,
    links: Vec<LinkState>,
    /// A cut link loses what it is given; else it holds it back.
    lossy: bool,
    /// What became of messages.
    pub traffic: Traffic,
}

/// Messages under way at most, on all links together. Beyond, a lossy network loses them: as a
/// full socket buffer does.
const MAX_FLIGHTS: usize = 100_000;

impl<M: Clone> Network<M> {
    /// All links alike. `lossy` says what a partition does: lose, or hold back until it heals.
    pub fn new(nodes: u8, link: LinkProfile, lossy: bool) -> Self {
        let nodes = usize::from(nodes);
        let state = LinkState {
            link,
            cuts: 0,
            busy_until: 0,
            last_arrival: 0,
            held: vec![],
        };
        Self {
            nodes,
            flights: Slab::default(),
            links: vec![state; nodes * nodes],
            lossy,
            traffic: Traffic::default(),
        }
    }

    fn index(&self, from: NodeId, to: NodeId) -> usize {
        from.index() * self.nodes + to.index()
    }

    /// Sends a message of about `bytes` bytes; `deliver` is called with the time and the number of
    /// each copy that will arrive.
    #[inline]
    pub fn send(
        &mut self,
        now: u64,
        InFlight { from, to, message }: InFlight<M>,
        bytes: usize,
        decisions: &mut Decisions,
        mut deliver: impl FnMut(u64, u32),
    ) -> SendOutcome {
        let at = self.index(from, to);
        let state = &mut self.links[at];
        let link = state.link;
        self.traffic.sent += 1;
        if self.flights.len() >= MAX_FLIGHTS {
            self.traffic.overflowed += 1;
            return SendOutcome::Overflowed;
        }
        if state.cuts > 0 {
            self.traffic.cut += 1;
            if !self.lossy {
                let number = self.flights.insert(InFlight { from, to, message });
                state.held.push(number);
                return SendOutcome::Held(number);
            }
            return SendOutcome::Cut;
        }
        if decisions.chance(link.loss) {
            self.traffic.lost += 1;
            return SendOutcome::Lost;
        }
        if decisions.chance(link.duplicate) {
            self.traffic.duplicated += 1;
            let copy = InFlight {
                from,
                to,
                message: message.clone(),
            };
            let number = self.flights.insert(copy);
            deliver(arrival(state, now, bytes, decisions), number);
        }
        let number = self.flights.insert(InFlight { from, to, message });
        let before = state.last_arrival;
        let at = arrival(state, now, bytes, decisions);
        self.traffic.reordered += u64::from(at < before);
        deliver(at, number);
        SendOutcome::UnderWay
    }

    /// Takes out a message that arrives.
    #[inline]
    pub fn arrive(&mut self, number: u32) -> Option<InFlight<M>> {
        self.flights.remove(number)
    }

    /// Looks at a message under way.
    pub fn flight(&self, number: u32) -> Option<&InFlight<M>> {
        self.flights.get(number)
    }

    /// Messages under way.
    pub fn under_way(&self) -> usize {
        self.flights.len()
    }

    /// Cuts a link, once more.
    pub fn cut(&mut self, from: NodeId, to: NodeId) {
        let at = self.index(from, to);
        self.links[at].cuts += 1;
    }

    /// Mends one cut of a link; what was held back leaves then.
    pub fn mend(
        &mut self,
        now: u64,
        from: NodeId,
        to: NodeId,
        decisions: &mut Decisions,
        mut deliver: impl FnMut(u64, u32),
    ) {
        let at = self.index(from, to);
        let state = &mut self.links[at];
        state.cuts = state.cuts.saturating_sub(1);
        if state.cuts == 0 {
            for number in std::mem::take(&mut state.held) {
                deliver(arrival(state, now, 0, decisions), number);
            }
        }
    }

    /// Is the link cut?
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.links[self.index(from, to)].cuts > 0
    }

    /// What a link does to messages.
    pub fn link(&self, from: NodeId, to: NodeId) -> LinkProfile {
        self.links[self.index(from, to)].link
    }

    /// A new connection in the place of an old one: what was given to the link so far arrives by
    /// `by`, and nothing waits behind it any longer.
    pub fn reset_link(&mut self, now: u64, from: NodeId, to: NodeId, by: u64) {
        let at = self.index(from, to);
        let state = &mut self.links[at];
        state.busy_until = state.busy_until.min(now);
        state.last_arrival = state.last_arrival.min(by);
    }

    /// Changes what a link does to messages.
    pub fn set_link(&mut self, from: NodeId, to: NodeId, link: LinkProfile) {
        let at = self.index(from, to);
        self.links[at].link = link;
    }
}

fn arrival(state: &mut LinkState, now: u64, bytes: usize, decisions: &mut Decisions) -> u64 {
    let link = state.link;
    let mut start = now;
    if link.nanos_per_byte > 0 {
        start = now.max(state.busy_until) + bytes as u64 * link.nanos_per_byte;
        state.busy_until = start;
    }
    let delay = link.delay.draw(decisions).min(link.max_delay);
    let mut at = start + delay;
    if link.fifo {
        at = at.max(state.last_arrival);
    }
    state.last_arrival = state.last_arrival.max(at);
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);

    fn send(network: &mut Network<u32>, decisions: &mut Decisions, n: u32) -> Vec<(u64, u32)> {
        let mut arrivals = vec![];
        for message in 0..n {
            let flight = InFlight {
                from: A,
                to: B,
                message,
            };
            let now = u64::from(message) * 1000;
            network.send(now, flight, 100, decisions, |at, number| {
                arrivals.push((at, number))
            });
        }
        arrivals.sort_unstable();
        arrivals
            .into_iter()
            .filter_map(|(at, number)| Some((at, network.arrive(number)?.message)))
            .collect()
    }

    #[test]
    fn one_connection_keeps_order_and_datagrams_do_not() {
        let mut decisions = Decisions::from_seed(1);
        let mut network = Network::new(2, LinkProfile::QUIET, true);
        let arrived = send(&mut network, &mut decisions, 200);
        assert!(arrived.is_sorted_by_key(|(_, message)| *message));
        let link = LinkProfile {
            fifo: false,
            ..LinkProfile::QUIET
        };
        network.set_link(A, B, link);
        let arrived = send(&mut network, &mut decisions, 200);
        assert_eq!(arrived.len(), 200);
        assert!(!arrived.is_sorted_by_key(|(_, message)| *message));
        assert_eq!(network.under_way(), 0);
    }

    #[test]
    fn loss_and_duplication_come_in_their_measure() {
        let mut decisions = Decisions::from_seed(1);
        let link = LinkProfile {
            loss: 200_000,
            duplicate: 100_000,
            ..LinkProfile::QUIET
        };
        let mut network = Network::new(2, link, true);
        let arrived = send(&mut network, &mut decisions, 10_000).len() as u64;
        let Traffic {
            lost, duplicated, ..
        } = network.traffic;
        assert!((1800..2200).contains(&lost), "{lost}");
        assert!((700..900).contains(&duplicated), "{duplicated}");
        assert_eq!(arrived, 10_000 - lost + duplicated);
    }

    #[test]
    fn a_cut_loses_or_holds_back_as_the_links_are() {
        for lossy in [true, false] {
            let mut decisions = Decisions::from_seed(1);
            let mut network = Network::new(2, LinkProfile::QUIET, lossy);
            network.cut(A, B);
            network.cut(A, B);
            assert!(send(&mut network, &mut decisions, 5).is_empty());
            let mut late = 0;
            network.mend(9, A, B, &mut decisions, |_, _| late += 1);
            assert!(network.is_cut(A, B) && !network.is_cut(B, A));
            network.mend(9, A, B, &mut decisions, |_, _| late += 1);
            assert_eq!(late, if lossy { 0 } else { 5 });
            assert_eq!(send(&mut network, &mut decisions, 5).len(), 5);
        }
    }

    #[test]
    fn a_delay_is_said_in_words() {
        let (min, mean) = (0, 8_000_000);
        let cases = [
            (
                Delay::Uniform {
                    min: 10_000_000,
                    max: 40_000_000,
                },
                "10 ms to 40 ms",
            ),
            (
                Delay::Uniform {
                    min: mean,
                    max: mean,
                },
                "8 ms",
            ),
            (
                Delay::Exponential { min, mean },
                "exponential, 8 ms on average",
            ),
            (
                Delay::HeavyTail {
                    min: 50_000,
                    mean: 1_234_567_890,
                },
                "heavy-tailed, 1.23 s on average beyond 50 µs",
            ),
        ];
        for (delay, words) in cases {
            assert_eq!(delay.to_string(), words);
        }
    }

    #[test]
    fn bandwidth_spreads_a_burst() {
        let mut decisions = Decisions::from_seed(1);
        let link = LinkProfile {
            nanos_per_byte: 10_000,
            ..LinkProfile::QUIET
        };
        let mut network = Network::new(2, link, true);
        let arrived = send(&mut network, &mut decisions, 10);
        assert!(
            arrived
                .last()
                .is_some_and(|(at, _)| *at > 10 * 100 * 10_000)
        );
    }

    /// A link that got its bandwidth back kept its backlog: at the end of all faults old messages went
    /// on arriving for half a minute, and the cluster seemed not to settle (seed 201293).
    #[test]
    fn nothing_waits_behind_a_link_that_was_reset() {
        let mut decisions = Decisions::from_seed(1);
        let slow = LinkProfile {
            nanos_per_byte: 10_000,
            ..LinkProfile::QUIET
        };
        let mut network = Network::new(2, slow, true);
        send(&mut network, &mut decisions, 100);
        network.set_link(A, B, LinkProfile::QUIET);
        network.reset_link(100_000, A, B, 200_000);
        let mut at = 0;
        let message = InFlight {
            from: A,
            to: B,
            message: 7,
        };
        network.send(100_000, message, 100, &mut decisions, |when, _| at = when);
        assert!(at <= 300_000, "{at}");
    }
}
