//! Messages as bytes: how large one is, and how to change one without knowing what it means.

use super::Mutation;
use crate::decisions::Decisions;
use quorate_core::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What crosses between nodes: it can be written down and read again.
pub trait WireMessage: Value + Serialize + DeserializeOwned {}
impl<M: Value + Serialize + DeserializeOwned> WireMessage for M {}

/// How many bytes a message has on the wire; 0 for one that cannot be written.
pub fn encoded_size(message: &impl Serialize) -> usize {
    postcard::experimental::serialized_size(message).unwrap_or(0)
}

/// How often a flip is tried until what comes out can be read and is another message.
const TRIES: u32 = 32;

/// The message, changed; `None` where that cannot be done.
pub(super) fn mutate<M: WireMessage>(
    message: &M,
    how: &Mutation,
    decisions: &mut Decisions,
) -> Option<M> {
    let bytes = postcard::to_stdvec(message).ok()?;
    let read = |bytes: &[u8]| {
        postcard::from_bytes::<M>(bytes)
            .ok()
            .filter(|changed| changed != message)
    };
    match how {
        Mutation::Flip => (0..TRIES).find_map(|_| {
            let mut changed = bytes.clone();
            let bit = decisions.below(bytes.len() as u64 * 8) as usize;
            *changed.get_mut(bit / 8)? ^= 1 << (bit % 8);
            read(&changed)
        }),
        Mutation::Replace { value, by } => read(&replace(&bytes, &slice(value)?, &slice(by)?)),
    }
}

/// A value as it is written inside a message: its length, then its bytes.
fn slice(value: &[u8]) -> Option<Vec<u8>> {
    postcard::to_stdvec(&value).ok()
}

fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        match rest.strip_prefix(old) {
            Some(after) => {
                out.extend_from_slice(new);
                rest = after;
            }
            None => {
                out.push(*first);
                rest = &rest[1..];
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    type Message = (u8, Vec<u8>, Vec<u8>);

    #[test]
    fn a_value_is_replaced_by_one_of_another_length_and_nothing_else_changes() {
        let message: Message = (3, b"ATTACK".to_vec(), b"ATTACKS".to_vec());
        let how = Mutation::Replace {
            value: b"ATTACK".to_vec(),
            by: b"RETREAT".to_vec(),
        };
        let changed = mutate(&message, &how, &mut Decisions::from_seed(1));
        assert_eq!(changed, Some((3, b"RETREAT".to_vec(), b"ATTACKS".to_vec())));
        let other: Message = (3, b"RETREAT".to_vec(), vec![]);
        assert_eq!(mutate(&other, &how, &mut Decisions::from_seed(1)), None);
    }

    #[test]
    fn a_flip_gives_another_message_that_can_be_read() {
        let message: Message = (3, b"ATTACK".to_vec(), vec![]);
        let mut decisions = Decisions::from_seed(7);
        for _ in 0..100 {
            let changed = mutate(&message, &Mutation::Flip, &mut decisions);
            assert!(changed.is_some_and(|changed| changed != message));
        }
    }
}
