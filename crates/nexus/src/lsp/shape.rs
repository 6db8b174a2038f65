//! Answers about the shape of a document: folds, selections, links, layout, hints.
#![expect(clippy::unnecessary_wraps, reason = "every handler has the same shape, and some can fail")]

use std::path::Path;

use gen_lsp_types::{
    DocumentFormattingParams, DocumentLink, DocumentLinkParams, FoldingRange, FoldingRangeKind,
    FoldingRangeParams, InlayHint, InlayHintKind, InlayHintParams, SelectionRange, SelectionRangeParams,
    TextEdit, Uri,
};
use lsp_server::{ErrorCode, ResponseError};
use nexus_lang::ide::{FoldKind, Hint, Link};
use nexus_lang::text::source::{SourceId, Span};

use super::snapshot::{Snapshot, View};
use super::{convert, uri};

type Answer<T> = Result<T, ResponseError>;

pub(super) fn folds(snapshot: &Snapshot, params: FoldingRangeParams) -> Answer<Option<Vec<FoldingRange>>> {
    let Some((view, id)) = snapshot.document(&params.text_document.uri) else { return Ok(None) };
    let fold = |it: &nexus_lang::ide::Fold| {
        let range = view.range(it.span);
        FoldingRange {
            start_line: range.start.line,
            end_line: range.end.line,
            kind: match it.kind {
                FoldKind::Code => None,
                FoldKind::Comment => Some(FoldingRangeKind::Comment),
                FoldKind::Imports => Some(FoldingRangeKind::Imports),
            },
            ..FoldingRange::default()
        }
    };
    Ok(Some(view.analysis.folds(id).iter().map(fold).collect()))
}

pub(super) fn selections(
    snapshot: &Snapshot,
    params: SelectionRangeParams,
) -> Answer<Option<Vec<SelectionRange>>> {
    let Some((view, id)) = snapshot.document(&params.text_document.uri) else { return Ok(None) };
    let bytes = params.positions.iter().filter_map(|position| view.offset(id, *position));
    Ok(Some(bytes.map(|byte| selection(view, &view.analysis.selections(id, byte))).collect()))
}

/// Ranges from the smallest, each inside of the next.
fn selection(view: &View, spans: &[Span]) -> SelectionRange {
    let mut outer = None;
    for span in spans.iter().rev() {
        outer = Some(SelectionRange { range: view.range(*span), parent: outer.map(Box::new) });
    }
    outer.unwrap_or_default()
}

pub(super) fn links(snapshot: &Snapshot, params: DocumentLinkParams) -> Answer<Option<Vec<DocumentLink>>> {
    let Some((view, id)) = snapshot.document(&params.text_document.uri) else { return Ok(None) };
    let link = |(span, link): (Span, Link)| {
        let target = target(view, id, &link)?;
        Some(DocumentLink { range: view.range(span), target: Some(target), ..DocumentLink::default() })
    };
    Ok(Some(view.analysis.links(id).into_iter().filter_map(link).collect()))
}

/// The document that a link leads to; a path is looked for beside the file and in the folders above it.
fn target(view: &View, id: SourceId, link: &Link) -> Option<Uri> {
    match link {
        Link::File(file) => Some(view.uri(*file)),
        Link::Path(path, line) => {
            let file = uri::to_path(&view.uri(id).0)?;
            let found =
                file.ancestors().skip(1).map(|folder| folder.join(path)).find(|path| Path::is_file(path))?;
            let fragment = line.map_or_else(String::new, |line| format!("#L{line}"));
            Some(Uri(format!("{}{fragment}", uri::of_path(&found))))
        }
    }
}

/// Types of variables where they are bound first.
pub(super) fn hints(snapshot: &Snapshot, params: InlayHintParams) -> Answer<Option<Vec<InlayHint>>> {
    let Some((view, id)) = snapshot.document(&params.text_document.uri) else { return Ok(None) };
    let Some(part) = view.span(id, params.range) else { return Ok(None) };
    let hint = |it: Hint| InlayHint {
        position: view.range(it.span()).start,
        label: it.text.into(),
        kind: Some(InlayHintKind::Type),
        text_edits: None,
        tooltip: None,
        padding_left: None,
        padding_right: None,
        data: None,
    };
    Ok(Some(view.analysis.hints(part).into_iter().map(hint).collect()))
}

pub(super) fn format(snapshot: &Snapshot, params: DocumentFormattingParams) -> Answer<Option<Vec<TextEdit>>> {
    let Some((view, id)) = snapshot.document(&params.text_document.uri) else { return Ok(None) };
    match view.analysis.format(id) {
        Some(edits) => Ok(Some(edits.iter().map(|edit| convert::edit(view, edit)).collect())),
        None => Err(ResponseError {
            code: ErrorCode::RequestFailed as i32,
            message: "the file has syntax errors; nothing is moved until they are mended".to_owned(),
            data: None,
        }),
    }
}
