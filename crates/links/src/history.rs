//! The definitions of the links, as checkers of what was observed.
//!
//! A driver records what its links were asked to send and what they delivered; each property is a
//! function of that history. The definitions are those of Cachin, Guerraoui and Rodrigues,
//! *Introduction to Reliable and Secure Distributed Programming* (2011), modules 2.1, 2.3 and 2.5,
//! said for nodes that come back: a process is one life of a node. "Infinitely often" becomes a
//! bound, since a history is finite.
//!
//! Messages that are equal count as one message that was sent several times.

use crate::Epoch;
use quorate_core::{NodeId, Value};
use std::collections::BTreeMap;
use std::fmt;

/// One life of a node.
pub type Life = (NodeId, Epoch);

/// Something that a link was seen to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event<M> {
    /// The link took the message.
    Sent {
        /// Who sends.
        from: Life,
        /// The addressee.
        to: NodeId,
        /// The message.
        message: M,
    },
    /// The link gave the message to the layer above.
    Delivered {
        /// Who was given it.
        to: Life,
        /// Who, says the link, sent it.
        from: NodeId,
        /// The message.
        message: M,
    },
}

/// A property of links that a history does not have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Violation {
    /// The property's name.
    pub property: &'static str,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.property, self.what)
    }
}

impl std::error::Error for Violation {}

/// What [`no_creation`], [`integrity`] and [`authenticity`] look for among the messages sent.
fn sent_before<M: Value>(
    history: &[Event<M>],
    property: &'static str,
    fits: impl Fn(Life, NodeId, NodeId, Life) -> bool,
) -> Result<(), Violation> {
    for (at, event) in history.iter().enumerate() {
        let Event::Delivered { to, from, message } = event else {
            continue;
        };
        let was_sent = history[..at].iter().any(|earlier| match earlier {
            Event::Sent {
                from: sender,
                to: addressee,
                message: content,
            } => content == message && fits(*sender, *addressee, *from, *to),
            Event::Delivered { .. } => false,
        });
        if !was_sent {
            let what = format!(
                "{}/{} was given {message:?} as from {from}, which nobody sent it",
                to.0, to.1
            );
            return Err(Violation { property, what });
        }
    }
    Ok(())
}

/// *No creation*: what is delivered as from a node was sent by that node to the receiver.
///
/// # Errors
/// The first delivery of which this is not true.
pub fn no_creation<M: Value>(history: &[Event<M>]) -> Result<(), Violation> {
    sent_before(history, "no creation", |sender, addressee, from, to| {
        sender.0 == from && addressee == to.0
    })
}

/// *Integrity*: nobody changed what is delivered. Somebody sent just this.
///
/// # Errors
/// The first delivery of which this is not true.
pub fn integrity<M: Value>(history: &[Event<M>]) -> Result<(), Violation> {
    sent_before(history, "integrity", |_, _, _, _| true)
}

/// *Authenticity*: the receiver is right about who sent it this. With [`integrity`] it is
/// [`no_creation`] in spite of an adversary on the wire.
///
/// # Errors
/// The first delivery that has the right content and the wrong name on it.
pub fn authenticity<M: Value>(history: &[Event<M>]) -> Result<(), Violation> {
    let genuine: Vec<_> = history
        .iter()
        .enumerate()
        .filter(|(at, event)| match event {
            Event::Sent { .. } => true,
            Event::Delivered { message, .. } => history[..*at].iter().any(
                |earlier| matches!(earlier, Event::Sent { message: content, .. } if content == message),
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
pub fn no_duplication<M: Value>(history: &[Event<M>]) -> Result<(), Violation> {
    bounded_duplication(history, 1, "no duplication")
}

/// *Finite duplication*: a message that was sent once is delivered at most `copies` times.
///
/// # Errors
/// The first delivery too many.
pub fn finite_duplication<M: Value>(history: &[Event<M>], copies: usize) -> Result<(), Violation> {
    bounded_duplication(history, copies, "finite duplication")
}

fn bounded_duplication<M: Value>(
    history: &[Event<M>],
    copies: usize,
    property: &'static str,
) -> Result<(), Violation> {
    for (at, event) in history.iter().enumerate() {
        let Event::Delivered { to, from, message } = event else {
            continue;
        };
        let given = history[..=at]
            .iter()
            .filter(|other| *other == event)
            .count();
        let sent = history[..at]
            .iter()
            .filter(|other| {
                matches!(other, Event::Sent { from: sender, to: addressee, message: content }
                    if sender.0 == *from && *addressee == to.0 && content == message)
            })
            .count();
        if sent > 0 && given > sent * copies {
            let what = format!(
                "{}/{} was given {message:?} {given} times; {from} sent it {sent} times",
                to.0, to.1
            );
            return Err(Violation { property, what });
        }
    }
    Ok(())
}

/// *Fair loss*, for a history that ends: no message is lost more than `in_a_row` times in a row.
///
/// # Errors
/// The first message that was sent more often than that since it was last delivered.
pub fn fair_loss<M: Value>(history: &[Event<M>], in_a_row: usize) -> Result<(), Violation> {
    for (at, event) in history.iter().enumerate() {
        let Event::Sent { from, to, message } = event else {
            continue;
        };
        let lost = history[at..]
            .iter()
            .take_while(|later| {
                !matches!(later, Event::Delivered { to: receiver, from: sender, message: content }
                    if receiver.0 == *to && *sender == from.0 && content == message)
            })
            .filter(|later| *later == event)
            .count();
        if lost > in_a_row {
            let what = format!("{message:?} from {} to {to} was lost {lost} times", from.0);
            return Err(Violation {
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
    history: &[Event<M>],
    now: &BTreeMap<NodeId, Epoch>,
) -> Result<(), Violation> {
    for (at, event) in history.iter().enumerate() {
        let Event::Sent { from, to, message } = event else {
            continue;
        };
        if now.get(&from.0) != Some(&from.1) {
            continue;
        }
        let delivered = history[at..].iter().any(|later| {
            matches!(later, Event::Delivered { to: receiver, from: sender, message: content }
                if receiver.0 == *to && *sender == from.0 && content == message)
        });
        if !delivered {
            let what = format!("{message:?} from {}/{} never reached {to}", from.0, from.1);
            return Err(Violation {
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
pub fn fifo<M: Value>(history: &[Event<M>]) -> Result<(), Violation> {
    let mut latest: BTreeMap<(Life, Life), usize> = BTreeMap::new();
    for event in history {
        let Event::Delivered { to, from, message } = event else {
            continue;
        };
        let sent = history
            .iter()
            .enumerate()
            .find_map(|(at, event)| match event {
                Event::Sent {
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
            return Err(Violation {
                property: "fifo",
                what,
            });
        }
        *latest = at;
    }
    Ok(())
}
