//! Notifications: documents, files and folders that change.

use std::path::PathBuf;

use gen_lsp_types::{
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidChangeWorkspaceFoldersParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, FileChangeType, TextDocumentContentChangeEvent,
};
use nexus_lang::text::source::{Source, Sources};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::position::Encoding;
use super::state::State;
use super::{discover, uri};

/// Takes a notification. One that is not known, or cannot be read, changes nothing: nobody waits for an answer.
pub(super) fn notified(state: &mut State, method: &str, params: Json) {
    match method {
        "textDocument/didOpen" => read(params, |it: DidOpenTextDocumentParams| {
            let document = it.text_document;
            state.open(&document.uri.0, document.version, &document.text);
        }),
        "textDocument/didChange" => read(params, |it: DidChangeTextDocumentParams| {
            let document = it.text_document;
            let uri = document.text_document_identifier.uri.0;
            state.edit(&uri, document.version, |source, encoding| {
                edited(source, encoding, it.content_changes)
            });
        }),
        "textDocument/didClose" => read(params, |it: DidCloseTextDocumentParams| {
            state.close(&it.text_document.uri.0);
        }),
        "workspace/didChangeWatchedFiles" => read(params, |it: DidChangeWatchedFilesParams| {
            for change in it.changes {
                let Some(path) = uri::to_path(&change.uri.0) else { continue };
                changed_on_disk(state, path, change.kind == FileChangeType::Deleted);
            }
        }),
        "workspace/didChangeWorkspaceFolders" => read(params, |it: DidChangeWorkspaceFoldersParams| {
            let uris = |folders: Vec<gen_lsp_types::WorkspaceFolder>| {
                folders.into_iter().map(|folder| folder.uri.0).collect::<Vec<_>>()
            };
            state.change_folders(&uris(it.event.added), &uris(it.event.removed));
        }),
        _ => {}
    }
}

fn read<T: DeserializeOwned>(params: Json, take: impl FnOnce(T)) {
    match serde_json::from_value(params) {
        Ok(params) => take(params),
        Err(error) => tracing::warn!("a notification cannot be read: {error}"),
    }
}

/// A file, or a folder with all its files.
fn changed_on_disk(state: &mut State, path: PathBuf, is_deleted: bool) {
    if is_deleted {
        state.forget(&path);
    } else if path.is_dir() {
        for file in discover::files(&path) {
            state.reload(&file);
        }
    } else {
        state.reload(&path);
    }
}

/// The text after changes, each of which is about the text that the ones before it left.
fn edited(source: &Source, encoding: Encoding, changes: Vec<TextDocumentContentChangeEvent>) -> String {
    let mut sources = Sources::new();
    let id = sources.add(&source.path, "");
    let mut text = source.text.to_string();
    let mut is_first = true;
    for change in changes {
        match change {
            TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(whole) => {
                text = whole.text;
            }
            TextDocumentContentChangeEvent::TextDocumentContentChangePartial(part) => {
                // The lines of the first state are known; those of later ones have to be counted again.
                if !is_first {
                    sources.replace(id, &text);
                }
                let lines = if is_first { source } else { sources.get(id).unwrap_or(source) };
                let start = encoding.offset(lines, part.range.start);
                let end = encoding.offset(lines, part.range.end).max(start);
                text.replace_range(start as usize..end as usize, &part.text);
            }
        }
        is_first = false;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn after(text: &str, changes: Json) -> String {
        let mut sources = Sources::new();
        let id = sources.add("a", text);
        let changes = serde_json::from_value(changes).unwrap();
        edited(sources.get(id).unwrap(), Encoding::Utf16, changes)
    }

    fn part(from: (u32, u32), to: (u32, u32), text: &str) -> Json {
        let at = |(line, character): (u32, u32)| json!({ "line": line, "character": character });
        json!({ "range": { "start": at(from), "end": at(to) }, "text": text })
    }

    #[test]
    fn changes_build_on_each_other() {
        let changes = json!([part((0, 1), (0, 3), "x\n"), part((1, 0), (1, 1), "yy")]);
        assert_eq!(after("abcd", changes), "ax\nyy");
        assert_eq!(after("a", json!([{ "text": "new" }, part((0, 3), (0, 3), "er")])), "newer");
    }

    #[test]
    fn places_outside_of_the_text_are_brought_in() {
        assert_eq!(after("😀b", json!([part((0, 1), (0, 2), "-")])), "-b");
        assert_eq!(after("ab", json!([part((9, 9), (0, 0), "c")])), "abc");
    }
}
