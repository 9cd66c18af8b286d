//! What the tests of the face share.

pub(crate) mod memory;

use memory::Memory;
use quorate_etcd::Backend;
use quorate_etcd::client::{Connection, Endpoint};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A face that serves a store in memory on a port of its own, for as long as the
/// test's runtime lives.
#[allow(dead_code, reason = "not every test file uses every helper")]
pub(crate) struct Server {
    pub(crate) memory: Memory,
    pub(crate) address: String,
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address")
        .to_string();
    (listener, address)
}

#[allow(dead_code, reason = "not every test file uses every helper")]
impl Server {
    pub(crate) async fn start() -> Self {
        let (listener, address) = listen().await;
        let memory = Memory::new(&format!("http://{address}"));
        tokio::spawn(quorate_etcd::serve(
            listener,
            memory.clone(),
            std::future::pending(),
        ));
        Self { memory, address }
    }

    /// The same with another backend; the store in memory is not served then.
    pub(crate) async fn start_with(backend: impl Backend) -> Self {
        let (listener, address) = listen().await;
        tokio::spawn(quorate_etcd::serve(
            listener,
            backend,
            std::future::pending(),
        ));
        let memory = Memory::default();
        Self { memory, address }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        self.address.parse().expect("an address is an endpoint")
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(&self.endpoint())
            .await
            .expect("the server listens")
    }

    pub(crate) async fn dial(&self) -> TcpStream {
        TcpStream::connect(&self.address)
            .await
            .expect("the server listens")
    }

    /// Sends an HTTP/1.1 request and gives status and body.
    pub(crate) async fn http(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = self.dial().await;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the server reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("the answer is text");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let body = answer
            .split_once("\r\n\r\n")
            .map(|(_, body)| body.to_owned());
        (status.expect("a status line"), body.expect("a body"))
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.http("GET", path, "").await
    }
}
