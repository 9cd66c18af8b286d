//! Clients of etcd that name the server in a way that HTTP forbids.
//!
//! etcdctl 3.4 asks for `endpoint status` with an `:authority` of `http://host:port`, and clients of
//! version 3.5 before 3.5.10 may use `#initially=[…]` (etcd-io/etcd#13192). Go's server takes any
//! text there; the HTTP/2 library here refuses the request before anybody can look at it. Nothing of
//! ours reads `:authority`, so it is replaced on its way in, by as many letters: lengths, and with
//! them the framing and the order of the header tables, stay as they are (RFC 7541, 2.3).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What every HTTP/2 client says before its first frame.
const PREFACE: usize = 24;
const FRAME_HEADER: usize = 9;
/// The largest frame that we allow by our settings; longer ones are left for HTTP/2 to refuse.
const MAX_FRAME: usize = 16 << 10;
const READ: usize = 16 << 10;

const HEADERS: u8 = 1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// The index of `:authority` in the table that every connection begins with (RFC 7541, A).
const AUTHORITY: usize = 1;

/// A connection on which every `:authority` that comes in is one that HTTP allows. Holds back a
/// frame of headers until it is complete, and nothing else: at most [`MAX_FRAME`].
pub(super) struct HeaderFilter<S> {
    inner: S,
    /// What was read. The first `ready` bytes were looked at and may be handed on.
    arrived: BytesMut,
    ready: usize,
    /// Bytes to come that are not looked at: the rest of a frame.
    skip: usize,
}

impl<S> HeaderFilter<S> {
    /// Before the client's preface.
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            arrived: BytesMut::new(),
            ready: 0,
            skip: PREFACE,
        }
    }

    /// Looks at what has arrived.
    fn look(&mut self) {
        loop {
            let rest = &mut self.arrived[self.ready..];
            let skipped = self.skip.min(rest.len());
            if skipped > 0 {
                self.skip -= skipped;
                self.ready += skipped;
                continue;
            }
            let Some(header) = rest.first_chunk::<FRAME_HEADER>() else {
                return;
            };
            let &[a, b, c, kind, flags, ..] = header;
            let len = u32::from_be_bytes([0, a, b, c]) as usize;
            if kind != HEADERS || flags & END_HEADERS == 0 || len > MAX_FRAME {
                // Headers that go on in another frame are too rare for all that it would take.
                self.ready += FRAME_HEADER;
                self.skip = len;
            } else if let Some(payload) = rest.get_mut(FRAME_HEADER..FRAME_HEADER + len) {
                if let Some(block) = block(payload, flags) {
                    mend(block);
                }
                self.ready += FRAME_HEADER + len;
            } else {
                return;
            }
        }
    }
}

/// The headers in the payload of their frame (RFC 9113, 6.2).
fn block(payload: &mut [u8], flags: u8) -> Option<&mut [u8]> {
    let mut start = 0;
    let mut end = payload.len();
    if flags & PADDED != 0 {
        end = end.checked_sub(usize::from(*payload.first()?))?;
        start += 1;
    }
    if flags & PRIORITY != 0 {
        start += 5;
    }
    payload.get_mut(start..end)
}

/// Replaces the value of every `:authority` that is spelled out. What is no header block is left as
/// it is, from the place on where that shows.
fn mend(block: &mut [u8]) -> Option<()> {
    let mut at = 0;
    while at < block.len() {
        let first = block[at];
        // RFC 7541, 6: by the leading bits, how a field is represented.
        let (prefix, literal) = match first.leading_zeros() {
            0 => (7, false),
            1 => (6, true),
            2 => (5, false),
            _ => (4, true),
        };
        let name = integer(block, &mut at, prefix)?;
        if !literal {
            continue;
        }
        if name == 0 {
            string(block, &mut at)?;
        }
        let marker = at;
        let value = string(block, &mut at)?;
        if name == AUTHORITY && !is_allowed(block[marker], &block[value.clone()]) {
            block[marker] &= !HUFFMAN;
            block[value].fill(b'a');
        }
    }
    Some(())
}

/// Says that a string is compressed.
const HUFFMAN: u8 = 0x80;

/// Is it an authority that HTTP takes? Not decided for one that is compressed.
fn is_allowed(marker: u8, value: &[u8]) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b".-_~:[]".contains(b);
    marker & HUFFMAN == 0 && value.iter().all(allowed)
}

/// Reads a string's place (RFC 7541, 5.2).
fn string(block: &[u8], at: &mut usize) -> Option<std::ops::Range<usize>> {
    let len = integer(block, at, 7)?;
    let range = *at..at.checked_add(len)?;
    block.get(range.clone())?;
    *at = range.end;
    Some(range)
}

