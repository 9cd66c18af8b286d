//! The clients: each sends a request, waits for the answer, sends the next.

use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::{BufMut as _, Bytes, BytesMut};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tonic::Status;

use super::args::BenchArgs;
use super::report::BenchLoad;
use super::tally::{LatencyTally, Op, SharedTally};
use crate::client::{Connection, Endpoint};
use crate::pb::etcdserverpb::{PutRequest, RangeRequest};

/// Runs the load of `args` on `endpoints`.
pub(super) async fn run(args: &BenchArgs, endpoints: &[Endpoint]) -> anyhow::Result<BenchLoad> {
    args.check()?;
    let lines = open(args, endpoints).await?;
    if args.reads > 0 {
        prefill(args, &lines).await?;
    }
    let warmup = Duration::from_secs_f64(args.warmup);
    let begin = Instant::now();
    let start = begin + warmup;
    let run = Arc::new(BenchRun {
        args: args.clone(),
        value: filler(args.seed, args.value_size),
        shared: SharedTally::new(start),
        stop: AtomicBool::new(false),
        left: AtomicU64::new(args.total.unwrap_or(u64::MAX)),
    });

    let mut clients = JoinSet::new();
    let mut seeds = Random(args.seed);
    for i in 0..args.clients {
        let line = Arc::clone(&lines[i % lines.len()]);
        let random = Random(seeds.next());
        clients.spawn(client(Arc::clone(&run), line, random));
    }
    let end = watch(&run, &mut clients, start).await;
    // Requests still unanswered now are neither acknowledged nor failed.
    clients.abort_all();

    let mut tally = LatencyTally::new();
    for line in &lines {
        tally.add(
            &line
                .tally
                .lock()
                .expect("no client panics while it records"),
        );
    }
    Ok(BenchLoad::new(
        args,
        endpoints,
        &tally,
        end - start,
        run.shared.longest_gap(end),
    ))
}

/// What the clients of a run share.
struct BenchRun {
    args: BenchArgs,
    value: Bytes,
    shared: SharedTally,
    stop: AtomicBool,
    /// Requests still to be sent after the warm-up.
    left: AtomicU64,
}

/// One connection, reopened when it breaks, and the tally of its clients.
struct BenchConnection {
    endpoints: Vec<Endpoint>,
    current: Mutex<(u64, Connection)>,
    tally: StdMutex<LatencyTally>,
}

impl BenchConnection {
    /// The connection in use, and its number.
    async fn current(&self) -> (u64, Connection) {
        self.current.lock().await.clone()
    }

    /// Replaces connection `broken`, unless another client already has. Tries
    /// the endpoints in turn until one answers.
    async fn reopen(&self, broken: u64) -> (u64, Connection) {
        let mut current = self.current.lock().await;
        let mut next = broken;
        while current.0 == broken {
            next += 1;
            let endpoint = &self.endpoints[next as usize % self.endpoints.len()];
            let open = tokio::time::timeout(Duration::from_secs(1), Connection::open(endpoint));
            match open.await {
                Ok(Ok(connection)) => *current = (next, connection),
                Ok(Err(_)) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        current.clone()
    }
}

async fn open(
    args: &BenchArgs,
    endpoints: &[Endpoint],
) -> anyhow::Result<Vec<Arc<BenchConnection>>> {
    let mut lines = Vec::new();
    for i in 0..args.connections() {
        let n = i % endpoints.len();
        let connection = Connection::open(&endpoints[n])
            .await
            .with_context(|| format!("cannot connect to {}", endpoints[n]))?;
        lines.push(Arc::new(BenchConnection {
            endpoints: endpoints.to_vec(),
            current: Mutex::new((n as u64, connection)),
            tally: StdMutex::new(LatencyTally::new()),
        }));
    }
    Ok(lines)
}

/// Writes every key once, so that reads find something.
async fn prefill(args: &BenchArgs, lines: &[Arc<BenchConnection>]) -> anyhow::Result<()> {
    let next = Arc::new(AtomicU64::new(0));
    let value = filler(args.seed, args.value_size);
    let mut writers = JoinSet::new();
    for i in 0..args.clients.clamp(1, 64) {
        let (_, connection) = lines[i % lines.len()].current().await;
        let (next, value) = (Arc::clone(&next), value.clone());
        let (keys, key_size) = (args.keys, args.key_size);
        writers.spawn(async move {
            let mut kv = connection.kv();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= keys {
                    return Ok(());
                }
                kv.put(put(key(index, key_size), value.clone())).await?;
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done?
            .map_err(|e: Status| anyhow::anyhow!("{}", e.message()))
            .context("cannot write the keys to be read")?;
    }
    Ok(())
}

async fn client(run: Arc<BenchRun>, line: Arc<BenchConnection>, mut random: Random) {
    let args = &run.args;
    let timeout = args.request_timeout();
    let (mut number, connection) = line.current().await;
    let mut kv = connection.kv();
    while !run.stop.load(Ordering::Relaxed) {
        let key = key(random.below(args.keys), args.key_size);
        let read = args.reads > 0 && random.below(100) < u64::from(args.reads);
        let op = if read { Op::Get } else { Op::Put };
        let sent = Instant::now();
        if sent >= run.shared.start() && !run.take_one() {
            return;
        }
        let answer = async {
            match op {
                Op::Put => kv.put(put(key, run.value.clone())).await.map(drop),
                Op::Get => {
                    let range = RangeRequest {
                        key,
                        serializable: args.serializable,
                        ..RangeRequest::default()
                    };
                    kv.range(range).await.map(drop)
                }
            }
        };
        let outcome = match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(())) => {
                run.shared.acknowledge(&line.tally, op, sent);
                BenchOutcome::Acknowledged
            }
            Ok(Err(status)) => {
                run.shared.fail(&line.tally, op, sent, &kind(&status));
                if is_transport(&status) {
                    BenchOutcome::Broken
                } else {
                    BenchOutcome::Refused
                }
            }
            Err(_) => {
                run.shared
                    .fail(&line.tally, op, sent, "no answer in time (outcome unknown)");
                BenchOutcome::Broken
            }
        };
        match outcome {
            BenchOutcome::Acknowledged => {}
            // A server that refuses at once is not to be asked a million times.
            BenchOutcome::Refused => tokio::time::sleep(PAUSE).await,
            BenchOutcome::Broken => {
                let (new, connection) = line.reopen(number).await;
                number = new;
                kv = connection.kv();
            }
        }
    }
}

/// What became of one request, as far as the client's next step goes.
enum BenchOutcome {
    Acknowledged,
    Refused,
    Broken,
}

/// How long a client waits after a refusal, and between attempts to connect.
const PAUSE: Duration = Duration::from_millis(5);

impl BenchRun {
    fn take_one(&self) -> bool {
        self.args.total.is_none()
            || self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                })
                .is_ok()
    }
}

