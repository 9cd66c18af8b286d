//! The definitions of the links, as checkers of what was observed.
//!
//! A driver records what its links were asked to send and what they delivered; each property is a
//! function of that history. The definitions are those of Cachin, Guerraoui and Rodrigues,
//! *Introduction to Reliable and Secure Distributed Programming* (2011), modules 2.1, 2.3 and 2.5,
//! said for nodes that come back: a process is one life of a node. "Infinitely often" becomes a
//! bound, since a history is finite.
//!
//! Messages that are equal count as one message that was sent several times.

use crate::link::Epoch;
use quorate_core::{NodeId, Value};
use std::collections::BTreeMap;
use std::fmt;

/// One life of a node.
pub type Incarnation = (NodeId, Epoch);

/// Something that a link was seen to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LinkEvent<M> {
    /// The link took the message.
    Sent {
        /// Who sends.
        from: Incarnation,
        /// The addressee.
        to: NodeId,
        /// The message.
        message: M,
    },
    /// The link gave the message to the layer above.
    Delivered {
        /// Who was given it.
        to: Incarnation,
        /// Who, says the link, sent it.
        from: NodeId,
        /// The message.
        message: M,
    },
}

/// A property of links that a history does not have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LinkViolation {
    /// The property's name.
    pub property: &'static str,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for LinkViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.property, self.what)
    }
}

impl std::error::Error for LinkViolation {}

/// What [`no_creation`], [`integrity`] and [`authenticity`] look for among the messages sent.
fn sent_before<M: Value>(
    history: &[LinkEvent<M>],
    property: &'static str,
    fits: impl Fn(Incarnation, NodeId, NodeId, Incarnation) -> bool,
) -> Result<(), LinkViolation> {
    for (at, event) in history.iter().enumerate() {
        let LinkEvent::Delivered { to, from, message } = event else {
            continue;
        };
        let was_sent = history[..at].iter().any(|earlier| match earlier {
            LinkEvent::Sent {
                from: sender,
                to: addressee,
                message: content,
            } => content == message && fits(*sender, *addressee, *from, *to),
            LinkEvent::Delivered { .. } => false,
        });
        if !was_sent {
            let what = format!(
                "{}/{} was given {message:?} as from {from}, which nobody sent it",
                to.0, to.1
            );
            return Err(LinkViolation { property, what });
        }
    }
    Ok(())
}

/// *No creation*: what is delivered as from a node was sent by that node to the receiver.
///
/// # Errors
/// The first delivery of which this is not true.
pub fn no_creation<M: Value>(history: &[LinkEvent<M>]) -> Result<(), LinkViolation> {
    sent_before(history, "no creation", |sender, addressee, from, to| {
        sender.0 == from && addressee == to.0
    })
}

/// *Integrity*: what is delivered was not changed. Some node sent just this.
///
/// # Errors
/// The first delivery of which this is not true.
pub fn integrity<M: Value>(history: &[LinkEvent<M>]) -> Result<(), LinkViolation> {
    sent_before(history, "integrity", |_, _, _, _| true)
}

/// *Authenticity*: the receiver is right about who sent it this. With [`integrity`] it is
/// [`no_creation`] in spite of an adversary on the wire.
///
/// # Errors
/// The first delivery that has the right content and the wrong name on it.
pub fn authenticity<M: Value>(history: &[LinkEvent<M>]) -> Result<(), LinkViolation> {
    let genuine: Vec<_> = history
        .iter()
        .enumerate()
        .filter(|(at, event)| match event {
            LinkEvent::Sent { .. } => true,
            LinkEvent::Delivered { message, .. } => history[..*at].iter().any(
                |earlier| matches!(earlier, LinkEvent::Sent { message: content, .. } if content == message),
            ),
        })
        .map(|(_, event)| event.clone())
        .collect();
    sent_before(&genuine, "authenticity", |sender, addressee, from, to| {
        sender.0 == from && addressee == to.0
    })
}

/// *No duplication*: one life of a node is given a message at most as often as it was sent.
///
/// # Errors
/// The first delivery too many.
pub fn no_duplication<M: Value>(history: &[LinkEvent<M>]) -> Result<(), LinkViolation> {
    bounded_duplication(history, 1, "no duplication")
}

