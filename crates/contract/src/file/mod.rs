//! Contract files: TOML in, [`Contract`](crate::Contract) out, and back.

mod error;
mod read;
mod reader;
mod render;
mod suggest;

pub use error::ContractError;
pub use read::MAX_BYTES;
