//! Mistakes in files, with their places.

use std::fmt;
use std::path::{Path, PathBuf};

/// One mistake in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// The file.
    pub path: PathBuf,
    /// The line and the column, from 1, if the mistake has a place.
    pub at: Option<(usize, usize)>,
    /// The full key, such as `upstreams.default.addresses`.
    pub key: String,
    /// The fault and the expected value.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some((line, column)) = self.at {
            write!(f, "{line}:{column}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.message)
    }
}

/// All mistakes of a file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// One mistake about the whole file.
    pub fn of_file(path: &Path, message: String) -> Self {
        Self(vec![Mistake {
            path: path.to_owned(),
            at: None,
            key: String::new(),
            message,
        }])
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        self.0.iter().try_for_each(|mistake| {
            write!(f, "{separator}{mistake}")?;
            separator = "\n";
            Ok(())
        })
    }
}

impl std::error::Error for Mistakes {}

/// Computes lines and columns, both from 1, of ascending offsets in one pass.
pub(super) struct Places<'t> {
    text: &'t str,
    line: usize,
    line_start: usize,
}

impl<'t> Places<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self {
            text,
            line: 1,
            line_start: 0,
        }
    }

    /// The place of an offset, which must not be before that of the last call.
    pub(super) fn place(&mut self, offset: usize) -> (usize, usize) {
        let walked = self.text.get(self.line_start..offset).unwrap_or_default();
        if let Some(end) = walked.rfind('\n') {
            self.line += walked.matches('\n').count();
            self.line_start += end + 1;
        }
        let before = self.text.get(self.line_start..offset).unwrap_or_default();
        (self.line, before.chars().count() + 1)
    }
}
