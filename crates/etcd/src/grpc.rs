//! The calls as gRPC services.

use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use crate::backend::Backend;
use crate::pb::etcdserverpb as pb;
use crate::pb::etcdserverpb::alarm_request::AlarmAction;
use crate::pb::etcdserverpb::cluster_server::Cluster;
use crate::pb::etcdserverpb::kv_server::Kv;
use crate::pb::etcdserverpb::maintenance_server::Maintenance;
use crate::range_stream;
use crate::refusal::Refusal;
use crate::service::KvService;

/// The answer to every other call.
pub(crate) fn unimplemented(path: &str) -> Status {
    let call = path.trim_start_matches('/');
    Status::unimplemented(format!(
        "quorate {} does not implement {call}",
        env!("CARGO_PKG_VERSION")
    ))
}

fn answer<T>(result: Result<T, Refusal>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(Status::from)
}

#[tonic::async_trait]
impl<B: Backend> Kv for KvService<B> {
    async fn range(
        &self,
        request: Request<pb::RangeRequest>,
    ) -> Result<Response<pb::RangeResponse>, Status> {
        answer(self.range(request.into_inner()).await)
    }

    async fn range_stream(
        &self,
        request: Request<pb::RangeRequest>,
    ) -> Result<Response<BoxStream<pb::RangeStreamResponse>>, Status> {
        Ok(Response::new(
            range_stream::start(self, request.into_inner()).await?,
        ))
    }

    async fn put(
        &self,
        request: Request<pb::PutRequest>,
    ) -> Result<Response<pb::PutResponse>, Status> {
        answer(self.put(request.into_inner()).await)
    }

    async fn delete_range(
        &self,
        request: Request<pb::DeleteRangeRequest>,
    ) -> Result<Response<pb::DeleteRangeResponse>, Status> {
        answer(self.delete_range(request.into_inner()).await)
    }

    async fn txn(
        &self,
        request: Request<pb::TxnRequest>,
    ) -> Result<Response<pb::TxnResponse>, Status> {
        answer(self.txn(request.into_inner()).await)
    }

    async fn compact(
        &self,
        request: Request<pb::CompactionRequest>,
    ) -> Result<Response<pb::CompactionResponse>, Status> {
        answer(self.compact(request.into_inner()).await)
    }
}

#[tonic::async_trait]
impl<B: Backend> Maintenance for KvService<B> {
    async fn status(
        &self,
        _: Request<pb::StatusRequest>,
    ) -> Result<Response<pb::StatusResponse>, Status> {
        Ok(Response::new(self.status()))
    }

    /// Lists alarms; newer etcdctl asks for them in `endpoint health`.
    async fn alarm(
        &self,
        request: Request<pb::AlarmRequest>,
    ) -> Result<Response<pb::AlarmResponse>, Status> {
        let request = request.into_inner();
        if request.action() != AlarmAction::Get {
            return Err(Status::unimplemented(
                "quorate raises and clears its alarms itself: only listing them is implemented",
            ));
        }
        answer(self.alarms(&request))
    }
}

#[tonic::async_trait]
impl<B: Backend> Cluster for KvService<B> {
    async fn member_list(
        &self,
        request: Request<pb::MemberListRequest>,
    ) -> Result<Response<pb::MemberListResponse>, Status> {
        answer(self.member_list(request.into_inner()).await)
    }

    async fn member_add(
        &self,
        request: Request<pb::MemberAddRequest>,
    ) -> Result<Response<pb::MemberAddResponse>, Status> {
        answer(self.member_add(request.into_inner()).await)
    }

    async fn member_remove(
        &self,
        request: Request<pb::MemberRemoveRequest>,
    ) -> Result<Response<pb::MemberRemoveResponse>, Status> {
        answer(self.member_remove(request.into_inner()).await)
    }

    async fn member_update(
        &self,
        request: Request<pb::MemberUpdateRequest>,
    ) -> Result<Response<pb::MemberUpdateResponse>, Status> {
        answer(self.member_update(request.into_inner()).await)
    }

    async fn member_promote(
        &self,
        request: Request<pb::MemberPromoteRequest>,
    ) -> Result<Response<pb::MemberPromoteResponse>, Status> {
        answer(self.member_promote(request.into_inner()).await)
    }
}