/// Reads an integer whose first byte has this many bits of it (RFC 7541, 5.1).
fn integer(block: &[u8], at: &mut usize, prefix: u32) -> Option<usize> {
    let mask = (1 << prefix) - 1;
    let mut value = usize::from(*block.get(*at)?) & mask;
    *at += 1;
    if value < mask {
        return Some(value);
    }
    for shift in [0, 7, 14] {
        let byte = *block.get(*at)?;
        *at += 1;
        value += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

impl<S: AsyncRead + Unpin> AsyncRead for HeaderFilter<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.ready == 0 {
            this.arrived.reserve(READ);
            let read =
                tokio_util::io::poll_read_buf(Pin::new(&mut this.inner), cx, &mut this.arrived);
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(0)) => {
                    // The end: what is left is no whole frame, and for HTTP/2 to judge.
                    this.ready = this.arrived.len();
                    break;
                }
                Poll::Ready(Ok(_)) => this.look(),
            }
        }
        let n = this.ready.min(buf.remaining());
        buf.put_slice(&this.arrived[..n]);
        this.arrived.advance(n);
        this.ready -= n;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeaderFilter<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    /// The blocks of RFC 7541, C.3.1 and C.4.1: the same request, plain and compressed.
    const PLAIN: &[u8] = b"\x82\x86\x84\x41\x0fwww.example.com";
    const COMPRESSED: &[u8] =
        b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";

    fn mended(block: &[u8]) -> Vec<u8> {
        let mut block = block.to_vec();
        mend(&mut block);
        block
    }

    #[test]
    fn an_authority_is_replaced_by_as_many_letters_unless_it_is_seen_to_be_good() {
        assert_eq!(mended(PLAIN), PLAIN);
        assert_eq!(mended(COMPRESSED), b"\x82\x86\x84\x41\x0caaaaaaaaaaaa");
        assert_eq!(mended(b"\x41\x08http://a\x82"), b"\x41\x08aaaaaaaa\x82");
        // Under any literal representation, behind a size update and behind a name spelled out.
        assert_eq!(mended(b"\x3f\x21\x01\x02#="), b"\x3f\x21\x01\x02aa");
        assert_eq!(
            mended(b"\x00\x01x\x01#\x11\x02#="),
            b"\x00\x01x\x01#\x11\x02aa"
        );
        // Other fields stay as they are.
        assert_eq!(
            mended(b"\x44\x02#=\x0f\x10\x02#="),
            b"\x44\x02#=\x0f\x10\x02#="
        );
    }

    #[test]
    fn what_is_no_header_block_is_survived() {
        for len in 0..COMPRESSED.len() {
            mended(&COMPRESSED[..len]);
        }
        for first in 0..=255 {
            mended(&[first, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
            mended(&[0x41, first]);
            mended(&[0x41, 0x7f, first, 1]);
        }
        assert!(block(&mut [200, 1, 2], PADDED).is_none());
        assert!(block(&mut [1, 2], PADDED | PRIORITY).is_none());
        assert_eq!(block(&mut [1, 7, 8, 9], PADDED), Some(&mut [7, 8][..]));
    }

    #[tokio::test]
    async fn the_stream_is_otherwise_untouched_however_it_is_cut() {
        let frame = |kind: u8, flags: u8, payload: &[u8]| {
            let len = (payload.len() as u32).to_be_bytes();
            [&len[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
        };
        let stream = |authority: &[u8]| {
            [
                &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
                &frame(4, 0, &[]),
                &frame(HEADERS, END_HEADERS, &[b"\x82\x41\x08", authority].concat()),
                &frame(0, 0, &[b'd'; 20_000]),
                // Not complete within its frame, hence left alone.
                &frame(HEADERS, 0, b"\x41\x01#"),
                &frame(HEADERS, END_HEADERS, &[b"\x41\x08", authority].concat()),
                &frame(0, 0, b"data")[..7],
            ]
            .concat()
        };
        for size in [1, 3, 10, 1000, 100_000] {
            let mut inner = pieces(&stream(b"http://a"), size);
            let mut out = vec![];
            HeaderFilter::new(&mut inner)
                .read_to_end(&mut out)
                .await
                .expect("read");
            assert!(out == stream(b"aaaaaaaa"), "in pieces of {size}");
        }
    }

    /// A stream that yields its bytes in pieces.
    fn pieces(bytes: &[u8], size: usize) -> Pieces {
        Pieces(bytes.chunks(size).map(<[u8]>::to_vec).collect())
    }

    struct Pieces(std::collections::VecDeque<Vec<u8>>);

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if let Some(mut piece) = self.0.pop_front() {
                let n = piece.len().min(buf.remaining());
                buf.put_slice(&piece[..n]);
                if n < piece.len() {
                    self.0.push_front(piece.split_off(n));
                }
            }
            Poll::Ready(Ok(()))
        }
    }
}
