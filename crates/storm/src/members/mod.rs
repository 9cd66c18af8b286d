//! A storm in which members come and go: learners are added and promoted, members removed, others
//! lose their directories and are replaced, while replicas are killed and paused.
//!
//! What is done is what an operator would do: the commands of `quorate member` as processes of
//! their own, and a new member is started by the very command that they print. [`plan`] draws what
//! comes next, [`command`] runs one such command, [`nemesis`] carries the plan out.

pub(crate) mod command;
mod nemesis;
pub(crate) mod plan;
#[cfg(test)]
mod tests;

pub(crate) use nemesis::{can_change_members, run};
