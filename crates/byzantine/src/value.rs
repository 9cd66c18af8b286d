//! What is agreed on.

use bytes::Bytes;

/// Bytes that mean something to the layer above only.
pub type AgreedValue = Bytes;

/// The size of the largest value, in bytes; a message with a larger one is ignored.
pub const MAX_VALUE: usize = 1 << 20;

/// Is it one that an honest node would have sent?
pub(crate) fn fits(value: &AgreedValue) -> bool {
    value.len() <= MAX_VALUE
}
