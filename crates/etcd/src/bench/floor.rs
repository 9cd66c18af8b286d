//! This machine's floor: what a sync costs, and what gRPC alone allows.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

use super::args::BenchArgs;
use super::load;
use super::report::{Floor, LatencyMillis};
use crate::client::Endpoint;
use crate::pb::etcdserverpb as pb;
use crate::pb::etcdserverpb::kv_server::{Kv, KvServer};

/// Measures both, the server under the load of `args`.
pub(super) async fn measure(args: &BenchArgs) -> anyhow::Result<Floor> {
    args.check()?;
    let dir = args.floor_dir.clone();
    let time = Duration::from_secs_f64(args.floor_seconds);
    let sync = tokio::task::spawn_blocking(move || sync_latency(&dir, time)).await??;
    Ok(Floor {
        sync,
        noop: noop_server(args).await?,
    })
}

/// Bytes appended before each sync: one page, about what a log writes for a
/// small batch.
const WRITE: [u8; 4096] = [0x5a; 4096];
/// How many syncs are measured at most.
const SYNC_COUNT: usize = 10_000;

/// Latency of an append and fdatasync within a preallocated file in `dir`, as a
/// log does it.
fn sync_latency(dir: &Path, time: Duration) -> anyhow::Result<LatencyMillis> {
    let path = dir.join(format!(".quorate-bench-{}", std::process::id()));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    let measured = sync_repeatedly(file, time);
    std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    Ok(LatencyMillis::of(&measured?))
}

fn sync_repeatedly(mut file: File, time: Duration) -> anyhow::Result<Histogram<u64>> {
    let size = (SYNC_COUNT * WRITE.len()) as u64;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size)
        .context("cannot preallocate the file to sync")?;
    file.sync_all().context("cannot sync")?;
    let mut latency = Histogram::new_with_bounds(100, 600_000_000_000, 3)?;
    let begin = Instant::now();
    while latency.len() < SYNC_COUNT as u64 && begin.elapsed() < time {
        let start = Instant::now();
        file.write_all(&WRITE).context("cannot write")?;
        file.sync_data().context("cannot sync")?;
        latency.saturating_record(start.elapsed().as_nanos() as u64);
    }
    Ok(latency)
}

async fn noop_server(args: &BenchArgs) -> anyhow::Result<super::report::BenchLoad> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint: Endpoint = listener.local_addr()?.to_string().parse()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = hyper_util::service::TowerToHyperService::new(KvServer::new(Noop));
    let server = tokio::spawn(crate::listen::serve(listener, service, async move {
        let _ = stopped.await;
    }));
    let load = load::run(args, &[endpoint]).await;
    let _ = stop.send(());
    server.await?;
    load
}

/// Answers every put and range at once, and keeps nothing.
#[derive(Clone)]
struct Noop;

#[tonic::async_trait]
impl Kv for Noop {
    async fn put(&self, _: Request<pb::PutRequest>) -> Result<Response<pb::PutResponse>, Status> {
        Ok(Response::new(pb::PutResponse {
            header: Some(header()),
            prev_kv: None,
        }))
    }

    async fn range(
        &self,
        _: Request<pb::RangeRequest>,
    ) -> Result<Response<pb::RangeResponse>, Status> {
        let header = Some(header());
        Ok(Response::new(pb::RangeResponse {
            header,
            ..pb::RangeResponse::default()
        }))
    }
}

fn header() -> pb::ResponseHeader {
    pb::ResponseHeader {
        cluster_id: 1,
        member_id: 1,
        revision: 1,
        raft_term: 1,
    }
}
