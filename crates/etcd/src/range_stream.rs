//! KV.RangeStream: a range in pieces, so that a large answer is never whole in
//! memory on either side.
//!
//! Every piece is a range of its own, read at the revision that the first one
//! saw, so that merging all pieces gives the answer of a single Range. Pairs are
//! in every piece; header, count and `more` only in the last, as in etcd 3.7.
//! If the revision is compacted meanwhile, the stream ends with that refusal.

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream;
use prost::Message as _;
use quorate_kv as kv;
use tonic::Status;
use tonic::codegen::BoxStream;

use crate::MAX_REQUEST_BYTES;
use crate::backend::{Backend, Consistency};
use crate::convert;
use crate::membership::RpcKind;
use crate::pb::etcdserverpb as pb;
use crate::service::KvService;

/// Pairs in the first piece.
const FIRST_LIMIT: i64 = 10;
/// The size that pieces grow or shrink towards, in encoded bytes.
const TARGET_BYTES: usize = MAX_REQUEST_BYTES;

/// Reads the first piece, so that a refusal is the call's own answer, and gives
/// the stream of all pieces. Later ones are read as the client takes them.
pub(crate) async fn start<B: Backend>(
    face: &KvService<B>,
    r: pb::RangeRequest,
) -> Result<BoxStream<pb::RangeStreamResponse>, Status> {
    // etcd's learners answer no stream, not even a serializable one.
    face.admit(RpcKind::Other)?;
    let consistency = Consistency::of(r.serializable);
    let request = convert::range(r)?;
    if request.sort_order != kv::SortOrder::None
        && (request.sort_order, request.sort_target) != (kv::SortOrder::Ascend, kv::SortTarget::Key)
    {
        return Err(Status::unimplemented(
            "RangeStream does not support custom sort orders",
        ));
    }
    let filters = [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    if filters != [0; 4] {
        return Err(Status::unimplemented(
            "RangeStream does not support revision filters",
        ));
    }

    let mut pieces = Pieces::new(face.clone(), request);
    let first = pieces.next(consistency).await?;
    let stream = stream::unfold((Some(first), pieces), |(ready, mut pieces)| async move {
        let piece = match ready {
            Some(piece) => Ok(piece),
            None if pieces.done => return None,
            // This replica has seen the revision already: no need to ask others.
            None => pieces.next(Consistency::Serializable).await,
        };
        pieces.done |= piece.is_err();
        Some((piece, (None, pieces)))
    });
    Ok(Box::pin(stream))
}

/// A range being read piece by piece.
struct Pieces<B> {
    face: KvService<B>,
    /// What is still to be read; its limit is the next piece's.
    request: kv::RangeRequest,
    /// Pairs the client still allows.
    left: i64,
    /// Pairs given so far.
    given: i64,
    /// The revision of the header: the store's when the stream began.
    revision: Option<i64>,
    done: bool,
}

impl<B: Backend> Pieces<B> {
    fn new(face: KvService<B>, request: kv::RangeRequest) -> Self {
        let left = if request.limit > 0 {
            request.limit
        } else {
            i64::MAX
        };
        let limit = if request.count_only {
            0
        } else {
            FIRST_LIMIT.min(left)
        };
        let request = kv::RangeRequest { limit, ..request };
        Self {
            face,
            request,
            left,
            given: 0,
            revision: None,
            done: false,
        }
    }

    async fn next(&mut self, consistency: Consistency) -> Result<pb::RangeStreamResponse, Status> {
        let range = self
            .face
            .backend
            .range(self.request.clone(), consistency)
            .await;
        let piece = range.inspect_err(|refusal| self.face.counters.reject(*refusal))?;
        let revision = *self.revision.get_or_insert(piece.revision);
        if self.request.revision <= 0 {
            self.request.revision = revision;
        }
        // Of this piece's range, which is all that was not given before it.
        let (more, count) = (piece.more, piece.count);
        let before = self.given;
        let pairs = piece.kvs.len() as i64;
        self.given += pairs;
        self.left -= pairs;
        self.done = !more || self.left <= 0;

        let mut response = convert::range_response(piece, None);
        if self.done {
            response.header = convert::header(self.face.backend.identity(), revision);
            response.count = before + count;
        } else {
            (response.more, response.count) = (false, 0);
            let size = response.encoded_len();
            self.advance(response.kvs.last().map(|kv| &kv.key), size);
        }
        Ok(pb::RangeStreamResponse {
            range_response: Some(response),
        })
    }

    /// Moves on to just behind `last`, with a limit that brings the next piece
    /// nearer to the target size.
    fn advance(&mut self, last: Option<&Bytes>, size: usize) {
        if let Some(last) = last {
            let mut key = BytesMut::with_capacity(last.len() + 1);
            key.put_slice(last);
            key.put_u8(0);
            self.request.key = key.freeze();
        }
        let limit = self.request.limit;
        let limit = match size {
            small if small < TARGET_BYTES / 2 => limit.saturating_mul(2),
            large if large > TARGET_BYTES * 2 => limit / 2,
            _ => limit,
        };
        self.request.limit = limit.clamp(1, self.left);
    }
}
