//! The handshake: who calls whom, in which version.
//!
//! The caller speaks first. The prefix up to the versions, and the whole answer, are the same in
//! every version to come, so that each side can always tell the other *in words* why not.
//!
//! ```text
//! caller:  8  magic, "QUORATE\n"
//!          2  lowest version that the caller speaks; little-endian, as all numbers
//!          2  highest
//!          2  n, at most 1,024
//!          n  a `Hello` in postcard (of the highest version)
//!          4  CRC-32C of all the above
//! answer:  8  magic
//!          2  the version to speak, or 0: refused
//!          2  n, at most 1,024
//!          n  UTF-8: why refused; empty otherwise
//!          4  CRC-32C of all the above
//! ```

use super::Local;
use serde::{Deserialize, Serialize};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The lowest and the highest version of the protocol between peers that we speak.
pub const VERSIONS: (u16, u16) = (1, 1);

/// How both sides begin. Ends in a line feed, which HTTP and its like read as the end of a bad line.
pub const MAGIC: &[u8; 8] = b"QUORATE\n";

const MAX_BODY: usize = 1024;

/// What the caller says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The cluster's id.
    pub cluster_id: u64,
    /// The cluster's name, for people.
    pub cluster: String,
    /// The caller's place in the cluster.
    pub from: u8,
    /// Whom the caller means to reach.
    pub to: u8,
    /// The digest of the caller's contract.
    pub contract: u64,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The connection failed or ended.
    #[error("the connection failed during the handshake: {0}")]
    Io(#[from] io::Error),
    /// It took too long.
    #[error("the handshake took too long")]
    TimedOut,
    /// The other side is no replica.
    #[error("the other side does not speak quorate's peer protocol (it began with {0:?})")]
    Magic(String),
    /// What was received is damaged.
    #[error("the handshake is damaged")]
    Damaged,
    /// We refuse, for this reason, and have said so.
    #[error("refused: {0}")]
    Refused(String),
    /// They refuse, for this reason.
    #[error("the peer refuses: {0}")]
    RefusedByPeer(String),
}

/// Introduces us to a peer.
///
/// # Errors
/// If there is no agreement.
pub async fn call<S>(stream: &mut S, local: &Local, to: u8) -> Result<(), HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let hello = Hello {
        cluster_id: local.cluster_id,
        cluster: local.cluster.clone(),
        from: local.me,
        to,
        contract: local.contract,
    };
    call_with(stream, VERSIONS, &hello).await
}

pub(super) async fn call_with<S>(
    stream: &mut S,
    (low, high): (u16, u16),
    hello: &Hello,
) -> Result<(), HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let body = postcard::to_stdvec(hello).map_err(|_| HandshakeError::Damaged)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&low.to_le_bytes());
    bytes.extend_from_slice(&high.to_le_bytes());
    send(stream, bytes, &body).await?;

    let (head, body) = receive::<12, _>(stream).await?;
    let version = u16::from_le_bytes([head[8], head[9]]);
    match version {
        0 => Err(HandshakeError::RefusedByPeer(printable(&body))),
        version if (low..=high).contains(&version) => Ok(()),
        version => Err(HandshakeError::Refused(format!(
            "the peer answered in protocol version {version}, which was not offered"
        ))),
    }
}

/// Answers a caller.
///
/// # Errors
/// If it is refused, for a reason that it was told, or is no replica at all.
pub async fn answer<S>(stream: &mut S, local: &Local) -> Result<Hello, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (head, body) = receive::<14, _>(stream).await?;
    let low = u16::from_le_bytes([head[8], head[9]]);
    let high = u16::from_le_bytes([head[10], head[11]]);
    let judged = judge(low, high, &body, local);
    let (version, why) = match &judged {
        Ok(_) => (high.min(VERSIONS.1), ""),
        Err(why) => (0, why.as_str()),
    };
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&version.to_le_bytes());
    send(stream, bytes, why.as_bytes()).await?;
    judged.map_err(HandshakeError::Refused)
}

fn judge(low: u16, high: u16, body: &[u8], local: &Local) -> Result<Hello, String> {
    if low > high || low > VERSIONS.1 || high < VERSIONS.0 {
        let (min, max) = VERSIONS;
        return Err(format!(
            "the caller speaks versions {low} to {high} of the peer protocol, this replica {min} \
             to {max}; run versions of quorate that have one in common"
        ));
    }
    let hello: Hello = postcard::from_bytes(body)
        .map_err(|error| format!("the greeting can't be decoded: {error}"))?;
    if hello.cluster_id != local.cluster_id {
        return Err(format!(
            "the caller belongs to cluster {:?} ({:016x}), this replica to {:?} ({:016x})",
            hello.cluster.chars().take(64).collect::<String>(),
            hello.cluster_id,
            local.cluster,
            local.cluster_id
        ));
    }
    if hello.to != local.me {
        return Err(format!(
            "the caller looks for replica {}, this is {}; is its address in the contract right?",
            hello.to, local.me
        ));
    }
    if hello.from >= local.nodes || hello.from == local.me {
        return Err(format!(
            "the caller says that it is replica {}, which is not a peer of {} in a cluster of {}",
            hello.from, local.me, local.nodes
        ));
    }
    Ok(hello)
}

