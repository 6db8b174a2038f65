//! From the language's answers to the protocol's.

use std::collections::BTreeMap;

use gen_lsp_types::{
    BaseSymbolInformation, Code, CompletionItem, CompletionItemKind, CompletionItemLabelDetails, Diagnostic,
    DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, DocumentHighlight,
    DocumentHighlightKind, DocumentSymbol, Hover, InsertTextFormat, InsertTextMode, MarkupContent,
    MarkupKind, ParameterInformation, ParameterInformationLabel, SignatureHelp, SignatureInformation,
    SymbolKind, TextEdit, WorkspaceSymbol,
};
use nexus_lang::ide;
use nexus_lang::ide::names::Role;
use nexus_lang::text::diagnostic::{self, Edit, Severity};
use nexus_lang::text::source::{SourceId, Span, offset};

use super::snapshot::View;

fn markdown(value: &str) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value: value.to_owned() }
}

pub(super) fn hover(view: &View, it: &ide::Hover) -> Hover {
    Hover { contents: markdown(&it.markdown).into(), range: Some(view.range(it.span)) }
}

pub(super) fn edit(view: &View, it: &Edit) -> TextEdit {
    TextEdit { range: view.range(it.span), new_text: it.replacement.clone() }
}

pub(super) fn highlight(view: &View, span: Span, role: Role) -> DocumentHighlight {
    let kind = match role {
        Role::Definition | Role::Write => DocumentHighlightKind::Write,
        Role::Read => DocumentHighlightKind::Read,
    };
    DocumentHighlight { range: view.range(span), kind: Some(kind) }
}

/// Diagnostics by document. Every file has an entry, so that an editor hears when nothing is wrong any more.
pub(super) fn diagnostics(view: &View) -> BTreeMap<String, Vec<Diagnostic>> {
    let mut files: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
    let mut first = None;
    for file in view.analysis.files().filter(|file| view.is_shown(file.source)) {
        first = first.or(Some(file.source));
        files.entry(view.uri(file.source).0).or_default();
    }
    for it in view.analysis.diagnostics() {
        // What is about all files is shown at the start of the first one.
        let Some(span) = it.span.or_else(|| first.map(start_of)) else { continue };
        if let Some(file) = files.get_mut(&view.uri(span.source).0) {
            file.push(diagnostic(view, it, span));
        }
    }
    files
}

fn start_of(source: SourceId) -> Span {
    Span { source, start: 0, end: 0 }
}

pub(super) fn diagnostic(view: &View, it: &diagnostic::Diagnostic, span: Span) -> Diagnostic {
    let mut message = it.message.clone();
    for line in it.notes.iter().chain(&it.help) {
        message.push('\n');
        message.push_str(line);
    }
    let related: Vec<DiagnosticRelatedInformation> = it
        .labels
        .iter()
        .filter(|(span, _)| view.is_shown(span.source))
        .map(|(span, remark)| DiagnosticRelatedInformation {
            location: view.location(*span),
            message: remark.clone(),
        })
        .collect();
    let severity = match it.severity {
        Severity::Error => DiagnosticSeverity::Error,
        Severity::Warning => DiagnosticSeverity::Warning,
        Severity::Info => DiagnosticSeverity::Information,
    };
    Diagnostic {
        range: view.range(span),
        severity: Some(severity),
        code: Some(Code::String(it.code.to_owned())),
        source: Some("twf".to_owned()),
        message: message.into(),
        tags: tag(it.code).map(|tag| vec![tag]),
        related_information: (!related.is_empty()).then_some(related),
        ..Diagnostic::default()
    }
}

/// How an editor shows what is not wrong but useless.
fn tag(code: &str) -> Option<DiagnosticTag> {
    match code {
        "UNUSED_IMPORT" | "UNREACHABLE_CODE" | "UNUSED_RESULT" => Some(DiagnosticTag::Unnecessary),
        "LEGACY_SYNTAX" => Some(DiagnosticTag::Deprecated),
        _ => None,
    }
}

pub(super) fn document_symbol(view: &View, it: &ide::Outline) -> DocumentSymbol {
    let children: Vec<_> = it.children.iter().map(|it| document_symbol(view, it)).collect();
    #[expect(deprecated, reason = "the field has no default, and editors want it absent")]
    DocumentSymbol {
        name: it.name.clone(),
        detail: (!it.detail.is_empty()).then(|| it.detail.clone()),
        kind: symbol_kind(it.kind),
        tags: None,
        deprecated: None,
        range: view.range(it.full),
        selection_range: view.range(it.span),
        children: (!children.is_empty()).then_some(children),
    }
}

