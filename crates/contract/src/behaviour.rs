//! What can go wrong, one behaviour at a time, and sets of behaviours.
//!
//! A failure model is a set of behaviours that a faulty replica may show; one model is weaker than
//! another when its set is a subset. So the hierarchy of models is not listed anywhere: it is
//! computed, here.

use serde::{Serialize, Serializer};
use std::fmt;
use std::ops::{BitAnd, BitOr, Sub};

/// One way in which reality departs from the perfect machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Behaviour {
    /// A replica takes no step at all: it was dead before the run began.
    NeverStart,
    /// A replica takes no more steps.
    Stop,
    /// A stopped replica resumes: its memory is gone, its disk is what the storage model says.
    Restart,
    /// A replica fails to send a message that it should have sent.
    DropSend,
    /// A replica fails to receive a message that reached it.
    DropReceive,
    /// A replica acts correctly but past its deadline. Exists only where there is a deadline.
    Late,
    /// A replica sends content that its protocol does not allow.
    Lie,
    /// A replica says different things to different peers.
    Equivocate,
    /// A replica speaks in the name of another.
    Forge,
    /// A restarted replica has lost what it had made durable (amnesia).
    Forget,
    /// A write interrupted by a crash is on the disk in part.
    Tear,
    /// Bits that were durable come back changed, or not at all.
    Corrupt,
    /// The disk says that a write is durable when it is not.
    LieAboutSync,
    /// A message between two correct replicas is lost (a partition that ends is this, for a while).
    Lose,
    /// A message arrives more than once.
    Duplicate,
    /// Messages arrive in another order than they were sent.
    Reorder,
    /// A message arrives with changed bits, in a way that a checksum shows.
    Garble,
    /// A message takes longer than any bound that the replicas know.
    Delay,
    /// A correct replica pauses for longer than any bound that the replicas know.
    Pause,
    /// A clock jumps, or drifts faster than any bound that the replicas know.
    Skew,
}

/// Whose fault a behaviour is: only the first two count against `tolerate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// The process of a replica.
    Replica,
    /// The disk under a replica.
    Disk,
    /// A link between two replicas.
    Link,
    /// The time that messages and steps take, and the clocks that measure it.
    Time,
}

impl Behaviour {
    /// Every behaviour, in declaration order.
    pub const ALL: [Behaviour; 20] = [
        Behaviour::NeverStart,
        Behaviour::Stop,
        Behaviour::Restart,
        Behaviour::DropSend,
        Behaviour::DropReceive,
        Behaviour::Late,
        Behaviour::Lie,
        Behaviour::Equivocate,
        Behaviour::Forge,
        Behaviour::Forget,
        Behaviour::Tear,
        Behaviour::Corrupt,
        Behaviour::LieAboutSync,
        Behaviour::Lose,
        Behaviour::Duplicate,
        Behaviour::Reorder,
        Behaviour::Garble,
        Behaviour::Delay,
        Behaviour::Pause,
        Behaviour::Skew,
    ];

