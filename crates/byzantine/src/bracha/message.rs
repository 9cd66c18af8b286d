//! What nodes say, and what they keep of it.

use crate::value::AgreedValue;
use quorate_core::Never;
use serde::{Deserialize, Serialize};

/// What nodes say to each other. The link says who; nothing is signed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message {
    /// The sender's value.
    Initial(AgreedValue),
    /// "This is what the sender told me."
    Echo(AgreedValue),
    /// "Everybody who delivers will deliver this."
    Ready(AgreedValue),
    /// "I was down: what did you say?"
    Again,
}

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// What a node has said, and may never contradict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hard {
    /// As the sender.
    pub initial: Option<AgreedValue>,
    /// To what it was told.
    pub echo: Option<AgreedValue>,
    /// To what many echoed.
    pub ready: Option<AgreedValue>,
    pub(super) flaw: Option<&'static str>,
}

/// One word given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// As the sender.
    Initial(AgreedValue),
    /// An echo.
    Echo(AgreedValue),
    /// A ready.
    Ready(AgreedValue),
}

impl quorate_core::Hard for Hard {
    type Record = Record;

    fn apply(&mut self, record: &Record) {
        let (word, value) = match record {
            Record::Initial(value) => (&mut self.initial, value),
            Record::Echo(value) => (&mut self.echo, value),
            Record::Ready(value) => (&mut self.ready, value),
        };
        match word {
            None => *word = Some(value.clone()),
            Some(earlier) if earlier == value => {}
            Some(_) => self.flaw = Some("a word is taken back"),
        }
    }
}
