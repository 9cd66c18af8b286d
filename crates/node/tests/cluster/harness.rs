//! A cluster of nodes in this process, on ports that were free a moment ago.

use quorate_contract::{Address, Contract};
use quorate_etcd::client::Connection;
use quorate_etcd::pb::etcdserverpb::{PutRequest, RangeRequest};
use quorate_node::{Node, NodeConfig, StartError, Starting};
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) struct Cluster {
    contract: Contract,
    dir: TempDir,
    nodes: Vec<Option<Node>>,
    runtime: Runtime,
    pub(crate) adjust: fn(&mut NodeConfig),
}

/// The ports are held until all are chosen, so that they differ.
fn free_ports(n: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..n)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
        .collect();
    let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
    listeners.iter().map(port).collect()
}

/// Starts a node, for as long as it takes.
pub(crate) fn start(config: NodeConfig) -> Result<Node, StartError> {
    let end = Instant::now() + Duration::from_secs(20);
    Node::start(config, &mut |_: Starting| match Instant::now() < end {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    })
}

impl Cluster {
    pub(crate) fn new(n: usize) -> Self {
        let cluster = quorate_contract::Cluster::loopback("test", n);
        let mut contract = Contract {
            cluster,
            ..Contract::default()
        };
        contract.failures.tolerate = (n - 1) / 2;
        let ports = free_ports(2 * n);
        for (member, ports) in contract.cluster.members.iter_mut().zip(ports.chunks(2)) {
            member.client = Address::loopback(ports[0]);
            member.peer = Address::loopback(ports[1]);
        }
        // With a thread of its own, so that connections end when they are dropped.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Self {
            contract,
            dir: tempfile::tempdir().expect("a directory"),
            nodes: (0..n).map(|_| None).collect(),
            runtime: runtime.expect("a runtime"),
            adjust: |_| (),
        }
    }

    pub(crate) fn config(&self, id: u8) -> NodeConfig {
        let path = self.dir.path().join(format!("n{id}"));
        let mut config = NodeConfig::new(self.contract.clone(), id, path);
        (self.adjust)(&mut config);
        config
    }

    pub(crate) fn try_start(&mut self, id: u8) -> Result<(), StartError> {
        self.nodes[usize::from(id)] = Some(start(self.config(id))?);
        Ok(())
    }

    /// Starts all of them at once, as they have to be when they are to form a cluster.
    pub(crate) fn start_all(&mut self) {
        let configs: Vec<_> = (0..self.nodes.len() as u8)
            .map(|id| self.config(id))
            .collect();
        let threads = configs
            .into_iter()
            .map(|config| thread::spawn(|| start(config)));
        let threads: Vec<_> = threads.collect();
        for (id, thread) in threads.into_iter().enumerate() {
            let started = thread.join().expect("no panic");
            self.nodes[id] = Some(started.unwrap_or_else(|error| panic!("n{id}: {error}")));
        }
    }

    /// Takes over a node that was started in another way.
    pub(crate) fn adopt(&mut self, id: u8, node: Node) {
        self.nodes[usize::from(id)] = Some(node);
    }

    pub(crate) fn start(&mut self, id: u8) {
        self.try_start(id)
            .unwrap_or_else(|error| panic!("n{id}: {error}"));
    }

    pub(crate) fn stop(&mut self, id: u8) {
        self.nodes[usize::from(id)].take().expect("it runs").stop();
    }

    pub(crate) fn node(&self, id: u8) -> &Node {
        self.nodes[usize::from(id)].as_ref().expect("it runs")
    }

    pub(crate) fn leader(&self, id: u8) -> Option<u8> {
        self.node(id).status().leader.map(|leader| leader.0 as u8)
    }

    fn call<T>(
        &self,
        id: u8,
        call: impl AsyncFnOnce(Connection) -> Result<T, tonic::Status>,
    ) -> Result<T, String> {
        let address = self.node(id).client_address().to_string();
        self.runtime.block_on(async {
            let endpoint = address.parse().expect("an endpoint");
            let connection = Connection::open(&endpoint).await.expect("connected");
            call(connection)
                .await
                .map_err(|status| status.message().to_owned())
        })
    }

    pub(crate) fn put(&self, id: u8, key: &str, value: &str) -> Result<(), String> {
        let request = PutRequest {
            key: key.to_owned().into(),
            value: value.to_owned().into(),
            ..PutRequest::default()
        };
        self.call(id, async |connection| {
            connection.kv().put(request).await.map(|_| ())
        })
    }

    pub(crate) fn get(&self, id: u8, key: &str) -> Result<Option<String>, String> {
        self.range(id, key, false)
    }

    pub(crate) fn get_stale(&self, id: u8, key: &str) -> Result<Option<String>, String> {
        self.range(id, key, true)
    }

    fn range(&self, id: u8, key: &str, serializable: bool) -> Result<Option<String>, String> {
        let request = RangeRequest {
            key: key.to_owned().into(),
            serializable,
            ..RangeRequest::default()
        };
        let response = self
            .call(id, async |connection| connection.kv().range(request).await)?
            .into_inner();
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).expect("UTF-8");
        Ok(response.kvs.first().map(|kv| text(&kv.value)))
    }
}

/// Waits until something holds, and fails after a time that no working cluster needs.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "not in 20 s: {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
