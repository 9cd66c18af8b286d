//! The API's calls, once, for gRPC and for JSON alike: check, ask the backend,
//! dress the answer.

use std::sync::Arc;

use prost::Message as _;
use quorate_kv as kv;

use crate::backend::{Backend, Consistency};
use crate::convert;
use crate::membership::Member;
use crate::membership::{MemberChange, MembersChanged, RpcKind, check_peer_urls};
use crate::metrics::RpcCounters;
use crate::pb::etcdserverpb as pb;
use crate::refusal::Refusal;
use crate::{ETCD_VERSION, MAX_REQUEST_BYTES};

/// Answers the calls of the API out of a backend. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct KvService<B> {
    pub(crate) backend: B,
    pub(crate) counters: Arc<RpcCounters>,
}

impl<B: Backend> KvService<B> {
    pub(crate) fn new(backend: B) -> Self {
        Self {
            backend,
            counters: Arc::new(RpcCounters::default()),
        }
    }

    /// Counts a refusal on its way out.
    fn count<T>(&self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        if let Err(refusal) = &result {
            self.counters.reject(*refusal);
        }
        result
    }

    /// Whether this replica answers such a call now; first of all, as in etcd.
    pub(crate) fn admit(&self, call: RpcKind) -> Result<(), Refusal> {
        self.count(self.backend.availability().admit(call))
    }

    fn header(&self, revision: i64) -> Option<pb::ResponseHeader> {
        convert::header(self.backend.identity(), revision)
    }

    pub(crate) async fn range(&self, r: pb::RangeRequest) -> Result<pb::RangeResponse, Refusal> {
        self.admit(if r.serializable {
            RpcKind::SerializableRange
        } else {
            RpcKind::Other
        })?;
        let consistency = Consistency::of(r.serializable);
        let request = convert::range(r)?;
        let response = self.count(self.backend.range(request, consistency).await)?;
        let header = self.header(response.revision);
        Ok(convert::range_response(response, header))
    }

    pub(crate) async fn put(&self, r: pb::PutRequest) -> Result<pb::PutResponse, Refusal> {
        self.admit(RpcKind::Other)?;
        let size = r.encoded_len();
        let request = convert::put(r)?;
        match self.propose(kv::Command::Put(request), size).await? {
            kv::Response::Put(response) => {
                let header = self.header(response.revision);
                Ok(convert::put_response(response, header))
            }
            other => wrong_kind("a put", &other),
        }
    }

    pub(crate) async fn delete_range(
        &self,
        r: pb::DeleteRangeRequest,
    ) -> Result<pb::DeleteRangeResponse, Refusal> {
        self.admit(RpcKind::Other)?;
        let size = r.encoded_len();
        let request = convert::delete_range(r)?;
        match self
            .propose(kv::Command::DeleteRange(request), size)
            .await?
        {
            kv::Response::DeleteRange(response) => {
                let header = self.header(response.revision);
                Ok(convert::delete_range_response(response, header))
            }
            other => wrong_kind("a delete", &other),
        }
    }

    pub(crate) async fn txn(&self, r: pb::TxnRequest) -> Result<pb::TxnResponse, Refusal> {
        self.admit(RpcKind::Other)?;
        let size = r.encoded_len();
        // etcd: a read-only transaction is serializable if all of its ranges are.
        let serializable = r.success.iter().chain(&r.failure).all(|op| {
            matches!(&op.request, Some(pb::request_op::Request::RequestRange(r)) if r.serializable)
        });
        let request = convert::txn(r, kv::DEFAULT_MAX_TXN_OPS)?;
        let response = if request.is_read_only() {
            let consistency = Consistency::of(serializable);
            self.count(self.backend.read_txn(request, consistency).await)?
        } else {
            match self.propose(kv::Command::Txn(request), size).await? {
                kv::Response::Txn(response) => response,
                other => return wrong_kind("a transaction", &other),
            }
        };
        let header = self.header(response.revision);
        Ok(convert::txn_response(response, header))
    }

    pub(crate) async fn compact(
        &self,
        r: pb::CompactionRequest,
    ) -> Result<pb::CompactionResponse, Refusal> {
        self.admit(RpcKind::Other)?;
        let command = kv::Command::Compact(convert::compact(r));
        let response = self.propose(command, 0).await?;
        Ok(pb::CompactionResponse {
            header: self.header(response.revision()),
        })
    }

    async fn propose(&self, command: kv::Command, size: usize) -> Result<kv::Response, Refusal> {
        let result = if size > MAX_REQUEST_BYTES {
            Err(Refusal::RequestTooLarge)
        } else {
            self.backend.propose(command).await
        };
        self.count(result)
    }

