//! The handshake: who calls whom, for what, in which version.
//!
//! The caller speaks first. The prefix up to the versions, and the whole answer, are the same in
//! every version to come, so that each side can always tell the other *in words* why not.
//!
//! ```text
//! caller:  8  magic, "QUORATE\n"
//!          2  lowest version that the caller speaks; little-endian, as all numbers
//!          2  highest
//!          2  n, at most 1,024
//!          n  an `Intent` in postcard (of the highest version)
//!          4  CRC-32C of all the above
//! answer:  8  magic
//!          2  the version to speak, or 0: refused
//!          2  the reason of a refusal, see `Reason`; 0 otherwise
//!          2  n, at most 1,024
//!          n  UTF-8: why refused; empty otherwise
//!          4  CRC-32C of all the above
//! ```
//!
//! After the answer a peer sends frames; to an offer, the called sends one frame with its
//! `forming::FormingAnswer` and closes.

use crate::forming::machine::Offer;
use crate::joining::claim::JoinRequest;
use quorate_core::NodeId;
use serde::{Deserialize, Serialize};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The lowest and the highest version of the protocol between peers that we speak.
pub const VERSIONS: (u16, u16) = (2, 2);

/// How both sides begin. Ends in a line feed, which HTTP and its like read as the end of a bad line.
pub const MAGIC: &[u8; 8] = b"QUORATE\n";

const MAX_BODY: usize = 1024;

/// What a caller wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Intent {
    /// To send a peer's messages.
    Peer(Hello),
    /// To found a cluster together, or to learn that there is one.
    Form(Offer),
    /// To become a member that was added.
    Join(Box<JoinRequest>),
}

/// What a member says of itself to a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The cluster's id.
    pub cluster_id: u64,
    /// The cluster's name, for people.
    pub cluster: String,
    /// The caller's number.
    pub from: NodeId,
    /// The caller's member id.
    pub from_id: u64,
    /// Whom the caller means to reach.
    pub to: NodeId,
    /// That one's member id.
    pub to_id: u64,
    /// The digest of the caller's contract.
    pub contract: u64,
    /// Where the caller is reached by its peers, as `HOST:PORT`: for a member that is behind, and
    /// does not know the caller yet, to answer it.
    pub address: String,
}

/// Why a caller is refused, as far as it matters to what the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectReason {
    /// The words say it, or it is one that a later version knows.
    Other,
    /// There is no version in common.
    Version,
    /// The called belongs to another cluster.
    OtherCluster,
    /// The called is another member than the one looked for.
    WrongAddress,
    /// The caller is not known as a member.
    NotAMember,
    /// The caller was a member and is none any more.
    Removed,
    /// The called does not belong to a cluster yet.
    NotFormed,
}

impl RejectReason {
    const ALL: [Self; 7] = [
        Self::Other,
        Self::Version,
        Self::OtherCluster,
        Self::WrongAddress,
        Self::NotAMember,
        Self::Removed,
        Self::NotFormed,
    ];

    fn code(self) -> u16 {
        let place = Self::ALL.iter().position(|reason| *reason == self);
        place.unwrap_or(0) as u16 + 1
    }

    fn of(code: u16) -> Self {
        let place = usize::from(code.wrapping_sub(1));
        Self::ALL.get(place).copied().unwrap_or(Self::Other)
    }
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
    #[error("the peer refuses: {why}")]
    RefusedByPeer {
        /// What it means for what comes next.
        reason: RejectReason,
        /// In words.
        why: String,
    },
}

/// Says to the called what we want, and waits until it agrees.
///
/// # Errors
/// If there is no agreement.
pub async fn call<S>(stream: &mut S, intent: &Intent) -> Result<(), HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    call_with(stream, VERSIONS, intent).await
}

