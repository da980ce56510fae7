//! A definition with its place in a file.

use std::fmt;
use std::path::PathBuf;

use super::Definition;

/// A definition, and where it is declared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndpointDeclaration {
    /// The definition.
    pub definition: Definition,
    /// The place in a file; `None` if no file declares it.
    pub place: Option<SourcePlace>,
}

/// A place in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourcePlace {
    /// The file.
    pub file: PathBuf,
    /// The line and the column, from 1.
    pub at: Option<(usize, usize)>,
    /// The key.
    pub key: String,
}

impl From<Definition> for EndpointDeclaration {
    fn from(definition: Definition) -> Self {
        Self {
            definition,
            place: None,
        }
    }
}

/// The file, the line and the column.
impl fmt::Display for SourcePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.at {
            None => Ok(()),
            Some((line, column)) => write!(f, ":{line}:{column}"),
        }
    }
}