/// *Finite duplication*: a message that was sent once is delivered at most `copies` times.
///
/// # Errors
/// The first delivery too many.
pub fn finite_duplication<M: Value>(
    history: &[LinkEvent<M>],
    copies: usize,
) -> Result<(), LinkViolation> {
    bounded_duplication(history, copies, "finite duplication")
}

fn bounded_duplication<M: Value>(
    history: &[LinkEvent<M>],
    copies: usize,
    property: &'static str,
) -> Result<(), LinkViolation> {
    for (at, event) in history.iter().enumerate() {
        let LinkEvent::Delivered { to, from, message } = event else {
            continue;
        };
        let given = history[..=at]
            .iter()
            .filter(|other| *other == event)
            .count();
        let sent = history[..at]
            .iter()
            .filter(|other| {
                matches!(other, LinkEvent::Sent { from: sender, to: addressee, message: content }
                    if sender.0 == *from && *addressee == to.0 && content == message)
            })
            .count();
        if sent > 0 && given > sent * copies {
            let what = format!(
                "{}/{} was given {message:?} {given} times; {from} sent it {sent} times",
                to.0, to.1
            );
            return Err(LinkViolation { property, what });
        }
    }
    Ok(())
}

/// *Fair loss*, for a history that ends: no message is lost more than `in_a_row` times in a row.
///
/// # Errors
/// The first message that was sent more often than that since it was last delivered.
pub fn fair_loss<M: Value>(history: &[LinkEvent<M>], in_a_row: usize) -> Result<(), LinkViolation> {
    for (at, event) in history.iter().enumerate() {
        let LinkEvent::Sent { from, to, message } = event else {
            continue;
        };
        let lost = history[at..]
            .iter()
            .take_while(|later| {
                !matches!(later, LinkEvent::Delivered { to: receiver, from: sender, message: content }
                    if receiver.0 == *to && *sender == from.0 && content == message)
            })
            .filter(|later| *later == event)
            .count();
        if lost > in_a_row {
            let what = format!("{message:?} from {} to {to} was lost {lost} times", from.0);
            return Err(LinkViolation {
                property: "fair loss",
                what,
            });
        }
    }
    Ok(())
}

/// *Reliable delivery*: what a node sent to a node is delivered to it, if the sender did not crash
/// afterwards. For a history that was let run until nothing was left to do, of nodes that are all
/// up at the end, in the lives `now`.
///
/// # Errors
/// The first message that was not.
pub fn reliable_delivery<M: Value>(
    history: &[LinkEvent<M>],
    now: &BTreeMap<NodeId, Epoch>,
) -> Result<(), LinkViolation> {
    for (at, event) in history.iter().enumerate() {
        let LinkEvent::Sent { from, to, message } = event else {
            continue;
        };
        if now.get(&from.0) != Some(&from.1) {
            continue;
        }
        let delivered = history[at..].iter().any(|later| {
            matches!(later, LinkEvent::Delivered { to: receiver, from: sender, message: content }
                if receiver.0 == *to && *sender == from.0 && content == message)
        });
        if !delivered {
            let what = format!("{message:?} from {}/{} never reached {to}", from.0, from.1);
            return Err(LinkViolation {
                property: "reliable delivery",
                what,
            });
        }
    }
    Ok(())
}

/// *FIFO*: what one life of a node sent, one life of a node is given in the order in which it was
/// sent. For histories in which every message is another.
///
/// # Errors
/// The first message that came after a later one.
pub fn fifo<M: Value>(history: &[LinkEvent<M>]) -> Result<(), LinkViolation> {
    let mut latest: BTreeMap<(Incarnation, Incarnation), usize> = BTreeMap::new();
    for event in history {
        let LinkEvent::Delivered { to, from, message } = event else {
            continue;
        };
        let sent = history
            .iter()
            .enumerate()
            .find_map(|(at, event)| match event {
                LinkEvent::Sent {
                    from: sender,
                    to: addressee,
                    message: content,
                } if sender.0 == *from && *addressee == to.0 && content == message => {
                    Some((at, *sender))
                }
                _ => None,
            });
        let Some((at, sender)) = sent else { continue };
        let latest = latest.entry((*to, sender)).or_insert(at);
        if at < *latest {
            let what = format!(
                "{}/{} was given {message:?} of {from} after a later one",
                to.0, to.1
            );
            return Err(LinkViolation {
                property: "fifo",
                what,
            });
        }
        *latest = at;
    }
    Ok(())
}
