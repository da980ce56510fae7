//! Looks for the end of a head while its bytes come in.

use super::raw_head::{HeadFault, HeadLimits};

/// Looks for the end of a head in what has come so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScanner {
    /// Everything before this was looked at.
    seen: usize,
    /// Where the last line began.
    line: usize,
}

impl HeadScanner {
    /// The length of the head, if all of it is in `bytes`, which must be what the last call saw and
    /// more.
    pub fn scan(&mut self, bytes: &[u8], limits: HeadLimits) -> Result<Option<usize>, HeadFault> {
        let news = bytes.get(self.seen..).unwrap_or_default();
        for offset in memchr::memchr_iter(b'\n', news) {
            let end = self.seen + offset;
            let line = bytes.get(self.line..end).unwrap_or_default();
            match line.split_last() {
                Some((b'\r', [])) if self.line == 0 => return Err(HeadFault::RequestLine),
                Some((b'\r', [])) => return Ok(Some(end + 1)),
                Some((b'\r', _)) => self.line = end + 1,
                _ => return Err(HeadFault::BareLineFeed),
            }
        }
        self.seen = bytes.len();
        if self.seen > limits.bytes {
            return Err(HeadFault::TooLarge);
        }
        Ok(None)
    }
}
