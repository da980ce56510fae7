//! A definition and its position in a file.

use std::fmt;
use std::path::PathBuf;

use super::Definition;

/// A definition and where it is declared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndpointDeclaration {
    /// The declared endpoint.
    pub definition: Definition,
    /// The position in a file; `None` if it comes from a command.
    pub place: Option<SourceLocation>,
}

/// A position in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourceLocation {
    /// The path of the file.
    pub file: PathBuf,
    /// The line and the column, from 1.
    pub at: Option<(usize, usize)>,
    /// The key of the declaration there.
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

/// `file:line:column`.
impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.at {
            None => Ok(()),
            Some((line, column)) => write!(f, ":{line}:{column}"),
        }
    }
}
