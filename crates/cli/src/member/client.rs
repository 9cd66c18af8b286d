//! The Cluster API over whichever member answers, and what its refusals mean for the operator.

use super::text::{Member, Members};
use crate::exit::refused;
use anyhow::anyhow;
use quorate_etcd::Refusal;
use quorate_etcd::client::{Connection, Endpoint};
use quorate_etcd::pb::etcdserverpb as pb;
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;
use tonic::{Code, Status};

/// For a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// For an answer: the servers' own limit on a request is 5 s, unless they are told otherwise.
const ANSWER: Duration = Duration::from_secs(15);
/// For the question whether a member is alive.
const PROBE: Duration = Duration::from_secs(2);

/// Asks the members at some endpoints.
#[derive(Debug)]
pub(super) struct MembersClient {
    endpoints: Vec<Endpoint>,
}

/// A change or a question that was not answered as asked.
#[derive(Debug)]
pub(super) enum CallFailure {
    /// A member that can speak for the cluster has refused it.
    Refused(Status),
    /// It was sent, and no answer came: it may have been done.
    Unknown(String),
    /// No member could take it. Nothing was done.
    Unreachable(String),
}

impl CallFailure {
    /// Whether the cluster gave this reason.
    pub(super) fn is(&self, reason: Refusal) -> bool {
        matches!(self, Self::Refused(status) if status.message() == reason.to_string())
    }

    /// Whether it may work later without anybody doing anything about it.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Unknown(_) => true,
            Self::Refused(status) => {
                status.code() == Code::Unavailable || status.code() == Code::ResourceExhausted
            }
        }
    }

    /// What the operator can do about it.
    fn remedy(&self) -> Option<&'static str> {
        let remedies = [
            (
                Refusal::FixedMembers,
                "this cluster's version can't change its members; run a newer one",
            ),
            (
                Refusal::PeerUrlExists,
                "'quorate member list' shows which member has this address",
            ),
            (
                Refusal::TooManyLearners,
                "promote or remove the learner that 'quorate member list' shows, then try again",
            ),
            (
                Refusal::NotEnoughStartedMembers,
                "start the members that 'quorate member list' shows as not started, or remove them \
                 first",
            ),
            (
                Refusal::BadMemberUrls,
                "an address for peers reads http://HOST:PORT, without a path",
            ),
            (
                Refusal::NotALearner,
                "it has its vote; there is nothing to promote",
            ),
            (
                Refusal::LearnerNotReady,
                "it is still catching up, or not running; wait for it with 'quorate member promote \
                 --wait'",
            ),
            (
                Refusal::Unhealthy,
                "with this change too few members would be in touch; wait until those that are down \
                 are back, or remove one of these first",
            ),
            (
                Refusal::NoLeader,
                "a majority of the members must be up and in touch",
            ),
        ];
        let found = remedies.into_iter().find(|(reason, _)| self.is(*reason));
        found.map(|(_, remedy)| remedy)
    }
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => {
                write!(f, "{}", status.message())?;
                match self.remedy() {
                    Some(remedy) => write!(f, ": {remedy}"),
                    None => Ok(()),
                }
            }
            Self::Unknown(why) => write!(
                f,
                "{why}: the change may have been made or not; look with 'quorate member list', and \
                 run the command again if it was not"
            ),
            Self::Unreachable(why) => write!(
                f,
                "{why}; say where members serve clients with --endpoints or --contract"
            ),
        }
    }
}

impl From<CallFailure> for anyhow::Error {
    /// 2 for what another command line must cure, 1 for what may work later.
    fn from(failure: CallFailure) -> Self {
        if failure.may_pass() || failure.is(Refusal::LearnerNotReady) {
            anyhow!("{failure}")
        } else {
            refused(failure)
        }
    }
}

/// How one attempt at one member ended, when it was not answered.
enum Attempt {
    /// Another member may answer: this one could not be reached, or says that it can't.
    Next(String),
    Failed(CallFailure),
}

/// Judges an error status. Only what a server has said of itself is definite, see the storm's
/// `outcome.rs`; a member that may not speak for the cluster is left for another one.
fn judge(endpoint: &Endpoint, status: Status) -> Attempt {
    use std::error::Error as _;
    let text = status.message();
    let said = text.starts_with("etcdserver: ") || text.starts_with("quorate");
    let is = |reason: Refusal| text == reason.to_string();
    if status.source().is_some() || !said {
        return Attempt::Failed(CallFailure::Unknown(format!("{endpoint}: {text}")));
    }
    if is(Refusal::NotSupportedForLearner) || is(Refusal::Corrupt) {
        return Attempt::Next(format!("{endpoint}: {text}"));
    }
    if is(Refusal::LeaderChanged) || is(Refusal::Timeout) || is(Refusal::Stopped) {
        return Attempt::Failed(CallFailure::Unknown(format!("{endpoint}: {text}")));
    }
    Attempt::Failed(CallFailure::Refused(status))
}