/// Whether the connection failed, as opposed to the server having refused.
fn is_transport(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

fn kind(status: &Status) -> String {
    if is_transport(status) {
        return "connection lost (outcome unknown)".into();
    }
    format!("{:?}: {}", status.code(), status.message())
}

/// Shows progress until the run is over, or interrupted; returns when it ended.
async fn watch(run: &BenchRun, clients: &mut JoinSet<()>, start: Instant) -> Instant {
    let bar = match run.args.total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::new((run.args.seconds * 1000.0) as u64),
    };
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {percent:>3}%  {msg}")
            .expect("the template is constant and valid"),
    );
    let end = start + Duration::from_secs_f64(run.args.seconds);
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let (mut before, mut at) = (0, start);
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    loop {
        let all_done = tokio::select! {
            _ = tick.tick() => false,
            () = tokio::time::sleep_until(end.into()), if run.args.total.is_none() => true,
            client = clients.join_next() => client.is_none(),
            // What was measured so far is worth reporting.
            Ok(()) = &mut interrupt => true,
        };
        let now = Instant::now();
        let done = run.shared.acknowledged();
        let position = match run.args.total {
            Some(_) => done + run.shared.failed(),
            None => now.saturating_duration_since(start).as_millis() as u64,
        };
        bar.set_position(position);
        if now.saturating_duration_since(at) > Duration::from_millis(500) {
            let rate = (done - before) as f64 / (now - at).as_secs_f64();
            bar.set_message(format!(
                "{rate:.0} requests/s, {} failed",
                run.shared.failed()
            ));
            (before, at) = (done, now);
        }
        if all_done {
            run.stop.store(true, Ordering::Relaxed);
            bar.finish_and_clear();
            return now;
        }
    }
}

fn put(key: Bytes, value: Bytes) -> PutRequest {
    PutRequest {
        key,
        value,
        ..PutRequest::default()
    }
}

/// Key number `index`: its digits, led by zeros up to `size`.
fn key(index: u64, size: usize) -> Bytes {
    let digits = index.to_string();
    let mut key = BytesMut::with_capacity(size.max(digits.len()));
    key.put_bytes(b'0', size.saturating_sub(digits.len()));
    key.put_slice(digits.as_bytes());
    key.freeze()
}

/// Bytes that do not compress.
fn filler(seed: u64, size: usize) -> Bytes {
    let mut random = Random(seed);
    (0..size).map(|_| random.next() as u8).collect()
}

/// SplitMix64: enough to spread a load, the same for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_size_asked_for_and_differ() {
        assert_eq!(&key(7, 4)[..], b"0007");
        assert_eq!(&key(12345, 4)[..], b"12345");
    }

    /// Clients whose states lie a few steps apart in one sequence ask for the same keys one after the
    /// other: 64 of them once wrote 131,072 times to 9,234 keys of 131,072.
    #[test]
    fn clients_draw_apart() {
        let mut seeds = Random(1);
        let clients = (0..64).map(|_| Random(seeds.next()));
        let keys = clients.flat_map(|mut random| {
            std::iter::repeat_with(move || random.below(1 << 17)).take(1 << 11)
        });
        let seen: std::collections::BTreeSet<u64> = keys.collect();
        // 1 - 1/e of them.
        assert!((80_000..86_000).contains(&seen.len()), "{}", seen.len());
    }

    #[test]
    fn random_numbers_stay_below_their_bound() {
        let mut random = Random(3);
        let seen: std::collections::BTreeSet<u64> = (0..1000).map(|_| random.below(7)).collect();
        assert_eq!(seen, (0..7).collect());
    }
}