pub(super) async fn call_with<S>(
    stream: &mut S,
    (low, high): (u16, u16),
    intent: &Intent,
) -> Result<(), HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let body = postcard::to_stdvec(intent).map_err(|_| HandshakeError::Damaged)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&low.to_le_bytes());
    bytes.extend_from_slice(&high.to_le_bytes());
    send(stream, bytes, &body).await?;

    let (head, body) = receive::<14, _>(stream).await?;
    let version = u16::from_le_bytes([head[8], head[9]]);
    match version {
        0 => Err(HandshakeError::RefusedByPeer {
            reason: RejectReason::of(u16::from_le_bytes([head[10], head[11]])),
            why: printable(&body),
        }),
        version if (low..=high).contains(&version) => Ok(()),
        version => Err(HandshakeError::Refused(format!(
            "the peer answered in protocol version {version}, which was not offered"
        ))),
    }
}

/// A caller that has said what it wants, and in which version it will be answered.
#[derive(Debug)]
pub struct HandshakeCall {
    /// What it wants.
    pub intent: Intent,
    version: u16,
}

/// Hears a caller out. To be answered with [`agree`] or [`refuse`].
///
/// # Errors
/// If it is no replica, or speaks in no version that we know; it has been told then.
pub async fn hear<S>(stream: &mut S) -> Result<HandshakeCall, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (head, body) = receive::<14, _>(stream).await?;
    let low = u16::from_le_bytes([head[8], head[9]]);
    let high = u16::from_le_bytes([head[10], head[11]]);
    if low > high || low > VERSIONS.1 || high < VERSIONS.0 {
        let (min, max) = VERSIONS;
        let why = format!(
            "the caller speaks versions {low} to {high} of the peer protocol, this replica {min} \
             to {max}; run versions of quorate that have one in common"
        );
        return Err(refuse(stream, RejectReason::Version, why).await);
    }
    match postcard::from_bytes(&body) {
        Ok(intent) => Ok(HandshakeCall {
            intent,
            version: high.min(VERSIONS.1),
        }),
        Err(error) => {
            let why = format!("the greeting can't be decoded: {error}");
            Err(refuse(stream, RejectReason::Other, why).await)
        }
    }
}

/// Agrees to what the caller wants.
///
/// # Errors
/// If the connection fails.
pub async fn agree<S>(stream: &mut S, call: &HandshakeCall) -> Result<(), HandshakeError>
where
    S: AsyncWrite + Unpin,
{
    answer(stream, call.version, 0, "").await
}

/// Refuses, and returns the error that says so.
pub async fn refuse<S>(stream: &mut S, reason: RejectReason, why: String) -> HandshakeError
where
    S: AsyncWrite + Unpin,
{
    match answer(stream, 0, reason.code(), &why).await {
        Ok(()) => HandshakeError::Refused(why),
        Err(error) => error,
    }
}