pub(super) fn workspace_symbol(view: &View, it: &ide::WorkspaceSymbol) -> WorkspaceSymbol {
    WorkspaceSymbol {
        location: view.location(it.outline.span).into(),
        data: None,
        base_symbol_information: BaseSymbolInformation {
            name: it.outline.name.clone(),
            kind: symbol_kind(it.outline.kind),
            tags: None,
            container_name: (!it.container.is_empty()).then(|| it.container.clone()),
        },
    }
}

pub(super) fn symbol_kind(kind: ide::OutlineKind) -> SymbolKind {
    use ide::OutlineKind as Kind;
    match kind {
        Kind::Workflow => SymbolKind::Class,
        Kind::Activity => SymbolKind::Function,
        Kind::Worker => SymbolKind::Module,
        Kind::Namespace => SymbolKind::Namespace,
        Kind::Service | Kind::Endpoint => SymbolKind::Interface,
        Kind::Operation => SymbolKind::Method,
        Kind::Type => SymbolKind::Struct,
        Kind::Field => SymbolKind::Field,
        Kind::Message => SymbolKind::Event,
        Kind::Condition => SymbolKind::Boolean,
        Kind::Variable | Kind::Promise => SymbolKind::Variable,
        Kind::Entry => SymbolKind::Property,
    }
}

pub(super) fn completion(view: &View, at: usize, it: &ide::Item) -> CompletionItem {
    let is_snippet = it.is_snippet && view.has_snippets;
    let format = if is_snippet { InsertTextFormat::Snippet } else { InsertTextFormat::PlainText };
    let text_edit = TextEdit {
        range: view.range(it.replace),
        new_text: if is_snippet { it.insert.clone() } else { it.plain() },
    };
    let detail = it.detail.lines().next().unwrap_or("").to_owned();
    let is_shape = detail.starts_with('(');
    CompletionItem {
        label: it.label.clone(),
        label_details: is_shape
            .then(|| CompletionItemLabelDetails { detail: Some(detail.clone()), description: None }),
        kind: Some(completion_kind(it.kind)),
        detail: (!detail.is_empty()).then_some(detail),
        documentation: (!it.doc.is_empty()).then(|| markdown(&it.doc).into()),
        // The language has put them in order.
        sort_text: Some(format!("{at:05}")),
        filter_text: Some(it.label.clone()),
        insert_text_format: Some(format),
        insert_text_mode: Some(InsertTextMode::AdjustIndentation),
        text_edit: Some(text_edit.into()),
        ..CompletionItem::default()
    }
}

fn completion_kind(kind: ide::ItemKind) -> CompletionItemKind {
    use ide::ItemKind as Kind;
    match kind {
        Kind::Keyword => CompletionItemKind::Keyword,
        Kind::Snippet => CompletionItemKind::Snippet,
        Kind::Workflow => CompletionItemKind::Class,
        Kind::Activity | Kind::Function => CompletionItemKind::Function,
        Kind::Worker | Kind::Package => CompletionItemKind::Module,
        Kind::Service | Kind::Endpoint => CompletionItemKind::Interface,
        Kind::Operation => CompletionItemKind::Method,
        Kind::Message => CompletionItemKind::Event,
        Kind::Variable | Kind::Promise | Kind::Condition => CompletionItemKind::Variable,
        Kind::Field => CompletionItemKind::Field,
        Kind::Type => CompletionItemKind::Struct,
        Kind::Option => CompletionItemKind::Property,
        Kind::Value => CompletionItemKind::EnumMember,
    }
}

pub(super) fn signature(view: &View, it: &ide::SignatureHelp) -> SignatureHelp {
    let at = |byte: usize| view.encoding.length(it.label.get(..byte).unwrap_or(""));
    let parameters = it
        .params
        .iter()
        .map(|(start, end)| ParameterInformation {
            label: ParameterInformationLabel::Tuple((at(*start), at(*end))),
            documentation: None,
        })
        .collect();
    let signature = SignatureInformation {
        label: it.label.clone(),
        documentation: (!it.doc.is_empty()).then(|| markdown(&it.doc).into()),
        parameters: Some(parameters),
        active_parameter: None,
    };
    SignatureHelp {
        signatures: vec![signature],
        active_signature: Some(0),
        active_parameter: Some(offset(it.active).into()),
    }
}
