//! Contract files: TOML in, [`Contract`](crate::Contract) out, and back.

mod error;
mod failures;
mod quorums;
mod read;
mod reader;
mod render;
mod suggest;

pub use error::ContractError;
pub use failures::read_failures;
pub use read::{MAX_BYTES, read_links, read_storage, read_timing};
pub use reader::{SourceText, Table, TableEntry};
pub use suggest::nearest;
