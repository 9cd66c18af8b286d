//! A founder's offer and its answer over a connection.

use super::frame::{self, Frame};
use super::handshake::{self, Call, HandshakeError, Intent};
use super::{CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT};
use crate::forming::{Answer, Offer};
use bytes::BytesMut;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The largest answer, in bytes: two rosters of as many members as may be.
const MAX_ANSWER: usize = 256 << 10;

/// Offers a founder to the member at `address`, and returns what that one answers.
///
/// # Errors
/// If it can't be reached, or does not speak our protocol.
pub(crate) async fn offer(address: &str, offer: &Offer) -> Result<Answer, HandshakeError> {
    let connect = timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
    let mut stream = connect.await.map_err(|_| HandshakeError::TimedOut)??;
    stream.set_nodelay(true)?;
    timeout(HANDSHAKE_TIMEOUT, offer_over(&mut stream, offer))
        .await
        .map_err(|_| HandshakeError::TimedOut)?
}

pub(super) async fn offer_over<S>(stream: &mut S, offer: &Offer) -> Result<Answer, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    handshake::call(stream, &Intent::Form(offer.clone())).await?;
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

/// Answers a founder that has offered itself.
///
/// # Errors
/// If the connection fails.
pub(crate) async fn answer<S>(
    stream: &mut S,
    call: &Call,
    answer: &Answer,
) -> Result<(), HandshakeError>
where
    S: AsyncWrite + Unpin,
{
    handshake::agree(stream, call).await?;
    let mut bytes = vec![];
    if !matches!(frame::put(answer, MAX_ANSWER, &mut bytes), Ok(true)) {
        return Err(HandshakeError::Damaged);
    }
    stream.write_all(&bytes).await?;
    Ok(stream.flush().await?)
}