    /// The name used in reports: lower case, words joined by hyphens.
    pub const fn name(self) -> &'static str {
        match self {
            Behaviour::NeverStart => "never-start",
            Behaviour::Stop => "stop",
            Behaviour::Restart => "restart",
            Behaviour::DropSend => "drop-send",
            Behaviour::DropReceive => "drop-receive",
            Behaviour::Late => "late",
            Behaviour::Lie => "lie",
            Behaviour::Equivocate => "equivocate",
            Behaviour::Forge => "forge",
            Behaviour::Forget => "forget",
            Behaviour::Tear => "tear",
            Behaviour::Corrupt => "corrupt",
            Behaviour::LieAboutSync => "lie-about-sync",
            Behaviour::Lose => "lose",
            Behaviour::Duplicate => "duplicate",
            Behaviour::Reorder => "reorder",
            Behaviour::Garble => "garble",
            Behaviour::Delay => "delay",
            Behaviour::Pause => "pause",
            Behaviour::Skew => "skew",
        }
    }

    /// Whose fault it is.
    pub const fn component(self) -> Component {
        match self {
            Behaviour::NeverStart
            | Behaviour::Stop
            | Behaviour::Restart
            | Behaviour::DropSend
            | Behaviour::DropReceive
            | Behaviour::Late
            | Behaviour::Lie
            | Behaviour::Equivocate
            | Behaviour::Forge => Component::Replica,
            Behaviour::Forget | Behaviour::Tear | Behaviour::Corrupt | Behaviour::LieAboutSync => {
                Component::Disk
            }
            Behaviour::Lose | Behaviour::Duplicate | Behaviour::Reorder | Behaviour::Garble => {
                Component::Link
            }
            Behaviour::Delay | Behaviour::Pause | Behaviour::Skew => Component::Time,
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Behaviour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A set of behaviours.
///
/// Sets form a distributive lattice: join is `|`, meet is `&`, and `a ⊑ b` is
/// [`Behaviours::is_within`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Behaviours(u32);

impl Behaviours {
    /// Nothing goes wrong: the bottom of the lattice.
    pub const NONE: Behaviours = Behaviours(0);
    /// Everything may go wrong: the top of the lattice.
    pub const ALL: Behaviours = Behaviours::of(&Behaviour::ALL);

    /// The set of the listed behaviours.
    pub const fn of(list: &[Behaviour]) -> Behaviours {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= list[i].bit();
            i += 1;
        }
        Behaviours(bits)
    }

    /// This set and one behaviour more.
    #[must_use]
    pub const fn with(self, behaviour: Behaviour) -> Behaviours {
        Behaviours(self.0 | behaviour.bit())
    }

    /// Is the behaviour in the set?
    pub const fn contains(self, behaviour: Behaviour) -> bool {
        self.0 & behaviour.bit() != 0
    }

    /// `self ⊑ other`: everything in this set is also in the other one.
    pub const fn is_within(self, other: Behaviours) -> bool {
        self.0 & !other.0 == 0
    }

    /// The smallest set that holds both: what may happen when either model applies.
    #[must_use]
    pub const fn join(self, other: Behaviours) -> Behaviours {
        Behaviours(self.0 | other.0)
    }

    /// The largest set inside both.
    #[must_use]
    pub const fn meet(self, other: Behaviours) -> Behaviours {
        Behaviours(self.0 & other.0)
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub const fn minus(self, other: Behaviours) -> Behaviours {
        Behaviours(self.0 & !other.0)
    }

    /// Is nothing in the set?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many behaviours are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The members, in declaration order.
    pub fn iter(self) -> impl Iterator<Item = Behaviour> + Clone {
        Behaviour::ALL
            .into_iter()
            .filter(move |&b| self.contains(b))
    }

    /// The members by name. A replica that may stop may do so before its first step, so that with
    /// [`Behaviour::Stop`] goes [`Behaviour::NeverStart`] without saying.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let stops = self.contains(Behaviour::Stop);
        let said = self
            .iter()
            .filter(move |behaviour| !(stops && *behaviour == Behaviour::NeverStart));
        said.map(Behaviour::name)
    }

    /// The members that happen at one place.
    #[must_use]
    pub fn at(self, place: Component) -> Behaviours {
        self.iter().filter(|b| b.component() == place).collect()
    }
}

impl BitOr for Behaviours {
    type Output = Behaviours;
    fn bitor(self, other: Behaviours) -> Behaviours {
        self.join(other)
    }
}

impl BitAnd for Behaviours {
    type Output = Behaviours;
    fn bitand(self, other: Behaviours) -> Behaviours {
        self.meet(other)
    }
}

impl Sub for Behaviours {
    type Output = Behaviours;
    fn sub(self, other: Behaviours) -> Behaviours {
        self.minus(other)
    }
}

impl From<Behaviour> for Behaviours {
    fn from(behaviour: Behaviour) -> Behaviours {
        Behaviours::of(&[behaviour])
    }
}

impl FromIterator<Behaviour> for Behaviours {
    fn from_iter<I: IntoIterator<Item = Behaviour>>(list: I) -> Behaviours {
        list.into_iter()
            .fold(Behaviours::NONE, |set, b| set.with(b))
    }
}

impl PartialOrd for Behaviours {
    /// Inclusion; `None` for two sets of which neither holds the other.
    fn partial_cmp(&self, other: &Behaviours) -> Option<std::cmp::Ordering> {
        use std::cmp::Ordering;
        match (self.is_within(*other), other.is_within(*self)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Less),
            (false, true) => Some(Ordering::Greater),
            (false, false) => None,
        }
    }
}

impl fmt::Display for Behaviours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, name) in self.names().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Behaviours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Behaviours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set() -> impl Strategy<Value = Behaviours> {
        (0..1_u32 << Behaviour::ALL.len()).prop_map(Behaviours)
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 512, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn join_and_meet_are_a_distributive_lattice(a in set(), b in set(), c in set()) {
            prop_assert_eq!(a | b, b | a);
            prop_assert_eq!(a & b, b & a);
            prop_assert_eq!((a | b) | c, a | (b | c));
            prop_assert_eq!((a & b) & c, a & (b & c));
            prop_assert_eq!(a | (a & b), a);
            prop_assert_eq!(a & (a | b), a);
            prop_assert_eq!(a & (b | c), (a & b) | (a & c));
            prop_assert_eq!(a | (b & c), (a | b) & (a | c));
        }

        #[test]
        fn inclusion_is_the_order_of_the_lattice(a in set(), b in set(), c in set()) {
            prop_assert_eq!(a.is_within(b), (a | b) == b);
            prop_assert_eq!(a.is_within(b), (a & b) == a);
            prop_assert_eq!(a.is_within(b) && b.is_within(a), a == b);
            prop_assert!(!(a.is_within(b) && b.is_within(c)) || a.is_within(c));
            prop_assert_eq!(a <= b, a.is_within(b));
        }

        #[test]
        fn join_is_the_least_upper_bound(a in set(), b in set(), c in set()) {
            prop_assert!(a.is_within(a | b) && b.is_within(a | b));
            prop_assert!(!(a.is_within(c) && b.is_within(c)) || (a | b).is_within(c));
            prop_assert!((a & b).is_within(a) && (a & b).is_within(b));
            prop_assert!(!(c.is_within(a) && c.is_within(b)) || c.is_within(a & b));
        }

        #[test]
        fn a_set_is_the_sum_of_its_members(a in set(), b in set()) {
            prop_assert_eq!(a.iter().collect::<Behaviours>(), a);
            prop_assert_eq!(a.iter().count(), a.len());
            prop_assert_eq!((a - b) & b, Behaviours::NONE);
            prop_assert_eq!((a - b) | (a & b), a);
        }
    }

    #[test]
    fn every_behaviour_has_its_own_bit_and_name() {
        assert_eq!(Behaviours::ALL.len(), Behaviour::ALL.len());
        let names: std::collections::BTreeSet<_> =
            Behaviour::ALL.iter().map(|b| b.name()).collect();
        assert_eq!(names.len(), Behaviour::ALL.len());
        let places = [
            Component::Replica,
            Component::Disk,
            Component::Link,
            Component::Time,
        ];
        let split = places.map(|p| Behaviours::ALL.at(p).len());
        assert_eq!(split.iter().sum::<usize>(), Behaviour::ALL.len());
    }
}
