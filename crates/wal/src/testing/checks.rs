//! Bytes that pass the checks although no log wrote them.

use crate::format::{BATCH_HEADER, BatchHeader, SEGMENT_HEADER, SegmentHeader, salt};
use crate::ids::{Identity, SegmentNo};

/// Makes every check in a segment fit the bytes it covers: of the segment header, and of the batches
/// wherever the magic of one stands at a multiple of 512. So a test or a fuzzer gets behind the
/// checks, to where lengths and numbers must not be believed either.
pub fn fit_checks(segment: &mut [u8], number: SegmentNo, identity: Identity) {
    if let Some(header) = segment.first_chunk_mut::<SEGMENT_HEADER>() {
        SegmentHeader::fit_check(header);
    }
    let salt = salt(identity, number);
    for offset in (512..segment.len()).step_by(512) {
        let batch = &mut segment[offset..];
        if batch.len() >= BATCH_HEADER {
            BatchHeader::fit_checks(batch, (salt, offset as u64));
        }
    }
}
