//! What the server can do, as it tells the editor.

use gen_lsp_types::{
    CodeActionOptions, CompletionOptions, DidChangeWatchedFilesRegistrationOptions, DocumentLinkOptions,
    FileSystemWatcher, GlobPattern, InitializeResult, Registration, RegistrationParams, RenameOptions, Save,
    SemanticTokensOptions, ServerCapabilities, ServerInfo, SignatureHelpOptions, TextDocumentSyncKind,
    TextDocumentSyncOptions, WorkspaceFoldersServerCapabilities, WorkspaceOptions,
};
use serde_json::Value as Json;

use crate::config::FILE;

use super::position::Encoding;
use super::{action, colour};

/// The answer to `initialize`.
pub(super) fn initialize_result(encoding: Encoding) -> InitializeResult {
    let version = Some(env!("CARGO_PKG_VERSION").to_owned());
    let server_info = Some(ServerInfo { name: "nexus".to_owned(), version });
    InitializeResult { capabilities: capabilities(encoding), server_info }
}

fn capabilities(encoding: Encoding) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(encoding.kind()),
        text_document_sync: Some(sync().into()),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(strings(&[".", " "])),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(true.into()),
        signature_help_provider: Some(SignatureHelpOptions {
            trigger_characters: Some(strings(&["(", ","])),
            ..SignatureHelpOptions::default()
        }),
        definition_provider: Some(true.into()),
        references_provider: Some(true.into()),
        document_highlight_provider: Some(true.into()),
        document_symbol_provider: Some(true.into()),
        workspace_symbol_provider: Some(true.into()),
        code_action_provider: Some(
            CodeActionOptions {
                code_action_kinds: Some(action::KINDS.to_vec()),
                ..CodeActionOptions::default()
            }
            .into(),
        ),
        semantic_tokens_provider: Some(
            SemanticTokensOptions {
                legend: colour::legend(),
                range: Some(true.into()),
                full: Some(true.into()),
                ..SemanticTokensOptions::default()
            }
            .into(),
        ),
        inlay_hint_provider: Some(true.into()),
        folding_range_provider: Some(true.into()),
        selection_range_provider: Some(true.into()),
        document_link_provider: Some(DocumentLinkOptions::default()),
        document_formatting_provider: Some(true.into()),
        call_hierarchy_provider: Some(true.into()),
        rename_provider: Some(
            RenameOptions { prepare_provider: Some(true), ..RenameOptions::default() }.into(),
        ),
        workspace: Some(WorkspaceOptions {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(true.into()),
            }),
            ..WorkspaceOptions::default()
        }),
        ..ServerCapabilities::default()
    }
}

fn sync() -> TextDocumentSyncOptions {
    TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::Incremental),
        save: Some(Save::Bool(false)),
        ..TextDocumentSyncOptions::default()
    }
}

fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(|it| (*it).to_owned()).collect()
}

/// Asks to be told of files that other programs change.
pub(super) fn watch_registration() -> Json {
    let watcher =
        |pattern: String| FileSystemWatcher { glob_pattern: GlobPattern::Pattern(pattern), kind: None };
    let watchers = vec![watcher("**/*.twf".to_owned()), watcher(format!("**/{FILE}"))];
    let options = DidChangeWatchedFilesRegistrationOptions { watchers };
    let registration = Registration {
        id: "watch".to_owned(),
        method: "workspace/didChangeWatchedFiles".to_owned(),
        register_options: serde_json::to_value(options).ok(),
    };
    serde_json::to_value(RegistrationParams { registrations: vec![registration] }).unwrap_or_default()
}