impl MembersClient {
    pub(super) fn new(endpoints: Vec<Endpoint>) -> Self {
        Self { endpoints }
    }

    /// The members; linearizable, or as the first member that answers knows them.
    pub(super) async fn list(&self, linearizable: bool) -> Result<Members, CallFailure> {
        let request = pb::MemberListRequest { linearizable };
        let ask = async |connection: Connection| connection.cluster().member_list(request).await;
        let answer = self.ask(ask).await?;
        Ok(Members::of(answer.header, answer.members))
    }

    pub(super) async fn add(
        &self,
        peer_ur_ls: Vec<String>,
        is_learner: bool,
    ) -> Result<Members, CallFailure> {
        let request = pb::MemberAddRequest {
            peer_ur_ls,
            is_learner,
        };
        let ask =
            async |connection: Connection| connection.cluster().member_add(request.clone()).await;
        let answer = self.ask(ask).await?;
        Ok(Members::of(answer.header, answer.members))
    }

    pub(super) async fn remove(&self, id: u64) -> Result<Members, CallFailure> {
        let request = pb::MemberRemoveRequest { id };
        let ask = async |connection: Connection| connection.cluster().member_remove(request).await;
        let answer = self.ask(ask).await?;
        Ok(Members::of(answer.header, answer.members))
    }

    pub(super) async fn update(
        &self,
        id: u64,
        peer_ur_ls: Vec<String>,
    ) -> Result<Members, CallFailure> {
        let request = pb::MemberUpdateRequest { id, peer_ur_ls };
        let ask = async |connection: Connection| {
            connection.cluster().member_update(request.clone()).await
        };
        let answer = self.ask(ask).await?;
        Ok(Members::of(answer.header, answer.members))
    }

    pub(super) async fn promote(&self, id: u64) -> Result<Members, CallFailure> {
        let request = pb::MemberPromoteRequest { id };
        let ask = async |connection: Connection| connection.cluster().member_promote(request).await;
        let answer = self.ask(ask).await?;
        Ok(Members::of(answer.header, answer.members))
    }

    /// Asks one endpoint after the other until a member answers or refuses. What may have been done
    /// is asked of no second one.
    async fn ask<A>(
        &self,
        mut ask: impl AsyncFnMut(Connection) -> Result<tonic::Response<A>, Status>,
    ) -> Result<A, CallFailure> {
        let mut silent = vec![];
        for endpoint in &self.endpoints {
            let connection = match timeout(CONNECT, Connection::open(endpoint)).await {
                Ok(Ok(connection)) => connection,
                Ok(Err(error)) => {
                    silent.push(format!("{endpoint}: {error}"));
                    continue;
                }
                Err(_) => {
                    silent.push(format!("{endpoint}: no connection within 2 s"));
                    continue;
                }
            };
            let Ok(answer) = timeout(ANSWER, ask(connection)).await else {
                let why = format!("{endpoint}: no answer within {} s", ANSWER.as_secs());
                return Err(CallFailure::Unknown(why));
            };
            match answer.map_err(|status| judge(endpoint, status)) {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(Attempt::Next(why)) => silent.push(why),
                Err(Attempt::Failed(failure)) => return Err(failure),
            }
        }
        let why = format!("no member answers ({})", silent.join("; "));
        Err(CallFailure::Unreachable(why))
    }

    /// Whether this very member answers, and has not left the service.
    pub(super) async fn serves(&self, member: &Member) -> bool {
        for url in &member.client_urls {
            let Ok(endpoint) = url.parse::<Endpoint>() else {
                continue;
            };
            let status = async {
                let connection = Connection::open(&endpoint).await.ok()?;
                let status = connection.maintenance().status(pb::StatusRequest {}).await;
                status.ok().map(tonic::Response::into_inner)
            };
            let Ok(Some(status)) = timeout(PROBE, status).await else {
                continue;
            };
            let corrupt = Refusal::Corrupt.to_string();
            let out = status
                .errors
                .iter()
                .any(|error| error.starts_with(&corrupt));
            let id = status.header.map_or(0, |header| header.member_id);
            if id == member.id && !out {
                return true;
            }
        }
        false
    }
}
