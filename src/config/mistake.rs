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

/// The line and column of a byte of `text`.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |line| line.chars().count());
    (line, column + 1)
}
