//! A picture of everything that is open, for one answer.

use std::collections::HashMap;
use std::sync::Arc;

use gen_lsp_types::{Location, Position, Range, Uri};
use nexus_lang::ide::Analysis;
use nexus_lang::text::source::{SourceId, Span};

use super::position::Encoding;
use super::uri;

/// One project.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// Its files.
    pub(super) analysis: Arc<Analysis>,
    /// The names the editor uses for them.
    pub(super) uris: Arc<HashMap<SourceId, String>>,
    pub(super) encoding: Encoding,
    /// Whether the editor knows texts with holes.
    pub(super) has_snippets: bool,
}

/// Everything that is open.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) views: Vec<View>,
    /// Where each document is, by its key.
    pub(super) places: HashMap<String, (usize, SourceId)>,
}

impl Snapshot {
    /// The project and file of a document.
    pub(super) fn document(&self, uri: &Uri) -> Option<(&View, SourceId)> {
        let (view, id) = self.places.get(&uri::key(&uri.0))?;
        Some((self.views.get(*view)?, *id))
    }

    /// A place in a document.
    pub(super) fn place(&self, uri: &Uri, position: Position) -> Option<(&View, SourceId, u32)> {
        let (view, id) = self.document(uri)?;
        Some((view, id, view.offset(id, position)?))
    }
}

impl View {
    pub(super) fn offset(&self, id: SourceId, position: Position) -> Option<u32> {
        Some(self.encoding.offset(self.analysis.sources().get(id)?, position))
    }

    /// The bytes of a range.
    pub(super) fn span(&self, id: SourceId, range: Range) -> Option<Span> {
        let (start, end) = (self.offset(id, range.start)?, self.offset(id, range.end)?);
        Some(Span { source: id, start: start.min(end), end: start.max(end) })
    }

    pub(super) fn range(&self, span: Span) -> Range {
        let source = self.analysis.sources().get(span.source);
        source.map_or_else(Range::default, |source| self.encoding.range(source, span.start, span.end))
    }

    /// Whether the editor can show a file: what is made of the configuration is none of its.
    pub(super) fn is_shown(&self, id: SourceId) -> bool {
        self.uris.contains_key(&id)
    }

    pub(super) fn uri(&self, id: SourceId) -> Uri {
        Uri(self.uris.get(&id).cloned().unwrap_or_default())
    }

    pub(super) fn location(&self, span: Span) -> Location {
        Location { uri: self.uri(span.source), range: self.range(span) }
    }
}
