//! Answers to requests, one function each.
#![expect(clippy::unnecessary_wraps, reason = "every handler has the same shape, and some can fail")]

use gen_lsp_types::{
    CompletionItem, CompletionList, CompletionParams, CompletionResponse, DefinitionParams,
    DefinitionResponse, DocumentHighlight, DocumentHighlightParams, DocumentSymbolParams,
    DocumentSymbolResponse, Hover, HoverParams, Location, PrepareRenameParams, PrepareRenamePlaceholder,
    PrepareRenameResult, ReferenceParams, RenameParams, SignatureHelp, SignatureHelpParams,
    TextDocumentPositionParams, WorkspaceEdit, WorkspaceSymbolParams, WorkspaceSymbolResponse,
};
use lsp_server::{ErrorCode, ResponseError};
use nexus_lang::text::source::SourceId;

use super::snapshot::{Snapshot, View};
use super::{action, convert};

type Answer<T> = Result<T, ResponseError>;

fn place<'s>(snapshot: &'s Snapshot, at: &TextDocumentPositionParams) -> Option<(&'s View, SourceId, u32)> {
    snapshot.place(&at.text_document.uri, at.position)
}

fn refused(why: &impl ToString) -> ResponseError {
    ResponseError { code: ErrorCode::RequestFailed as i32, message: why.to_string(), data: None }
}

pub(super) fn hover(snapshot: &Snapshot, params: HoverParams) -> Answer<Option<Hover>> {
    let Some((view, id, byte)) = place(snapshot, &params.text_document_position_params) else {
        return Ok(None);
    };
    Ok(view.analysis.hover(id, byte).map(|it| convert::hover(view, &it)))
}

pub(super) fn definition(
    snapshot: &Snapshot,
    params: DefinitionParams,
) -> Answer<Option<DefinitionResponse>> {
    let Some((view, id, byte)) = place(snapshot, &params.text_document_position_params) else {
        return Ok(None);
    };
    let targets = view.analysis.definition(id, byte);
    let shown = targets.iter().filter(|it| view.is_shown(it.name.source));
    let locations: Vec<Location> = shown.map(|it| view.location(it.name)).collect();
    Ok((!locations.is_empty()).then(|| gen_lsp_types::Definition::LocationList(locations).into()))
}

pub(super) fn references(snapshot: &Snapshot, params: ReferenceParams) -> Answer<Option<Vec<Location>>> {
    let Some((view, id, byte)) = place(snapshot, &params.text_document_position_params) else {
        return Ok(None);
    };
    let found = view.analysis.references(id, byte, params.context.include_declaration);
    let shown = found.into_iter().filter(|span| view.is_shown(span.source));
    Ok(Some(shown.map(|span| view.location(span)).collect()))
}

pub(super) fn highlights(
    snapshot: &Snapshot,
    params: DocumentHighlightParams,
) -> Answer<Option<Vec<DocumentHighlight>>> {
    let Some((view, id, byte)) = place(snapshot, &params.text_document_position_params) else {
        return Ok(None);
    };
    let found = view.analysis.highlights(id, byte);
    Ok(Some(found.into_iter().map(|(span, role)| convert::highlight(view, span, role)).collect()))
}

pub(super) fn symbols(
    snapshot: &Snapshot,
    params: DocumentSymbolParams,
) -> Answer<Option<DocumentSymbolResponse>> {
    let Some((view, id)) = snapshot.document(&params.text_document.uri) else { return Ok(None) };
    let outline = view.analysis.outline(id);
    let symbols = outline.iter().map(|it| convert::document_symbol(view, it)).collect();
    Ok(Some(DocumentSymbolResponse::DocumentSymbolList(symbols)))
}

pub(super) fn search(
    snapshot: &Snapshot,
    params: WorkspaceSymbolParams,
) -> Answer<Option<WorkspaceSymbolResponse>> {
    let mut found = Vec::new();
    for view in &snapshot.views {
        let symbols = view.analysis.search(&params.query);
        let shown = symbols.iter().filter(|it| view.is_shown(it.outline.span.source));
        found.extend(shown.map(|it| convert::workspace_symbol(view, it)));
    }
    Ok(Some(WorkspaceSymbolResponse::WorkspaceSymbolList(found)))
}

pub(super) fn completion(
    snapshot: &Snapshot,
    params: CompletionParams,
) -> Answer<Option<CompletionResponse>> {
    let Some((view, id, byte)) = place(snapshot, &params.text_document_position_params) else {
        return Ok(None);
    };
    let typed = params.context.as_ref().and_then(|it| it.trigger_character.as_deref());
    let found = match typed {
        Some(" ") => view.analysis.complete_after_blank(id, byte),
        _ => view.analysis.complete(id, byte),
    };
    let items: Vec<CompletionItem> =
        found.iter().enumerate().map(|(at, it)| convert::completion(view, at, it)).collect();
    Ok(Some(CompletionList { is_incomplete: false, items, ..CompletionList::default() }.into()))
}

pub(super) fn signature(snapshot: &Snapshot, params: SignatureHelpParams) -> Answer<Option<SignatureHelp>> {
    let Some((view, id, byte)) = place(snapshot, &params.text_document_position_params) else {
        return Ok(None);
    };
    Ok(view.analysis.signature_help(id, byte).map(|it| convert::signature(view, &it)))
}

pub(super) fn prepare_rename(
    snapshot: &Snapshot,
    params: PrepareRenameParams,
) -> Answer<Option<PrepareRenameResult>> {
    let Some((view, id, byte)) = place(snapshot, &params.text_document_position_params) else {
        return Ok(None);
    };
    let span = view.analysis.prepare_rename(id, byte).map_err(|why| refused(&why))?;
    let placeholder = view.analysis.slice(span).to_owned();
    Ok(Some(PrepareRenamePlaceholder { range: view.range(span), placeholder }.into()))
}

pub(super) fn rename(snapshot: &Snapshot, params: RenameParams) -> Answer<Option<WorkspaceEdit>> {
    let Some((view, id, byte)) = place(snapshot, &params.text_document_position_params) else {
        return Ok(None);
    };
    let edits = view.analysis.rename(id, byte, &params.new_name).map_err(|why| refused(&why))?;
    if edits.iter().any(|edit| !view.is_shown(edit.span.source)) {
        return Err(refused(&"it has its name in nexus.toml: change it there"));
    }
    Ok(Some(action::workspace_edit(view, &edits)))
}
