//! What could be written where the cursor stands.

mod cursor;
mod name;
mod option;
mod place;
mod word;

use super::Analysis;
use crate::text::source::{SourceId, Span};
use cursor::Cursor;

/// What a proposal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    /// A word of the language.
    Keyword,
    /// A whole statement or definition with holes to fill in.
    Snippet,
    /// A workflow.
    Workflow,
    /// An activity.
    Activity,
    /// A worker.
    Worker,
    /// A Nexus service.
    Service,
    /// An endpoint.
    Endpoint,
    /// An operation.
    Operation,
    /// A signal, query or update.
    Message,
    /// A variable or parameter.
    Variable,
    /// A promise.
    Promise,
    /// A condition.
    Condition,
    /// A field.
    Field,
    /// A type.
    Type,
    /// A function.
    Function,
    /// The key of an option.
    Option,
    /// One of a few values.
    Value,
    /// A package.
    Package,
}

/// One proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What is listed and compared with what has been typed.
    pub label: String,
    /// What it is.
    pub kind: ItemKind,
    /// One line beside the label, for example a signature.
    pub detail: String,
    /// Markdown.
    pub doc: String,
    /// What is inserted; `$1`, `${1:name}` and `$0` are holes when it is a snippet.
    pub insert: String,
    /// Whether the text to insert has holes.
    pub is_snippet: bool,
    /// What is replaced: the word before the cursor.
    pub replace: Span,
    /// Lower ones are listed first.
    pub rank: u8,
}

impl Analysis {
    /// The proposals at a byte, in the order to list them. An editor filters them by what has been typed.
    pub fn complete(&self, id: SourceId, byte: u32) -> Vec<Item> {
        let Some(cursor) = Cursor::new(self, id, byte) else { return Vec::new() };
        sorted(cursor.items())
    }

    /// The same right after a blank has been typed: only what the word before it asks for, because nobody wants to be
    /// interrupted after every word.
    pub fn complete_after_blank(&self, id: SourceId, byte: u32) -> Vec<Item> {
        match Cursor::new(self, id, byte) {
            Some(cursor) if cursor.is_asked() => sorted(cursor.items()),
            _ => Vec::new(),
        }
    }
}

impl Item {
    /// The text to insert without its holes, for editors that know none.
    pub fn plain(&self) -> String {
        if self.is_snippet { without_holes(&self.insert) } else { self.insert.clone() }
    }
}

fn sorted(mut items: Vec<Item>) -> Vec<Item> {
    items.sort_by(|a, b| (a.rank, a.kind, &a.label).cmp(&(b.rank, b.kind, &b.label)));
    items.dedup_by(|a, b| a.label == b.label && a.kind == b.kind);
    items
}

/// `$1` and `$0` are nothing, `${1:name}` is what it proposes.
fn without_holes(snippet: &str) -> String {
    let mut out = String::with_capacity(snippet.len());
    let mut rest = snippet;
    while let Some((before, hole)) = rest.split_once('$') {
        out.push_str(before);
        rest = match hole.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((inner, after)) => {
                out.push_str(inner.split_once(':').map_or("", |(_, proposed)| proposed));
                after
            }
            None => hole.trim_start_matches(|c: char| c.is_ascii_digit()),
        };
    }
    out.push_str(rest);
    out
}
