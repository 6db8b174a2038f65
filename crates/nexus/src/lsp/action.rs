//! Code actions: what can be done about a place.
#![expect(clippy::unnecessary_wraps, reason = "every handler has the same shape, and some can fail")]

use std::collections::HashMap;

use gen_lsp_types::{
    CodeAction, CodeActionKind, CodeActionParams, CodeActionResponse, TextEdit, Uri, WorkspaceEdit,
};
use lsp_server::ResponseError;
use nexus_lang::ide::{Action, ActionKind};
use nexus_lang::text::diagnostic::Edit;

use super::convert;
use super::snapshot::{Snapshot, View};

/// The kinds that are offered.
pub(super) const KINDS: &[CodeActionKind] =
    &[CodeActionKind::QuickFix, CodeActionKind::RefactorRewrite, CodeActionKind::SourceFixAll];

pub(super) fn actions(
    snapshot: &Snapshot,
    params: CodeActionParams,
) -> Result<Option<Vec<CodeActionResponse>>, ResponseError> {
    let Some((view, id)) = snapshot.document(&params.text_document.uri) else { return Ok(None) };
    let Some(range) = view.span(id, params.range) else { return Ok(None) };
    let diagnostics = view.analysis.diagnostics();
    let found = view.analysis.actions(id, range, diagnostics);
    let wanted = found.into_iter().filter(|it| is_wanted(kind(it.kind), params.context.only.as_deref()));
    let made = wanted.map(|it| {
        let fixed = it.fixes.and_then(|at| diagnostics.get(at));
        let fixed = fixed.and_then(|it| Some(vec![convert::diagnostic(view, it, it.span?)]));
        CodeAction { diagnostics: fixed, ..action(view, &it) }.into()
    });
    Ok(Some(made.collect()))
}

fn kind(kind: ActionKind) -> CodeActionKind {
    match kind {
        ActionKind::QuickFix => CodeActionKind::QuickFix,
        ActionKind::Rewrite => CodeActionKind::RefactorRewrite,
        ActionKind::FixAll => CodeActionKind::SourceFixAll,
    }
}

/// A kind is wanted when it, or what it is a kind of, is asked for. What changes a whole file is done only on demand.
fn is_wanted(kind: CodeActionKind, only: Option<&[CodeActionKind]>) -> bool {
    let Some(only) = only else { return true };
    only.iter().any(|asked| {
        let (asked, kind) = (asked.as_str(), kind.as_str());
        asked.is_empty()
            || kind == asked
            || kind.strip_prefix(asked).is_some_and(|rest| rest.starts_with('.'))
    })
}

fn action(view: &View, it: &Action) -> CodeAction {
    CodeAction {
        title: it.title.clone(),
        kind: Some(kind(it.kind)),
        is_preferred: it.is_preferred.then_some(true),
        edit: Some(workspace_edit(view, &it.edits)),
        ..CodeAction::default()
    }
}

/// Changes by document.
pub(super) fn workspace_edit(view: &View, edits: &[Edit]) -> WorkspaceEdit {
    let mut changes: HashMap<Uri, Vec<TextEdit>> = HashMap::new();
    for edit in edits {
        changes.entry(view.uri(edit.span.source)).or_default().push(convert::edit(view, edit));
    }
    WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_asked_for_by_themselves_or_from_above() {
        use CodeActionKind::{QuickFix, Source, SourceFixAll};
        assert!(is_wanted(SourceFixAll, None));
        assert!(is_wanted(SourceFixAll, Some(&[Source])));
        assert!(is_wanted(SourceFixAll, Some(&[SourceFixAll])));
        assert!(!is_wanted(SourceFixAll, Some(&[QuickFix])));
        assert!(!is_wanted(QuickFix, Some(&[])));
    }
}
