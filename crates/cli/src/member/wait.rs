//! Waiting for a member: until it has started, until it has caught up.

use super::client::{CallFailure, MembersClient};
use super::text::Members;
use super::{WaitLimit, note};
use anyhow::bail;
use quorate_etcd::Refusal;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often a wait says that it goes on.
const REMIND: Duration = Duration::from_secs(10);

/// A wait with an end, that says now and then what for.
struct Wait<'a> {
    client: &'a MembersClient,
    patience: WaitLimit,
    since: Instant,
    said: Option<(Instant, String)>,
}

impl<'a> Wait<'a> {
    fn new(client: &'a MembersClient, patience: WaitLimit) -> Self {
        Self {
            client,
            patience,
            since: Instant::now(),
            said: None,
        }
    }

    /// Waits a moment for `what`.
    ///
    /// # Errors
    /// If it has taken too long.
    async fn pause(&mut self, what: &str) -> anyhow::Result<()> {
        let waited = self.since.elapsed();
        if waited >= self.patience.timeout {
            bail!(
                "gave up after {} s, {what}; run the same command again to go on",
                self.patience.timeout.as_secs()
            );
        }
        let due = |(at, said): &(Instant, String)| said != what || at.elapsed() >= REMIND;
        if self.said.as_ref().is_none_or(due) {
            note(&format!("{:>6.1} s  {what}", waited.as_secs_f64()));
            self.said = Some((Instant::now(), what.to_owned()));
        }
        sleep(self.patience.poll).await;
        Ok(())
    }

    /// Waits through what may pass; gives everything else back.
    async fn through(&mut self, failure: CallFailure) -> anyhow::Result<()> {
        if !failure.may_pass() {
            return Err(failure.into());
        }
        let what = match &failure {
            CallFailure::Refused(status) => status.message().to_owned(),
            CallFailure::Unknown(why) | CallFailure::Unreachable(why) => why.clone(),
        };
        self.pause(&format!("waiting for the cluster: {what}"))
            .await
    }

    /// The members, by the first list that is given.
    async fn list(&mut self) -> anyhow::Result<Members> {
        loop {
            match self.client.list(true).await {
                Ok(members) => return Ok(members),
                Err(failure) => self.through(failure).await?,
            }
        }
    }
}

/// The members, as soon as the cluster can say.
pub(super) async fn list(client: &MembersClient, patience: WaitLimit) -> anyhow::Result<Members> {
    Wait::new(client, patience).list().await
}

/// Waits until a member has started.
pub(super) async fn start(
    client: &MembersClient,
    id: u64,
    patience: WaitLimit,
) -> anyhow::Result<Members> {
    let mut wait = Wait::new(client, patience);
    loop {
        let members = wait.list().await?;
        if members.by_id(id)?.has_started() {
            return Ok(members);
        }
        wait.pause("waiting for the new member to start").await?;
    }
}

/// Promotes a learner as soon as it has caught up. That it is no learner any more is as good: an
/// attempt whose answer was lost may have been the one.
pub(super) async fn promote(
    client: &MembersClient,
    id: u64,
    patience: WaitLimit,
) -> anyhow::Result<Members> {
    let mut wait = Wait::new(client, patience);
    loop {
        let members = wait.list().await?;
        if !members.by_id(id)?.is_learner {
            return Ok(members);
        }
        match client.promote(id).await {
            Ok(members) => return Ok(members),
            Err(failure) if failure.is(Refusal::LearnerNotReady) => {
                wait.pause("waiting for the new member to catch up").await?;
            }
            Err(failure) if failure.is(Refusal::NotALearner) => {
                wait.pause("waiting for the list to show its vote").await?;
            }
            Err(failure) => wait.through(failure).await?,
        }
    }
}

/// Makes a change as soon as the cluster takes it, unless `done` sees in the list that it is made:
/// an attempt whose answer was lost may have been the one. It may also be made between a look at the
/// list and the next attempt, which is refused then because there is nothing left to change.
pub(super) async fn change(
    client: &MembersClient,
    patience: WaitLimit,
    done: impl Fn(&Members) -> bool,
    mut make: impl AsyncFnMut() -> Result<Members, CallFailure>,
) -> anyhow::Result<Members> {
    let mut wait = Wait::new(client, patience);
    loop {
        let members = wait.list().await?;
        if done(&members) {
            return Ok(members);
        }
        match make().await {
            Ok(members) => return Ok(members),
            Err(failure) if failure.may_pass() => wait.through(failure).await?,
            Err(failure) => {
                let members = wait.list().await?;
                return match done(&members) {
                    true => Ok(members),
                    false => Err(failure.into()),
                };
            }
        }
    }
}
