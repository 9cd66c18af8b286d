//! The first look at a directory: which segments are there, whose are they, is one missing.

use super::tail::is_zero;
use super::{Found, Phase, Recovery};
use crate::format::{
    SEGMENT_HEADER, SegmentHeader, SegmentStart, VERSION, parse_segment_name, segment_name,
};
use crate::window::read_full;
use crate::{Error, FileId, Lsn, SegmentNo, Storage};

impl<S: Storage> Recovery<S> {
    /// Finds the segments and reads their headers.
    pub(super) fn survey(&mut self) -> Result<(), Error> {
        let names = self
            .storage
            .list()
            .map_err(|e| Error::from_io("listing", "the directory", e))?;
        let mut numbers: Vec<_> = names.iter().filter_map(|n| parse_segment_name(n)).collect();
        numbers.sort_unstable();
        for pair in numbers.windows(2) {
            let missing = SegmentNo(pair[0].0 + 1);
            if missing != pair[1] {
                return Err(Error::MissingSegment {
                    missing,
                    file: segment_name(missing),
                });
            }
        }
        for &segment in &numbers {
            let is_last = numbers.last() == Some(&segment);
            let is_only_later_one = numbers[0] == segment && segment != SegmentNo(1);
            self.survey_segment(segment, is_last && !is_only_later_one)?;
        }
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
            // The header is durable before anything is put behind it (`create_segment`).
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
