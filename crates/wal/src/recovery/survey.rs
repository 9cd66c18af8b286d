//! The first look at a directory: which segments are there, whose are they, is one missing.

use super::tail::is_zero;
use super::{Found, Phase, Recovery};
use crate::error::Error;
use crate::format::{
    SEGMENT_HEADER, SegmentHeader, SegmentStart, VERSION, parse_segment_name, segment_name,
};
use crate::ids::{Lsn, SegmentNo};
use crate::span::Span;
use crate::storage::{FileId, Storage};
use crate::window::read_full;

impl<S: Storage> Recovery<S> {
    /// Finds the segments and reads their headers.
    pub(super) fn survey(&mut self) -> Result<(), Error> {
        let names = self
            .storage
            .list()
            .map_err(|e| Error::from_io("listing", "the directory", e))?;
        let mut numbers: Vec<_> = names.iter().filter_map(|n| parse_segment_name(n)).collect();
        numbers.sort_unstable();
        let span = self.check_span(&names, &mut numbers)?;
        for (at, &segment) in numbers.iter().enumerate() {
            let is_last = at + 1 == numbers.len();
            // The first one has held records for as long as it is the first, but for the very first.
            let is_in_use = at == 0 && (segment != SegmentNo(1) || self.config.must_exist);
            self.survey_segment(segment, is_last && !is_in_use)?;
        }
        let is_counted = |segment| span.is_some_and(|span: Span| segment <= span.last);
        if let Some(found) = self.segments.last()
            && !is_counted(found.header.segment)
        {
            // Its header is written after the span that counts it.
            return Err(Error::MissingSpan);
        }
        self.is_unborn_counted = self.unborn.is_some_and(is_counted);
        self.span = span;
        self.progress.total = self.segments.iter().map(|found| found.len).sum();
        match self.segments.first() {
            None => self.phase = Phase::Done,
            Some(found) => {
                self.last = Lsn(found.header.first.0 - 1);
                self.chain = found.header.chain;
                self.phase = Phase::Reading;
                self.open_current()?;
            }
        }
        Ok(())
    }

    /// Compares the segments that are there with those that the log has, and passes over those that
    /// it has no more.
    fn check_span(
        &mut self,
        names: &[String],
        numbers: &mut Vec<SegmentNo>,
    ) -> Result<Option<Span>, Error> {
        self.spans = names
            .iter()
            .filter(|n| Span::parse(n).is_some())
            .cloned()
            .collect();
        let Some(span) = Span::among(names) else {
            return match numbers[..] {
                [] if self.config.must_exist => Err(Error::MissingLog),
                // The first segment is made before the first span is.
                [] => Ok(None),
                [SegmentNo(1)] if !self.config.must_exist => Ok(None),
                _ => Err(Error::MissingSpan),
            };
        };
        let kept = numbers.partition_point(|&segment| segment < span.first);
        self.superseded = numbers.drain(..kept).collect();
        // One more than the last is a segment whose making a crash has cut short.
        let mut expected = span.first;
        for &segment in numbers.iter() {
            if segment != expected {
                break;
            }
            expected = SegmentNo(expected.0 + 1);
        }
        let is_whole = numbers.last().map(|last| last.0 + 1) == Some(expected.0);
        if expected <= span.last || !is_whole {
            return Err(Error::MissingSegment {
                missing: expected,
                file: segment_name(expected),
                first: span.first,
                last: span.last,
            });
        }
        Ok(Some(span))
    }

    fn survey_segment(&mut self, segment: SegmentNo, may_be_unborn: bool) -> Result<(), Error> {
        let name = segment_name(segment);
        let corrupt = |why: String| Error::Corrupt {
            file: name.clone(),
            offset: 0,
            lsn: None,
            why,
        };
        let read = |e| Error::from_io("read", &name, e);
        let file = self.open(&name)?;
        let len = self.storage.len(file).map_err(read)?;
        let mut bytes = [0; SEGMENT_HEADER];
        let got = read_full(&self.storage, file, 0, &mut bytes).map_err(read)?;
        let result = match SegmentHeader::decode(&bytes[..got]) {
            SegmentStart::Valid(header) if header.segment != segment => Err(corrupt(format!(
                "its header is that of segment {}, the file was renamed or copied",
                header.segment
            ))),
            SegmentStart::Valid(header) if header.identity != self.config.identity => {
                let expected = self.config.identity;
                Err(Error::Foreign {
                    file: name.clone(),
                    found: header.identity,
                    expected,
                })
            }
            SegmentStart::Valid(header) => {
                self.segments.push(Found { header, len });
                Ok(())
            }
            SegmentStart::Version(found) => Err(Error::UnsupportedVersion {
                file: name.clone(),
                found,
                supported: VERSION,
            }),
            // The header is durable before anything is put behind it (`begin_segment`).
            SegmentStart::Invalid if !may_be_unborn => Err(corrupt(
                "its header is not valid, and it was in use".to_owned(),
            )),
            SegmentStart::Invalid => {
                if self
                    .is_zero_from(file, len, SEGMENT_HEADER as u64)
                    .map_err(read)?
                {
                    self.unborn = Some(segment);
                    Ok(())
                } else {
                    Err(corrupt(
                        "its header is not valid, and there is data behind it".to_owned(),
                    ))
                }
            }
        };
        self.storage
            .close(file)
            .map_err(|e| Error::from_io("close", &name, e))?;
        result
    }

    fn is_zero_from(&mut self, file: FileId, len: u64, start: u64) -> std::io::Result<bool> {
        self.window.reset();
        let mut at = start;
        while at < len {
            let bytes = self.window.at(&self.storage, (file, len), at, 1)?;
            if bytes.is_empty() {
                break;
            }
            if !is_zero(bytes) {
                return Ok(false);
            }
            at += bytes.len() as u64;
        }
        Ok(true)
    }
}
