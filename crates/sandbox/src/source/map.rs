//! From a place in a script to the place in the file as written.

use std::sync::Arc;

use super::edit::{self, Stretch};

/// The files of a bundle and where each lies in the script.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    /// The script, to find the byte of a line and column.
    pub(crate) text: Arc<str>,
    /// In the order of the script.
    pub(crate) parts: Vec<Part>,
}

/// What became of one file.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Bytes of the script.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) stretches: Vec<Stretch>,
    pub(crate) origin: Arc<Origin>,
}

/// A file as it was written and as JavaScript.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Path relative to the project.
    pub(crate) path: String,
    /// The JavaScript that [`Stretch::from`] counts in; the file's own text when it is JavaScript.
    pub(crate) js: String,
    /// Where the tokens of the JavaScript come from, when the file is TypeScript.
    pub(crate) tokens: Option<Vec<Token>>,
}

/// Line and column of a token in the JavaScript and in the file as written; from 0, columns in UTF-16 units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) js: (u32, u32),
    pub(crate) written: (u32, u32),
}

impl Origin {
    /// Line and column as written, from 1, of a byte of the JavaScript.
    pub(crate) fn place(&self, at: usize) -> (u32, u32) {
        let (line, column) = edit::place(&self.js, at);
        let Some(tokens) = &self.tokens else { return (line, column) };
        let place = (line - 1, utf16_column(&self.js, at));
        let next = tokens.partition_point(|token| token.js <= place);
        let token = next.checked_sub(1).and_then(|index| tokens.get(index));
        token.map_or((1, 1), |token| (token.written.0 + 1, token.written.1 + 1))
    }
}

/// The column of a byte in UTF-16 units, from 0.
fn utf16_column(text: &str, at: usize) -> u32 {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let units = before.rsplit('\n').next().map_or(0, |last| last.encode_utf16().count());
    u32::try_from(units).unwrap_or(u32::MAX)
}

impl Map {
    /// The file, line and column as written of a line and column of the script; nothing for what no file says.
    pub(crate) fn find(&self, line: u32, column: u32) -> Option<(&str, u32, u32)> {
        let at = edit::byte(&self.text, line, column);
        let next = self.parts.partition_point(|part| part.start <= at);
        let part = self.parts.get(next.checked_sub(1)?).filter(|part| at <= part.end)?;
        let (line, column) = part.origin.place(edit::origin(&part.stretches, at - part.start));
        Some((&part.origin.path, line, column))
    }
}