    pub(crate) fn status(&self) -> pb::StatusResponse {
        let identity = self.backend.identity();
        let status = self.backend.status();
        let no_leader = (status.leader == 0).then(|| Refusal::NoLeader.to_string());
        let out_of_service = status.out_of_service.as_ref();
        let out_of_service = out_of_service.map(|why| format!("{}: {why}", Refusal::Corrupt));
        let alarms = status.alarms.iter().map(|alarm| {
            let alarm = convert::alarm_member(*alarm);
            format!(
                "memberID:{} alarm:{} ",
                alarm.member_id,
                alarm.alarm().as_str_name()
            )
        });
        pb::StatusResponse {
            header: convert::header(identity, status.revision),
            version: ETCD_VERSION.into(),
            db_size: size(status.db_size),
            leader: status.leader,
            raft_index: status.commit_index,
            raft_term: identity.term,
            raft_applied_index: status.applied_index,
            errors: no_leader
                .into_iter()
                .chain(alarms)
                .chain(out_of_service)
                .collect(),
            db_size_in_use: size(status.db_size_in_use),
            is_learner: status.is_learner,
            ..Default::default()
        }
    }

    pub(crate) async fn member_list(
        &self,
        r: pb::MemberListRequest,
    ) -> Result<pb::MemberListResponse, Refusal> {
        let (call, consistency) = if r.linearizable {
            (RpcKind::Other, Consistency::Linearizable)
        } else {
            (RpcKind::Diagnosis, Consistency::Serializable)
        };
        self.admit(call)?;
        let members = self.count(self.backend.members(consistency).await)?;
        Ok(pb::MemberListResponse {
            header: self.header(0),
            members: listed(members),
        })
    }

    pub(crate) async fn member_add(
        &self,
        r: pb::MemberAddRequest,
    ) -> Result<pb::MemberAddResponse, Refusal> {
        let is_learner = r.is_learner;
        let changed = self
            .change_members(|| {
                let peer_urls = check_peer_urls(&r.peer_ur_ls)?;
                Ok(MemberChange::Add {
                    peer_urls,
                    is_learner,
                })
            })
            .await?;
        Ok(pb::MemberAddResponse {
            header: self.header(0),
            member: changed.member.map(convert::member),
            members: listed(changed.members),
        })
    }

    pub(crate) async fn member_remove(
        &self,
        r: pb::MemberRemoveRequest,
    ) -> Result<pb::MemberRemoveResponse, Refusal> {
        let change = || Ok(MemberChange::Remove { id: r.id });
        let changed = self.change_members(change).await?;
        Ok(pb::MemberRemoveResponse {
            header: self.header(0),
            members: listed(changed.members),
        })
    }

    /// etcd does not check the URLs of an update, and its other members panic
    /// when they apply one that is malformed; here it is refused as in an add.
    pub(crate) async fn member_update(
        &self,
        r: pb::MemberUpdateRequest,
    ) -> Result<pb::MemberUpdateResponse, Refusal> {
        let changed = self
            .change_members(|| {
                let peer_urls = check_peer_urls(&r.peer_ur_ls)?;
                Ok(MemberChange::Update {
                    id: r.id,
                    peer_urls,
                })
            })
            .await?;
        Ok(pb::MemberUpdateResponse {
            header: self.header(0),
            members: listed(changed.members),
        })
    }

    pub(crate) async fn member_promote(
        &self,
        r: pb::MemberPromoteRequest,
    ) -> Result<pb::MemberPromoteResponse, Refusal> {
        let change = || Ok(MemberChange::Promote { id: r.id });
        let changed = self.change_members(change).await?;
        Ok(pb::MemberPromoteResponse {
            header: self.header(0),
            members: listed(changed.members),
        })
    }

    async fn change_members(
        &self,
        change: impl FnOnce() -> Result<MemberChange, Refusal>,
    ) -> Result<MembersChanged, Refusal> {
        self.admit(RpcKind::Other)?;
        let change = change()?;
        self.count(self.backend.change_members(change).await)
    }

    /// The alarms raised: of all members, or of one; of all kinds, or of one.
    pub(crate) fn alarms(&self, r: &pb::AlarmRequest) -> Result<pb::AlarmResponse, Refusal> {
        self.admit(RpcKind::Diagnosis)?;
        let status = self.backend.status();
        let asked = |a: &pb::AlarmMember| {
            (r.member_id == 0 || r.member_id == a.member_id)
                && (r.alarm() == pb::AlarmType::None || r.alarm == a.alarm)
        };
        let alarms = status
            .alarms
            .into_iter()
            .map(convert::alarm_member)
            .filter(asked)
            .collect();
        Ok(pb::AlarmResponse {
            header: self.header(status.revision),
            alarms,
        })
    }
}

/// Members as a list: by id, as etcd gives them.
fn listed(mut members: Vec<Member>) -> Vec<pb::Member> {
    members.sort_by_key(|member| member.id);
    members.into_iter().map(convert::member).collect()
}

/// A size for a signed field.
fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A backend that answers one kind of command with another's response has lost
/// track of who asked what; nothing that it says can be passed on.
fn wrong_kind<T>(asked: &str, got: &kv::Response) -> Result<T, Refusal> {
    panic!("the backend answered {asked} with {got:?}")
}
