//! What `portcullis apply` reads: endpoints, or a flow, in any notation.

use std::path::Path;

use super::document::Document;
use super::flow::{self, DeclaredFlow, KnownFlow};
use super::{Mistakes, Notation, endpoints};
use crate::directory::{EndpointDeclaration, Surroundings};

/// A document whose syntax is right, and nothing else is known of it.
pub struct Declaration<'t> {
    document: Document<'t>,
}

impl<'t> Declaration<'t> {
    /// Reads the syntax of `text` as if it stood at `path`.
    pub fn open(path: &Path, text: &'t str, notation: Notation) -> Result<Self, Mistakes> {
        Document::read(path, text, notation).map(|document| Self { document })
    }

    /// Whether it declares a flow, and no single endpoints.
    pub fn is_flow(&self) -> bool {
        self.document.has_any(&flow::KEYS) && !self.document.has_any(&["endpoints"])
    }

    /// What it calls the flow, if it says that.
    pub fn flow_name(&self) -> Option<&str> {
        self.document.string("flow")
    }

    /// Reads every endpoint. `upstream` is where endpoints go that name none.
    pub fn endpoints(
        self,
        upstream: Option<&str>,
        surroundings: &Surroundings<'_>,
    ) -> Result<Vec<EndpointDeclaration>, Mistakes> {
        endpoints::read_from(self.document, upstream, surroundings)
    }

    /// Reads the flow.
    pub fn flow(
        self,
        known: &KnownFlow,
        surroundings: &Surroundings<'_>,
    ) -> Result<DeclaredFlow, Mistakes> {
        flow::read_from(self.document, known, surroundings)
    }
}
