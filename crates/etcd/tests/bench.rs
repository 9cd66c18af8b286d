//! The load generator against the face, and through a server that goes away.

mod support;

use clap::Parser as _;
use quorate_etcd::Refusal;
use quorate_etcd::bench::{BenchArgs, BenchReport, run};
use support::Server;

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    args: BenchArgs,
}

async fn bench(arguments: &str) -> anyhow::Result<BenchReport> {
    let arguments = std::iter::once("bench").chain(arguments.split_whitespace());
    run(Command::try_parse_from(arguments)?.args).await
}

#[tokio::test]
async fn a_mixed_load_counts_reads_and_writes() {
    let server = Server::start().await;
    let report = bench(&format!(
        "--endpoints {} --clients 8 --connections 2 --reads 50 --keys 100 --total 2000 --warmup 0",
        server.address
    ))
    .await
    .unwrap();
    let load = report.load.expect("a load was run");
    assert_eq!(load.put.acknowledged + load.get.acknowledged, 2000);
    assert!(
        (800..1200).contains(&load.put.acknowledged),
        "{}",
        load.put.acknowledged
    );
    assert!(load.put.errors.is_empty() && load.get.errors.is_empty());
    assert!(load.put.latency.p50 > 0.0 && load.put.latency.p50 <= load.put.latency.max);
    assert!(load.longest_gap_ms > 0.0 && load.longest_gap_ms <= load.seconds * 1e3);
    assert!((load.connections, load.clients) == (2, 8));
}

#[tokio::test]
async fn refusals_are_counted_by_what_was_said() {
    let server = Server::start().await;
    server.memory.refuse(Some(Refusal::TooManyRequests));
    let report = bench(&format!(
        "--endpoints {} -c 4 --total 100 --warmup 0",
        server.address
    ))
    .await
    .unwrap();
    let load = report.load.expect("a load was run");
    assert_eq!(load.put.acknowledged, 0);
    assert_eq!(
        load.put.errors["ResourceExhausted: etcdserver: too many requests"],
        100
    );
}

/// The clients of a server that goes away move to the next endpoint; what was
/// under way is of unknown outcome, and the time without answers is the gap.
#[tokio::test]
async fn a_server_that_goes_away_costs_a_gap_and_no_more() {
    let survivor = Server::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let doomed = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let memory = support::memory::Memory::new("http://localhost");
    let served = tokio::spawn(quorate_etcd::serve(listener, memory, async {
        drop(stopped.await)
    }));
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        drop(stop);
    });
    let report = bench(&format!(
        "--endpoints {doomed},{} -c 4 --connections 1 --seconds 0.6 --warmup 0",
        survivor.address
    ))
    .await
    .unwrap();
    served.await.unwrap();
    let load = report.load.expect("a load was run");
    let lost: u64 = load.put.errors.values().sum();
    assert!(lost <= 8, "{:?}", load.put.errors);
    let status = {
        use quorate_etcd::Backend as _;
        survivor.memory.status()
    };
    assert!(status.revision > 1, "the survivor was written to");
    assert!(
        load.put.acknowledged > status.revision as u64,
        "so was the other"
    );
    assert!(load.longest_gap_ms < 500.0, "{}", load.longest_gap_ms);
}

#[tokio::test]
async fn the_floor_is_measured_without_any_endpoint() {
    let dir = std::env::temp_dir();
    let report = bench(&format!(
        "--floor-only --floor-dir {} --floor-seconds 0.05 -c 4 --total 500 --warmup 0",
        dir.display()
    ))
    .await
    .unwrap();
    assert!(report.load.is_none());
    let floor = report.floor.expect("a floor was measured");
    assert!(floor.sync.p50 > 0.0);
    assert_eq!(floor.noop.put.acknowledged, 500);
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_in_words() {
    for (arguments, word) in [
        ("--clients 0", "--clients"),
        ("--key-size 2 --keys 1000", "--key-size"),
        ("--seconds -1", "unexpected argument"),
        ("--endpoints https://a:1", "TLS"),
        ("--endpoints nowhere", "port"),
        ("--endpoints 127.0.0.1:1", "cannot connect to 127.0.0.1:1"),
        ("--floor-only --floor-dir /nonexistent", "cannot create"),
    ] {
        let error = format!("{:#}", bench(arguments).await.expect_err("refused"));
        assert!(error.contains(word), "{arguments}: {error}");
    }
}
