//! One question over a connection of its own, and one answer: of a founder, and of one that joins.

use super::frame::{self, Frame};
use super::handshake::{self, HandshakeCall, HandshakeError, Intent};
use super::{CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT};
use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The largest answer, in bytes: two rosters of as many members as may be.
const MAX_ANSWER: usize = 256 << 10;
/// How long an answer may take: a claim goes through the log.
const ANSWER_TIMEOUT: Duration = HANDSHAKE_TIMEOUT.saturating_mul(2);

/// Asks the member at `address`, and returns its answer.
///
/// # Errors
/// If it can't be reached, or does not speak our protocol.
pub(crate) async fn ask<A: DeserializeOwned>(
    address: &str,
    intent: &Intent,
) -> Result<A, HandshakeError> {
    let connect = timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
    let mut stream = connect.await.map_err(|_| HandshakeError::TimedOut)??;
    stream.set_nodelay(true)?;
    timeout(ANSWER_TIMEOUT, ask_over(&mut stream, intent))
        .await
        .map_err(|_| HandshakeError::TimedOut)?
}

pub(super) async fn ask_over<S, A>(stream: &mut S, intent: &Intent) -> Result<A, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: DeserializeOwned,
{
    handshake::call(stream, intent).await?;
    let mut arrived = BytesMut::new();
    loop {
        match frame::take(&mut arrived, MAX_ANSWER) {
            Ok(Some(Frame::Message(answer))) => return Ok(answer),
            Ok(Some(_)) | Err(_) => return Err(HandshakeError::Damaged),
            Ok(None) => {}
        }
        if stream.read_buf(&mut arrived).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}

/// Answers a question.
///
/// # Errors
/// If the connection fails.
pub(crate) async fn answer<S, A>(
    stream: &mut S,
    call: &HandshakeCall,
    answer: &A,
) -> Result<(), HandshakeError>
where
    S: AsyncWrite + Unpin,
    A: Serialize,
{
    handshake::agree(stream, call).await?;
    let mut bytes = vec![];
    if !matches!(frame::put(answer, MAX_ANSWER, &mut bytes), Ok(true)) {
        return Err(HandshakeError::Damaged);
    }
    stream.write_all(&bytes).await?;
    Ok(stream.flush().await?)
}
