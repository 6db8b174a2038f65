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
        let mut items = cursor.items();
        items.sort_by(|a, b| (a.rank, a.kind, &a.label).cmp(&(b.rank, b.kind, &b.label)));
        items.dedup_by(|a, b| a.label == b.label && a.kind == b.kind);
        items
    }
}
