//! Source text as it stands between brackets and behind keywords.

use crate::text::source::{SourceId, Sources, Span, offset};
use crate::twf::ast::{Ident, Type};
use crate::twf::lexer::{Comment, lex};

/// A file with its comments.
pub(super) struct File<'a> {
    pub(super) source: SourceId,
    pub(super) path: &'a str,
    pub(super) text: &'a str,
    pub(super) comments: Vec<Comment>,
    sources: &'a Sources,
}

impl<'a> File<'a> {
    pub(super) fn new(source: SourceId, sources: &'a Sources) -> File<'a> {
        let (path, text) = sources.get(source).map_or(("", ""), |file| (&*file.path, &*file.text));
        File { source, path, text, comments: lex(source, text).comments, sources }
    }

    /// Line and column of a byte, from 1.
    pub(super) fn point(&self, byte: u32) -> (u32, u32) {
        let at = self.sources.locate(Span { source: self.source, start: byte, end: byte });
        (at.line, at.column)
    }

    /// Where the line of a span begins behind its indentation: at its keyword.
    pub(super) fn keyword(&self, span: Span) -> u32 {
        let before = self.text.get(..span.start as usize).unwrap_or("");
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        let blanks =
            self.text.get(line..).map_or(0, |rest| rest.len() - rest.trim_start_matches([' ', '\t']).len());
        offset(line + blanks).min(span.start)
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or("")
    }

    /// The text of a span.
    pub(super) fn span(&self, span: Span) -> &'a str {
        self.slice(span.start as usize, span.end as usize)
    }

    /// What stands between the first bracket of a range and the one that closes it, with the byte behind that.
    pub(super) fn brackets(&self, from: u32, to: u32) -> Option<(&'a str, u32)> {
        let start = from as usize + self.slice(from as usize, to as usize).find('(')?;
        let end = close(self.text, start)?;
        Some((self.slice(start + 1, end), offset(end + 1)))
    }

    /// The parameters behind a name, as written.
    pub(super) fn params(&self, name: &Ident) -> &'a str {
        let from = name.span.end as usize;
        let rest = self.slice(from, self.text.len());
        let head = rest.find(['(', ':', '\n']).filter(|at| rest.as_bytes().get(*at) == Some(&b'('));
        let found = head.and_then(|at| self.brackets(offset(from + at), offset(from + at + 1)));
        found.map_or("", |(text, _)| text)
    }

    /// Result types as written.
    pub(super) fn result(&self, result: &[Type]) -> &'a str {
        let spans = result.first().zip(result.last()).map(|(first, last)| first.span.to(last.span));
        spans.map_or("", |span| self.span(span))
    }

    /// What stands behind a keyword up to the end of a logical line, without a comment.
    pub(super) fn behind(&self, span: Span, keyword: &str) -> &'a str {
        let text = self.span(span);
        text.strip_prefix(keyword).unwrap_or(text).trim()
    }
}

/// The byte of the bracket that closes the one at `start`. Strings and comments are skipped.
fn close(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut bytes = text.bytes().enumerate().skip(start);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            b'#' => {
                bytes.find(|(_, byte)| *byte == b'\n');
            }
            b'"' | b'\'' => skip_string(&mut bytes, byte),
            _ => {}
        }
    }
    None
}

/// A string ends at its quote or with its line.
fn skip_string(bytes: &mut impl Iterator<Item = (usize, u8)>, quote: u8) {
    while let Some((_, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'\n' => return,
            byte if byte == quote => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_matched_across_strings_comments_and_lines() {
        let mut sources = Sources::new();
        let id = sources.add("a.twf", "f(a, \"x)\\\"\", [1, (2)], # )\n  b) -> r");
        let file = File::new(id, &sources);
        let (inner, end) = file.brackets(0, 3).unwrap();
        assert_eq!(inner, "a, \"x)\\\"\", [1, (2)], # )\n  b");
        assert_eq!(file.slice(end as usize, file.text.len()), " -> r");
        assert_eq!(file.brackets(0, 1), None);
    }

    #[test]
    fn brackets_that_stay_open_are_none() {
        let mut sources = Sources::new();
        let id = sources.add("a.twf", "f(a\n");
        assert_eq!(File::new(id, &sources).brackets(0, 2), None);
    }
}
