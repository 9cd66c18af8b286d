//! How replicas may fail, as a contract file says it.

use super::error::ContractError;
use super::reader::{Table, TableEntry};
use crate::behaviour::Behaviour;
use crate::cluster::MAX_MEMBERS;
use crate::failure::{FailureModel, Failures, FaultCount};

/// How replicas may fail, `n` of them, as a contract file says it.
///
/// Either `model` and `tolerate`, or `crash` and `byzantine`, which count crashes and lies apart.
///
/// # Errors
/// The first thing that is wrong.
pub fn read_failures(table: Table<'_>, n: usize) -> Result<Failures, ContractError> {
    let mut failures = match (table.get("crash"), table.get("byzantine")) {
        (None, None) => read_one_bound(&table, n)?,
        (Some(crash), Some(byzantine)) => read_two_bounds(&table, &crash, &byzantine, n)?,
        (Some(one), None) | (None, Some(one)) => {
            return Err(one.error(
                "crashes and lies are counted apart, and one of them is missing",
                "write both `crash = 1` and `byzantine = 1`, or `model` and `tolerate`",
            ));
        }
    };
    if let Some(entry) = table.get("counted") {
        failures.counted = read_counted(&entry, failures.model)?;
    }
    if let Some(entry) = table.get("always_up") {
        failures.always_up = read_always_up(&entry, &failures, n)?;
    }
    if let Some(entry) = table.get("counts_recovering") {
        failures.counts_recovering = entry.boolean()?;
        let comes_back = failures.model.behaviours().contains(Behaviour::Restart);
        if failures.counts_recovering && (!comes_back || failures.is_lasting()) {
            return Err(entry.error(
                "no replica recovers: who is faulty once counts for good",
                "remove this line, or write `model = \"crash-recovery\"` and `counted = \"at-a-time\"`",
            ));
        }
    }
    table.finish()?;
    Ok(failures)
}

fn read_one_bound(table: &Table<'_>, n: usize) -> Result<Failures, ContractError> {
    let model = table
        .need("model", "add `model = \"crash-recovery\"`")?
        .choice(&FailureModel::ALL, FailureModel::name)?;
    let entry = table.need(
        "tolerate",
        "add `tolerate = 1`: how many may be faulty at a time",
    )?;
    let tolerate = entry.number(0, MAX_MEMBERS)?;
    if tolerate >= n {
        let problem = format!("all {n} replicas may be faulty");
        let remedy = format!("write {} or less, or add members", n - 1);
        return Err(entry.error(problem, remedy));
    }
    Ok(Failures::new(model, tolerate))
}

fn read_two_bounds(
    table: &Table<'_>,
    crash: &TableEntry<'_>,
    byzantine: &TableEntry<'_>,
    n: usize,
) -> Result<Failures, ContractError> {
    for name in ["model", "tolerate"] {
        if let Some(entry) = table.get(name) {
            return Err(entry.error(
                "faults are counted twice",
                "remove this line: `crash` and `byzantine` say how many fail, and how",
            ));
        }
    }
    let (crashes, liars) = (
        crash.number(0, MAX_MEMBERS)?,
        byzantine.number(0, MAX_MEMBERS)?,
    );
    if crashes + liars >= n {
        let problem = format!("{crashes} may crash and {liars} may lie, which is all {n} replicas");
        let remedy = format!(
            "write numbers that come to {} or less, or add members: without synchrony it takes 2c + 3b + 1 \
             = {} replicas",
            n - 1,
            2 * crashes + 3 * liars + 1
        );
        return Err(byzantine.error(problem, remedy));
    }
    Ok(match liars {
        0 => Failures::new(FailureModel::CrashRecovery, crashes),
        _ => Failures::mixed(crashes, liars),
    })
}

fn read_counted(entry: &TableEntry<'_>, model: FailureModel) -> Result<FaultCount, ContractError> {
    let counted = entry.choice(&FaultCount::ALL, FaultCount::name)?;
    let for_good = !model.behaviours().contains(Behaviour::Restart);
    if for_good && counted != FaultCount::InTotal {
        return Err(entry.error(
            "a replica that stops for good is faulty for good",
            "remove this line, or write `model = \"crash-recovery\"`",
        ));
    }
    Ok(counted)
}

fn read_always_up(
    entry: &TableEntry<'_>,
    failures: &Failures,
    n: usize,
) -> Result<usize, ContractError> {
    let always_up = entry.number(0, MAX_MEMBERS)?;
    let most = n - failures.tolerate;
    if always_up > most {
        let f = failures.tolerate;
        return Err(entry.error(
            format!("{always_up} of {n} replicas never fail, and {f} may be faulty"),
            format!("write {most} or less, or tolerate fewer"),
        ));
    }
    // In total f may ever fail, so that the others never do.
    Ok(if failures.is_lasting() { 0 } else { always_up })
}
