//! [`Span`]: which segments a log has, in the name of an empty file.
//!
//! A directory that has lost its newest segments looks like one that never had them, and one that
//! has lost its oldest looks like one that was compacted. So the first and the last segment are
//! written down beside them: `FIRST-LAST.live`, made and synced before the last segment holds any
//! record, and before the segments before the first are removed. A name is there or is not there, so
//! nothing can be torn.
//!
//! A new file comes before the old one goes, and the removal is not synced: several may be found
//! after a crash. Both numbers only grow, so the largest of each counts.

use crate::error::Error;
use crate::format::{COUNTER_LIMIT, segment_name};
use crate::ids::SegmentNo;
use crate::storage::Storage;

/// The segments that a log has, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: SegmentNo,
    pub(crate) last: SegmentNo,
}

impl Span {
    pub(crate) fn name(self) -> String {
        format!("{:016x}-{:016x}.live", self.first.0, self.last.0)
    }

    /// The span that a file name stands for; `None` if it is not a span's.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (first, last) = name.strip_suffix(".live")?.split_once('-')?;
        let number = |digits| u64::from_str_radix(digits, 16).ok().map(SegmentNo);
        let span = Self {
            first: number(first)?,
            last: number(last)?,
        };
        let sane = span.first.0 > 0 && span.first <= span.last && span.last.0 < COUNTER_LIMIT;
        // The round trip refuses signs, capitals and missing zeros.
        (sane && span.name() == name).then_some(span)
    }

    /// What the spans among these names say together; `None` if there is none.
    pub(crate) fn among(names: &[String]) -> Option<Self> {
        let spans = names.iter().filter_map(|name| Self::parse(name));
        spans.reduce(|a, b| Span {
            first: a.first.max(b.first),
            last: a.last.max(b.last),
        })
    }

    /// Makes this span the one that counts, durably.
    pub(crate) fn write<S: Storage>(self, storage: &mut S, old: Option<Self>) -> Result<(), Error> {
        if old == Some(self) {
            return Ok(());
        }
        let name = self.name();
        let file = storage
            .create(&name, 0)
            .map_err(|e| Error::from_io("creation", &name, e))?;
        storage
            .close(file)
            .map_err(|e| Error::from_io("close", &name, e))?;
        storage
            .sync_dir()
            .map_err(|e| Error::from_io("sync after creation", &name, e))?;
        match old {
            Some(old) => remove(storage, &old.name()),
            None => Ok(()),
        }
    }
}

/// Removes a file, without making that durable.
pub(crate) fn remove<S: Storage>(storage: &mut S, name: &str) -> Result<(), Error> {
    storage
        .remove(name)
        .map_err(|e| Error::from_io("removal", name, e))
}

/// Removes a segment, without making that durable.
pub(crate) fn remove_segment<S: Storage>(storage: &mut S, segment: SegmentNo) -> Result<(), Error> {
    remove(storage, &segment_name(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_its_name_and_the_largest_numbers_count() {
        let span = |first, last| Span {
            first: SegmentNo(first),
            last: SegmentNo(last),
        };
        let name = span(1, 31).name();
        assert_eq!(name, "0000000000000001-000000000000001f.live");
        assert_eq!(Span::parse(&name), Some(span(1, 31)));
        for name in [
            "0000000000000001-000000000000001F.live",
            "1-1f.live",
            "0000000000000002-0000000000000001.live",
            "0000000000000000-0000000000000001.live",
            "0000000000000001-4000000000000000.live",
            "0000000000000001-0000000000000001.liv",
        ] {
            assert_eq!(Span::parse(name), None, "{name}");
        }
        let names = [span(3, 7).name(), "x".to_owned(), span(4, 6).name()];
        assert_eq!(Span::among(&names), Some(span(4, 7)));
        assert_eq!(Span::among(&[]), None);
    }
}
