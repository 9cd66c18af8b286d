//! The face on a store in memory, to try it with etcdctl or curl and to compare
//! it with etcd: `cargo run -p quorate-etcd --example loopback -- 127.0.0.1:2379`.
//! Nothing is kept.

#[path = "../tests/support/memory.rs"]
mod memory;

use std::io::Write as _;

use anyhow::Context as _;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:2379".into());
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    writeln!(
        std::io::stdout(),
        "serving the etcd v3 API on http://{address}"
    )?;
    let memory = memory::Memory::new(&format!("http://{address}"));
    quorate_etcd::serve(listener, memory, async {
        let _ = tokio::signal::ctrl_c().await;
    })
    .await;
    Ok(())
}
