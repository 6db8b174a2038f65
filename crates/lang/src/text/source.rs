//! Source files and positions in them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Which file of a [`Sources`] a span points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceId(pub u32);

/// A half-open range of bytes in one source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The smallest span that holds both; the file is that of `self`.
    pub fn to(self, other: Span) -> Span {
        Span { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// Where a byte stands, as people count: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Path of the file as it was added.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

/// One source file: its path as shown to people and its text.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path as shown, with forward slashes, relative to the project where there is one.
    pub path: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
    line_starts: Arc<[u32]>,
    /// Characters before every [`STEP`]th byte; empty when every character is one byte.
    chars: Arc<[u32]>,
}

/// Bytes between two known numbers of characters: a column costs no more than this on however long a line.
const STEP: usize = 1024;

impl Source {
    fn new(path: &str, text: &str) -> Source {
        let starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| offset(at + 1)));
        let chars = if text.is_ascii() { Arc::default() } else { char_steps(text) };
        Source { path: path.into(), text: text.into(), line_starts: starts.collect(), chars }
    }

    /// How many characters stand before a byte.
    fn chars_before(&self, byte: usize) -> usize {
        let step = byte / STEP;
        let Some(known) = self.chars.get(step) else { return byte };
        let rest = self.text.as_bytes().get(step * STEP..byte).unwrap_or_default();
        *known as usize + rest.iter().filter(|byte| is_char_start(**byte)).count()
    }

    /// The line a byte stands on, from 0.
    pub fn line_of(&self, byte: u32) -> usize {
        self.line_starts.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    /// The first byte of a line counted from 0; none behind the last line.
    pub fn line_start(&self, line: usize) -> Option<u32> {
        self.line_starts.get(line).copied()
    }

    /// The bytes of a line counted from 0, its line break left out.
    pub fn line_text(&self, line: usize) -> &str {
        let start = self.line_start(line).map_or(self.text.len(), |start| start as usize);
        let end = self.line_start(line + 1).map_or(self.text.len(), |end| end as usize);
        self.text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    /// How many lines there are; a text that ends with a line break has an empty one behind it.
    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }
}

fn is_char_start(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

fn char_steps(text: &str) -> Arc<[u32]> {
    let mut before = 0;
    let steps = text.as_bytes().chunks(STEP).map(|chunk| {
        let known = offset(before);
        before += chunk.iter().filter(|byte| is_char_start(**byte)).count();
        known
    });
    let mut steps: Vec<u32> = steps.collect();
    steps.push(offset(before));
    steps.into()
}

/// A byte offset as spans hold it; a text longer than 4 GiB is cut off at that.
pub fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The files of one compilation.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// No files.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// Adds a file and gives the id that its spans carry.
    pub fn add(&mut self, path: &str, text: &str) -> SourceId {
        let id = SourceId(offset(self.files.len()));
        self.files.push(Source::new(path, text));
        id
    }

    /// Gives a file another text; its id and path stay.
    pub fn replace(&mut self, id: SourceId, text: &str) {
        if let Some(file) = self.files.get_mut(id.0 as usize) {
            *file = Source::new(&file.path, text);
        }
    }

    /// The file of an id made by this collection.
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.files.get(id.0 as usize)
    }

    /// All files with their ids, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.files.iter().enumerate().map(|(at, source)| (SourceId(offset(at)), source))
    }

    /// The text a span covers, or nothing when it points outside.
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.source)
            .and_then(|source| source.text.get(span.start as usize..span.end as usize))
            .unwrap_or("")
    }

    /// Where a span starts.
    pub fn locate(&self, span: Span) -> Location {
        self.locate_byte(span.source, span.start)
    }

    /// Where a span ends (the position after its last character).
    pub fn locate_end(&self, span: Span) -> Location {
        self.locate_byte(span.source, span.end)
    }

    fn locate_byte(&self, id: SourceId, byte: u32) -> Location {
        let Some(source) = self.get(id) else {
            return Location { path: String::new(), line: 0, column: 0 };
        };
        let line = source.line_of(byte);
        let start = source.line_starts.get(line).copied().unwrap_or(0);
        let is_inside = start <= byte && source.text.is_char_boundary(byte as usize);
        let before = if is_inside {
            source.chars_before(byte as usize) - source.chars_before(start as usize)
        } else {
            0
        };
        Location { path: source.path.to_string(), line: offset(line + 1), column: offset(before + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let mut sources = Sources::new();
        let id = sources.add("a.twf", "ä b\r\nxy");
        let at = |start| sources.locate(Span { source: id, start, end: start }).to_string();
        assert_eq!(at(0), "a.twf:1:1");
        assert_eq!(at(3), "a.twf:1:3");
        assert_eq!(at(6), "a.twf:2:1");
        assert_eq!(at(8), "a.twf:2:3");
    }

    #[test]
    fn columns_of_a_long_line_are_exact_and_cheap() {
        let mut sources = Sources::new();
        let text = format!("x\n{}", "aä€𝄞 ".repeat(102_400) + &"y".repeat(1022));
        let id = sources.add("a.twf", &text);
        for (column, (byte, _)) in text[2..].char_indices().enumerate() {
            let start = offset(byte + 2);
            let at = sources.locate(Span { source: id, start, end: start });
            assert_eq!((at.line, at.column as usize), (2, column + 1));
        }
        assert_eq!(text.len() % STEP, 0, "the end is a step of its own");
        let end = offset(text.len());
        assert_eq!(sources.locate(Span { source: id, start: end, end }).column, 513_023);
        let past = end + 9;
        assert_eq!(sources.locate(Span { source: id, start: past, end: past }).column, 1);
    }

    #[test]
    fn a_replaced_text_has_its_own_lines() {
        let mut sources = Sources::new();
        let id = sources.add("a.twf", "one");
        sources.replace(id, "x\r\nyz\n");
        let source = sources.get(id).unwrap();
        assert_eq!((source.line_count(), source.line_of(4), source.line_start(1)), (3, 1, Some(3)));
        assert_eq!((source.line_text(0), source.line_text(1), source.line_text(2)), ("x", "yz", ""));
        assert_eq!((source.line_text(7), source.line_start(7)), ("", None));
        assert_eq!(&*source.path, "a.twf");
    }
}