async fn answer<S>(
    stream: &mut S,
    version: u16,
    reason: u16,
    why: &str,
) -> Result<(), HandshakeError>
where
    S: AsyncWrite + Unpin,
{
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&reason.to_le_bytes());
    send(stream, bytes, why.as_bytes()).await
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
    use super::*;

    fn intent() -> Intent {
        Intent::Peer(Hello {
            cluster_id: 7,
            cluster: "test".to_owned(),
            from: NodeId(1),
            from_id: 101,
            to: NodeId(0),
            to_id: 100,
            contract: 3,
            address: "127.0.0.1:1".to_owned(),
        })
    }

    async fn meet(
        versions: (u16, u16),
        refusal: Option<(RejectReason, &str)>,
    ) -> (Result<(), HandshakeError>, Result<Intent, HandshakeError>) {
        let (mut caller, mut called) = tokio::io::duplex(4096);
        let intent = intent();
        tokio::join!(call_with(&mut caller, versions, &intent), async {
            let call = hear(&mut called).await?;
            if let Some((reason, why)) = refusal {
                return Err(refuse(&mut called, reason, why.to_owned()).await);
            }
            agree(&mut called, &call).await?;
            Ok(call.intent)
        })
    }

    #[tokio::test]
    async fn two_replicas_agree_and_the_called_knows_what_is_wanted() {
        // A later version that still speaks ours.
        for versions in [VERSIONS, (1, 9)] {
            let (caller, called) = meet(versions, None).await;
            caller.expect("agreed");
            assert_eq!(called.expect("agreed"), intent());
        }
    }

    /// The version that was negotiated was computed and thrown away.
    #[tokio::test]
    async fn the_answer_names_the_highest_version_that_both_speak() {
        let (min, max) = VERSIONS;
        for versions in [VERSIONS, (1, max), (1, 9), (max, 9)] {
            let (mut caller, mut called) = tokio::io::duplex(4096);
            let answering = async {
                let call = hear(&mut called).await.expect("heard");
                assert_eq!(call.version, max, "{versions:?}");
                agree(&mut called, &call).await.expect("answered");
            };
            let intent = intent();
            let (agreed, ()) = tokio::join!(call_with(&mut caller, versions, &intent), answering);
            agreed.expect("agreed");
        }
        // An answer in a version that was not offered is not taken for agreement.
        for (versions, answered) in [((min, max), max + 1), ((min, max), min - 1), ((5, 9), 4)] {
            let (mut caller, mut called) = tokio::io::duplex(4096);
            let answering = async {
                receive::<14, _>(&mut called).await.expect("heard");
                answer(&mut called, answered, 0, "")
                    .await
                    .expect("answered");
            };
            let intent = intent();
            let (refused, ()) = tokio::join!(call_with(&mut caller, versions, &intent), answering);
            let refused = refused.expect_err("not offered").to_string();
            assert!(refused.contains("which was not offered"), "{refused}");
        }
    }

    #[tokio::test]
    async fn both_sides_learn_in_words_why_not() {
        let mut cases = vec![
            (
                (3, 9),
                None,
                RejectReason::Version,
                "the caller speaks versions 3 to 9 of the peer",
            ),
            (
                (1, 1),
                None,
                RejectReason::Version,
                "the caller speaks versions 1 to 1",
            ),
            (
                (5, 1),
                None,
                RejectReason::Version,
                "the caller speaks versions 5 to 1",
            ),
        ];
        for reason in RejectReason::ALL {
            cases.push((VERSIONS, Some((reason, "go away")), reason, "go away"));
        }
        for (versions, refusal, expected, words) in cases {
            let (caller, called) = meet(versions, refusal).await;
            match caller.expect_err("refused") {
                HandshakeError::RefusedByPeer { reason, why } => {
                    assert_eq!(reason, expected);
                    assert!(why.contains(words), "{why}");
                }
                other => panic!("{other}"),
            }
            let called = called.expect_err("refused").to_string();
            assert!(
                called.starts_with("refused: ") && called.contains(words),
                "{called}"
            );
        }
        assert_eq!(RejectReason::of(0), RejectReason::Other);
        assert_eq!(RejectReason::of(999), RejectReason::Other);
    }

    async fn hear_bytes(bytes: &[u8]) -> HandshakeError {
        let (mut caller, mut called) = tokio::io::duplex(4096);
        caller.write_all(bytes).await.expect("room");
        caller.shutdown().await.expect("closed");
        hear(&mut called).await.expect_err("no handshake")
    }

    #[tokio::test]
    async fn strangers_and_damage_are_refused() {
        let http = hear_bytes(b"GET / HTTP/1.1\r\n\r\n").await;
        assert!(
            http.to_string().contains("does not speak quorate"),
            "{http}"
        );
        assert!(matches!(hear_bytes(b"QUO").await, HandshakeError::Io(_)));
        let mut long = MAGIC.to_vec();
        long.extend_from_slice(&[1, 0, 1, 0, 0xff, 0xff]);
        assert!(matches!(hear_bytes(&long).await, HandshakeError::Damaged));
        let mut sum = MAGIC.to_vec();
        sum.extend_from_slice(&[1, 0, 1, 0, 0, 0, 1, 2, 3, 4]);
        assert!(matches!(hear_bytes(&sum).await, HandshakeError::Damaged));
    }
}
