//! The document of `portcullis apply`: endpoints or a flow, in any notation.

use std::path::Path;

use super::document::Document;
use super::flow::{self, FlowConfig, FlowContext};
use super::{Mistakes, Notation, endpoints};
use crate::directory::{EndpointDeclaration, ValidationContext};

/// A document with valid syntax, whose contents are not validated yet.
pub struct Declaration<'t> {
    document: Document<'t>,
}

impl<'t> Declaration<'t> {
    /// Parses `text`. Errors name `path` as the file.
    pub fn open(path: &Path, text: &'t str, notation: Notation) -> Result<Self, Mistakes> {
        Document::read(path, text, notation).map(|document| Self { document })
    }

    /// Whether the document declares a flow and not single endpoints.
    pub fn is_flow(&self) -> bool {
        self.document.has_any(&flow::KEYS) && !self.document.has_any(&["endpoints"])
    }

    /// The name of the flow in the document, if there is one.
    pub fn flow_name(&self) -> Option<&str> {
        self.document.string("flow")
    }

    /// Reads every endpoint. `upstream` is the default upstream.
    pub fn endpoints(
        self,
        upstream: Option<&str>,
        context: &ValidationContext<'_>,
    ) -> Result<Vec<EndpointDeclaration>, Mistakes> {
        endpoints::read_from(self.document, upstream, context)
    }

    /// Reads the flow. `known` holds what the command line and the store know about it.
    pub fn flow(
        self,
        known: &FlowContext,
        context: &ValidationContext<'_>,
    ) -> Result<FlowConfig, Mistakes> {
        flow::read_from(self.document, known, context)
    }
}
