//! Mistakes in files, for people.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong with a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// The file.
    pub path: PathBuf,
    /// The line and the column, from 1, if it is about a place.
    pub at: Option<(usize, usize)>,
    /// The key, with those that lead to it.
    pub key: String,
    /// What is wrong, and what would be right.
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

/// Everything that is wrong.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// One mistake about a whole file.
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

/// Lines and columns, both from 1, of ascending offsets, in one walk through the text.
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

    /// The place of a byte that does not come before the last one that was asked for.
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