async fn send<S>(stream: &mut S, mut bytes: Vec<u8>, body: &[u8]) -> Result<(), HandshakeError>
where
    S: AsyncWrite + Unpin,
{
    let body = &body[..body.len().min(MAX_BODY)];
    bytes.extend_from_slice(&(body.len() as u16).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    stream.write_all(&bytes).await?;
    Ok(stream.flush().await?)
}

/// Receives a head of `N` bytes, the last two of which are the length of the body.
async fn receive<const N: usize, S>(stream: &mut S) -> Result<([u8; N], Vec<u8>), HandshakeError>
where
    S: AsyncRead + Unpin,
{
    let mut head = [0; N];
    // The magic alone first: a stranger who says less is not waited for.
    stream.read_exact(&mut head[..MAGIC.len()]).await?;
    if head[..MAGIC.len()] != MAGIC[..] {
        return Err(HandshakeError::Magic(printable(&head[..MAGIC.len()])));
    }
    stream.read_exact(&mut head[MAGIC.len()..]).await?;
    let len = usize::from(u16::from_le_bytes([head[N - 2], head[N - 1]]));
    if len > MAX_BODY {
        return Err(HandshakeError::Damaged);
    }
    let mut body = vec![0; len];
    stream.read_exact(&mut body).await?;
    let sum = stream.read_u32_le().await?;
    if sum != crc32c::crc32c_append(crc32c::crc32c(&head), &body) {
        return Err(HandshakeError::Damaged);
    }
    Ok((head, body))
}

/// What a stranger sent, fit for a log.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::local;
    use super::*;

    fn hello() -> Hello {
        Hello {
            cluster_id: 7,
            cluster: "test".to_owned(),
            from: 1,
            to: 0,
            contract: 3,
        }
    }

    async fn meet(
        versions: (u16, u16),
        hello: Hello,
    ) -> (Result<(), HandshakeError>, Result<Hello, HandshakeError>) {
        let (mut caller, mut called) = tokio::io::duplex(4096);
        let local = local(0);
        tokio::join!(
            call_with(&mut caller, versions, &hello),
            answer(&mut called, &local)
        )
    }

    #[tokio::test]
    async fn two_replicas_of_a_cluster_agree() {
        let (caller, called) = meet(VERSIONS, hello()).await;
        caller.expect("agreed");
        assert_eq!(called.expect("agreed"), hello());
        // A later version that still speaks ours.
        let (caller, called) = meet((1, 9), hello()).await;
        caller.expect("agreed");
        called.expect("agreed");
    }

    #[tokio::test]
    async fn both_sides_learn_in_words_why_not() {
        for (versions, hello, words) in [
            (
                (2, 9),
                hello(),
                "the caller speaks versions 2 to 9 of the peer protocol",
            ),
            ((5, 1), hello(), "the caller speaks versions 5 to 1"),
            (
                VERSIONS,
                Hello {
                    cluster_id: 8,
                    cluster: "other".to_owned(),
                    ..hello()
                },
                "the caller belongs to cluster \"other\"",
            ),
            (
                VERSIONS,
                Hello { to: 2, ..hello() },
                "looks for replica 2, this is 0",
            ),
            (
                VERSIONS,
                Hello { from: 0, ..hello() },
                "says that it is replica 0",
            ),
            (
                VERSIONS,
                Hello { from: 3, ..hello() },
                "says that it is replica 3",
            ),
        ] {
            let (caller, called) = meet(versions, hello).await;
            let caller = caller.expect_err("refused").to_string();
            let called = called.expect_err("refused").to_string();
            assert!(
                caller.starts_with("the peer refuses: ") && caller.contains(words),
                "{caller}"
            );
            assert!(
                called.starts_with("refused: ") && called.contains(words),
                "{called}"
            );
        }
    }

    async fn hear(bytes: &[u8]) -> HandshakeError {
        let (mut caller, mut called) = tokio::io::duplex(4096);
        caller.write_all(bytes).await.expect("room");
        caller.shutdown().await.expect("closed");
        answer(&mut called, &local(0))
            .await
            .expect_err("no handshake")
    }

    #[tokio::test]
    async fn strangers_and_damage_are_refused() {
        let http = hear(b"GET / HTTP/1.1\r\n\r\n").await;
        assert!(
            http.to_string().contains("does not speak quorate"),
            "{http}"
        );
        assert!(matches!(hear(b"QUO").await, HandshakeError::Io(_)));
        let mut long = MAGIC.to_vec();
        long.extend_from_slice(&[1, 0, 1, 0, 0xff, 0xff]);
        assert!(matches!(hear(&long).await, HandshakeError::Damaged));
        let mut sum = MAGIC.to_vec();
        sum.extend_from_slice(&[1, 0, 1, 0, 0, 0, 1, 2, 3, 4]);
        assert!(matches!(hear(&sum).await, HandshakeError::Damaged));
    }
}
