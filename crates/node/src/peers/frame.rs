//! Frames: how a message lies in the stream.
//!
//! ```text
//! offset  bytes
//!      0  4      n, the length of kind and body, 1..=max_frame; little-endian
//!      4  4      CRC-32C of everything else in the frame; little-endian
//!      8  1      kind: 0 message, 1 ping, 2 pong
//!      9  n - 1  body: a message in postcard; for ping and pong 8 bytes, echoed as they came
//! ```

use bytes::{Buf, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

const HEADER: usize = 8;
const MESSAGE: u8 = 0;
const PING: u8 = 1;
const PONG: u8 = 2;

/// What a frame holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<M> {
    /// A message.
    Message(M),
    /// Echo this.
    Ping(u64),
    /// The echo.
    Pong(u64),
}

/// Why the stream can't be read any further.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The length is zero, or over the limit.
    #[error("a frame of {len} bytes; the limit is {limit}")]
    Length {
        /// As announced.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// The checksum is wrong.
    #[error("a frame with a wrong checksum")]
    Checksum,
    /// The kind is not known.
    #[error("a frame of unknown kind {0}")]
    Kind(u8),
    /// The body does not decode.
    #[error("a message that can't be decoded ({0})")]
    Message(#[from] postcard::Error),
    /// A ping or pong does not have 8 bytes.
    #[error("a ping of {0} bytes")]
    Ping(usize),
    /// The connection ended inside a frame.
    #[error("the connection ended inside a frame")]
    Truncated,
}

/// Appends a message to the stream. Returns whether it fits in a frame; otherwise the stream is as
/// it was.
///
/// # Errors
/// If the message can't be serialized.
pub fn put<M: Serialize>(
    message: &M,
    max_frame: usize,
    stream: &mut Vec<u8>,
) -> Result<bool, postcard::Error> {
    let start = begin(MESSAGE, stream);
    let whole = postcard::to_extend(message, std::mem::take(stream))?;
    *stream = whole;
    let fits = stream.len() - start - HEADER <= max_frame;
    if fits {
        end(start, stream);
    } else {
        stream.truncate(start);
    }
    Ok(fits)
}

/// Appends a ping.
pub fn put_ping(nanos: u64, stream: &mut Vec<u8>) {
    put_echo(PING, nanos, stream);
}

/// Appends the answer to a ping.
pub fn put_pong(nanos: u64, stream: &mut Vec<u8>) {
    put_echo(PONG, nanos, stream);
}

fn put_echo(kind: u8, nanos: u64, stream: &mut Vec<u8>) {
    let start = begin(kind, stream);
    stream.extend_from_slice(&nanos.to_le_bytes());
    end(start, stream);
}

fn begin(kind: u8, stream: &mut Vec<u8>) -> usize {
    let start = stream.len();
    stream.extend_from_slice(&[0; HEADER]);
    stream.push(kind);
    start
}

fn end(start: usize, stream: &mut [u8]) {
    let len = (stream.len() - start - HEADER) as u32;
    stream[start..start + 4].copy_from_slice(&len.to_le_bytes());
    let sum = checksum(&stream[start..]);
    stream[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
}

fn checksum(frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[HEADER..])
}

/// Takes the first frame from what has arrived. `None` if it is not complete; `arrived` then has
/// room for the rest of it, which the limit bounds.
///
/// # Errors
/// If it is no frame: the stream is of no use any more.
pub fn take<M: DeserializeOwned>(
    arrived: &mut BytesMut,
    max_frame: usize,
) -> Result<Option<Frame<M>>, FrameError> {
    let Some((len, rest)) = arrived.split_first_chunk() else {
        return Ok(None);
    };
    let len = u32::from_le_bytes(*len) as usize;
    if len == 0 || len > max_frame {
        return Err(FrameError::Length {
            len,
            limit: max_frame,
        });
    }
    let whole = HEADER + len;
    if rest.len() + 4 < whole {
        arrived.reserve(whole - arrived.len());
        return Ok(None);
    }
    let frame = &arrived[..whole];
    if frame[4..HEADER] != checksum(frame).to_le_bytes() {
        return Err(FrameError::Checksum);
    }
    let body = &frame[HEADER + 1..];
    let content = match frame[HEADER] {
        MESSAGE => match postcard::take_from_bytes(body)? {
            (message, []) => Frame::Message(message),
            _ => return Err(postcard::Error::DeserializeBadEncoding.into()),
        },
        kind @ (PING | PONG) => {
            let nanos = body.try_into().map_err(|_| FrameError::Ping(body.len()))?;
            let nanos = u64::from_le_bytes(nanos);
            if kind == PING {
                Frame::Ping(nanos)
            } else {
                Frame::Pong(nanos)
            }
        }
        kind => return Err(FrameError::Kind(kind)),
    };
    arrived.advance(whole);
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use super::super::tests::Note;
    use super::*;
    use proptest::prelude::*;

    const MAX: usize = 1000;

    fn stream(notes: &[Note]) -> Vec<u8> {
        let mut stream = vec![];
        for note in notes {
            assert!(put(note, MAX, &mut stream).expect("encodes"));
        }
        put_ping(7, &mut stream);
        put_pong(u64::MAX, &mut stream);
        stream
    }

    fn read(chunks: &[&[u8]]) -> Result<Vec<Frame<Note>>, FrameError> {
        let mut arrived = BytesMut::new();
        let mut frames = vec![];
        for chunk in chunks {
            arrived.extend_from_slice(chunk);
            while let Some(frame) = take(&mut arrived, MAX)? {
                frames.push(frame);
            }
            assert!(
                arrived.capacity() <= 64 * MAX,
                "memory is bounded by what came and the limit"
            );
        }
        if arrived.is_empty() {
            Ok(frames)
        } else {
            Err(FrameError::Truncated)
        }
    }

    fn notes() -> Vec<Note> {
        (0..20).map(|n| Note::new(n % 3 == 0, n * 37)).collect()
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_the_stream_is_cut() {
        let stream = stream(&notes());
        for size in [1, 2, 7, 8, 9, 100, 4096] {
            let chunks: Vec<_> = stream.chunks(size).collect();
            let frames = read(&chunks).expect("good frames");
            let mut expected: Vec<_> = notes().into_iter().map(Frame::Message).collect();
            expected.extend([Frame::Ping(7), Frame::Pong(u64::MAX)]);
            assert_eq!(frames, expected);
        }
    }

    #[test]
    fn every_changed_bit_is_found() {
        let good = stream(&[Note::new(true, 40)]);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(
                read(&[&bad]).is_err(),
                "bit {bit} was changed and nobody noticed"
            );
        }
    }

    #[test]
    fn oversized_frames_are_neither_written_nor_read() {
        let mut stream = vec![1, 2, 3];
        assert!(!put(&Note::new(true, MAX), MAX, &mut stream).expect("encodes"));
        assert_eq!(stream, [1, 2, 3]);
        for len in [0, MAX as u32 + 1, u32::MAX] {
            let mut arrived = BytesMut::from(&len.to_le_bytes()[..]);
            let error = take::<Note>(&mut arrived, MAX).expect_err("refused before the rest comes");
            assert!(matches!(error, FrameError::Length { .. }), "{error}");
        }
    }

    #[test]
    fn what_follows_a_message_inside_its_frame_is_refused() {
        let mut stream = vec![];
        let start = begin(MESSAGE, &mut stream);
        stream = postcard::to_extend(&Note::new(false, 3), stream).expect("encodes");
        stream.push(0);
        end(start, &mut stream);
        let error = read(&[&stream]).expect_err("a byte too many");
        assert!(matches!(error, FrameError::Message(_)), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let _ = read(&[&bytes]);
        }

        #[test]
        fn any_body_with_a_good_checksum_is_survived(body in prop::collection::vec(any::<u8>(), 1..MAX)) {
            let mut frame = vec![0; HEADER];
            frame.extend_from_slice(&body);
            end(0, &mut frame);
            let _ = read(&[&frame]);
        }
    }
}
