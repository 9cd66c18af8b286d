//! The contract file that a command names.

use crate::exit::refused;
use quorate_contract::{Contract, MAX_BYTES};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads a contract; without a file, the default one.
///
/// The contract is well-formed then. Whether it contradicts itself, [`Contract::check`] says, and
/// every command asks.
pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Contract> {
    let Some(path) = file else {
        return Ok(Contract::default());
    };
    let name = path.display().to_string();
    let cant = |error| refused(format_args!("can't read the contract {name}: {error}"));
    let mut bytes = vec![];
    let limit = MAX_BYTES as u64 + 1;
    File::open(path)
        .map_err(cant)?
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(cant)?;
    let text = String::from_utf8(bytes)
        .map_err(|error| refused(format_args!("the contract {name} is not UTF-8: {error}")))?;
    // Parsing refuses what is over the limit, so a file that was cut is not taken for a whole one.
    Contract::parse(&name, &text).map_err(refused)
}
