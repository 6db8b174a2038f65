//! Lines and characters of the protocol, bytes of the language, and edits in the former.

use gen_lsp_types::{Position, PositionEncodingKind, Range};
use nexus_lang::text::source::{Source, offset};

/// What a character is to the editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// A byte.
    Utf8,
    /// Half of a surrogate pair: what every editor knows.
    Utf16,
    /// A code point.
    Utf32,
}

impl Encoding {
    /// The best of what an editor offers: bytes need no counting.
    pub(super) fn choose(offered: Option<&[PositionEncodingKind]>) -> Encoding {
        let offered = offered.unwrap_or(&[]);
        if offered.contains(&PositionEncodingKind::UTF8) {
            Encoding::Utf8
        } else if offered.contains(&PositionEncodingKind::UTF16) || offered.is_empty() {
            Encoding::Utf16
        } else if offered.contains(&PositionEncodingKind::UTF32) {
            Encoding::Utf32
        } else {
            Encoding::Utf16
        }
    }

    /// As the protocol names it.
    pub(super) fn kind(self) -> PositionEncodingKind {
        match self {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
            Encoding::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    /// How long a text is.
    pub(super) fn length(self, text: &str) -> u32 {
        match self {
            Encoding::Utf8 => offset(text.len()),
            _ if text.is_ascii() => offset(text.len()),
            Encoding::Utf16 => offset(text.chars().map(char::len_utf16).sum()),
            Encoding::Utf32 => offset(text.chars().count()),
        }
    }

    /// The byte of a text so many characters from its start; its end when it is shorter. Never inside of a character.
    fn byte(self, text: &str, characters: u32) -> u32 {
        let mut left = characters;
        for (at, c) in text.char_indices() {
            let width = match self {
                Encoding::Utf8 => c.len_utf8(),
                Encoding::Utf16 => c.len_utf16(),
                Encoding::Utf32 => 1,
            };
            let width = offset(width);
            if left < width {
                return offset(at);
            }
            left -= width;
        }
        offset(text.len())
    }

    /// The place of a byte.
    pub(super) fn position(self, source: &Source, byte: u32) -> Position {
        let line = source.line_of(byte);
        let start = source.line_start(line).unwrap_or(0);
        let before = source.text.get(start as usize..byte as usize).unwrap_or("");
        Position { line: offset(line), character: self.length(before.trim_end_matches(['\r', '\n'])) }
    }

    /// The byte of a place; behind the end of a line its end, behind the last line the end of the text.
    pub(super) fn offset(self, source: &Source, position: Position) -> u32 {
        let line = position.line as usize;
        let Some(start) = source.line_start(line) else { return offset(source.text.len()) };
        start + self.byte(source.line_text(line), position.character)
    }

    /// The range of some bytes.
    pub(super) fn range(self, source: &Source, start: u32, end: u32) -> Range {
        Range { start: self.position(source, start), end: self.position(source, end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_lang::text::source::Sources;

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn bytes_and_places_agree_in_every_encoding() {
        let mut sources = Sources::new();
        let id = sources.add("a", "aä😀b\r\nx\n");
        let source = sources.get(id).unwrap();
        for (encoding, b) in [(Encoding::Utf8, 7), (Encoding::Utf16, 4), (Encoding::Utf32, 3)] {
            assert_eq!(encoding.position(source, 7), at(0, b), "{encoding:?}");
            assert_eq!(encoding.offset(source, at(0, b)), 7);
            assert_eq!(encoding.offset(source, at(1, 1)), 11);
            assert_eq!(encoding.position(source, 9), at(0, b + 1), "a line break has no width");
        }
        assert_eq!(Encoding::Utf16.offset(source, at(0, 3)), 3, "half of a pair is its start");
        assert_eq!(Encoding::Utf16.offset(source, at(0, 99)), 8);
        assert_eq!(Encoding::Utf16.offset(source, at(99, 0)), 12);
    }

    #[test]
    fn bytes_are_chosen_where_they_are_offered() {
        use PositionEncodingKind as Kind;
        assert_eq!(Encoding::choose(None), Encoding::Utf16);
        assert_eq!(Encoding::choose(Some(&[Kind::UTF16, Kind::UTF8])), Encoding::Utf8);
        assert_eq!(Encoding::choose(Some(&[Kind::UTF32])), Encoding::Utf32);
        assert_eq!(Encoding::choose(Some(&[Kind::Custom("x".into())])), Encoding::Utf16);
    }
}
