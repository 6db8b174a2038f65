//! One token from the start of a text: names, numbers, durations, strings, symbols.

use crate::twf::token::TokenKind;

/// Units of durations with their milliseconds, longer spellings first.
pub(crate) const UNITS: &[(&str, i64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// The token at the start of a text that is not empty and starts with no blank: its kind and its length in
/// bytes.
pub(super) fn token(rest: &str) -> (TokenKind, usize) {
    match rest.as_bytes().first() {
        Some(b) if starts_name(*b) => (TokenKind::Name, run(rest, in_name)),
        Some(b) if b.is_ascii_digit() => number(rest),
        Some(b'"') => (TokenKind::Str, string(rest, '"').unwrap_or_else(|| line_length(rest))),
        // Apostrophes occur in prose, so one that closes nothing is a plain character.
        Some(b'\'') => string(rest, '\'').map_or((TokenKind::Unknown, 1), |length| (TokenKind::Str, length)),
        _ => symbol(rest),
    }
}

/// The longest symbol at the start. Every file has more of them than of anything but names, so they are told by
/// their bytes; a test compares this with the table of spellings.
fn symbol(rest: &str) -> (TokenKind, usize) {
    use TokenKind as T;
    let mut bytes = rest.bytes();
    let (first, second, third) = (bytes.next(), bytes.next(), bytes.next());
    let two = |kind| (kind, 2);
    match (first.unwrap_or(0), second.unwrap_or(0)) {
        (b'.', b'.') if third == Some(b'.') => (T::Ellipsis, 3),
        (b'-', b'>') => two(T::Arrow),
        (b'<', b'-') => two(T::BackArrow),
        (b'=', b'>') => two(T::FatArrow),
        (b'.', b'.') => two(T::DotDot),
        (b'?', b'.') => two(T::OptDot),
        (b'?', b'?') => two(T::Coalesce),
        (b'+', b'=') => two(T::AddAssign),
        (b'-', b'=') => two(T::SubAssign),
        (b'*', b'=') => two(T::MulAssign),
        (b'/', b'=') => two(T::DivAssign),
        (b'=', b'=') => two(T::EqEq),
        (b'!', b'=') => two(T::NotEq),
        (b'<', b'=') => two(T::Le),
        (b'>', b'=') => two(T::Ge),
        (b'/', b'/') => two(T::SlashSlash),
        (b'&', b'&') => two(T::AndAnd),
        (b'|', b'|') => two(T::OrOr),
        (first, _) => single(first).map_or_else(|| (T::Unknown, unknown_length(rest)), |kind| (kind, 1)),
    }
}

fn single(byte: u8) -> Option<TokenKind> {
    use TokenKind as T;
    Some(match byte {
        b'(' => T::OpenParen,
        b')' => T::CloseParen,
        b'[' => T::OpenBracket,
        b']' => T::CloseBracket,
        b'{' => T::OpenBrace,
        b'}' => T::CloseBrace,
        b'.' => T::Dot,
        b':' => T::Colon,
        b',' => T::Comma,
        b'@' => T::At,
        b'=' => T::Assign,
        b'<' => T::Lt,
        b'>' => T::Gt,
        b'+' => T::Plus,
        b'-' => T::Minus,
        b'*' => T::Star,
        b'/' => T::Slash,
        b'%' => T::Percent,
        b'?' => T::Question,
        b'!' => T::Bang,
        _ => return None,
    })
}

/// Neighbouring characters beyond ASCII are one token: prose in another script gives few of them.
fn unknown_length(rest: &str) -> usize {
    let foreign: usize = rest.chars().take_while(|c| !c.is_ascii()).map(char::len_utf8).sum();
    foreign.max(1)
}

fn line_length(rest: &str) -> usize {
    rest.find('\n').map_or(rest.len(), |end| rest.get(..end).unwrap_or("").trim_end().len().max(1))
}

/// Whether a string token ends with the quote it starts with.
pub(super) fn is_closed(token: &str) -> bool {
    token.chars().next().is_some_and(|quote| string(token, quote) == Some(token.len()))
}

/// Length of a string with both quotes, or nothing when its line ends before it.
fn string(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

/// A number, or a duration when units follow; `3rd` and the like are neither.
fn number(rest: &str) -> (TokenKind, usize) {
    let mut at = mantissa(rest);
    if let Some(exponent) = exponent(rest.get(at..).unwrap_or("")) {
        at += exponent;
        return finish(rest, TokenKind::Number, at);
    }
    let mut kind = TokenKind::Number;
    while let Some(unit) = unit(rest.get(at..).unwrap_or("")) {
        kind = TokenKind::Duration;
        at += unit;
        let next = mantissa(rest.get(at..).unwrap_or(""));
        if next == 0 {
            break;
        }
        at += next;
        kind = TokenKind::Unknown;
    }
    finish(rest, kind, at)
}

/// A number that runs on into letters is no number.
fn finish(rest: &str, kind: TokenKind, at: usize) -> (TokenKind, usize) {
    match run(rest.get(at..).unwrap_or(""), in_name) {
        0 => (kind, at),
        junk => (TokenKind::Unknown, at + junk),
    }
}

/// Digits with `_` between them and a fraction; zero when there are none.
fn mantissa(rest: &str) -> usize {
    if !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    let whole = run(rest, |b| b.is_ascii_digit() || b == b'_');
    let fraction = rest.get(whole..).and_then(|tail| tail.strip_prefix('.')).unwrap_or("");
    if fraction.starts_with(|c: char| c.is_ascii_digit()) {
        whole + 1 + run(fraction, |b| b.is_ascii_digit() || b == b'_')
    } else {
        whole
    }
}

fn exponent(rest: &str) -> Option<usize> {
    let digits = rest.strip_prefix(['e', 'E'])?;
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    let length = run(unsigned, |b| b.is_ascii_digit());
    (length > 0).then(|| rest.len() - unsigned.len() + length)
}

fn unit(rest: &str) -> Option<usize> {
    let letters = rest.get(..run(rest, |b| b.is_ascii_alphabetic()))?;
    UNITS.iter().find(|(name, _)| *name == letters).map(|(name, _)| name.len())
}

fn run(rest: &str, belongs: impl Fn(u8) -> bool) -> usize {
    rest.bytes().position(|b| !belongs(b)).unwrap_or(rest.len())
}

fn starts_name(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == b'_'
}

/// Which bytes may stand inside a name, by byte.
static IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        // The index is a byte, so it is inside.
        #[expect(clippy::indexing_slicing, reason = "evaluated while compiling; the index is a byte")]
        {
            table[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_';
        }
        byte += 1;
    }
    table
};

/// Whether a byte may stand inside a name.
pub(super) fn in_name(b: u8) -> bool {
    IN_NAME.get(usize::from(b)).is_some_and(|is| *is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_as_long_as_they_can_be() {
        use TokenKind::{
            Coalesce, Duration, Ellipsis, Name, Number, OptDot, Slash, SlashSlash, Str, Unknown,
        };
        for (text, kind, length) in [
            ("abc_1 x", Name, 5),
            ("1_000.5 ", Number, 7),
            ("1..3", Number, 1),
            ("2e-3", Number, 4),
            ("2e", Unknown, 2),
            ("3rd", Unknown, 3),
            ("5m)", Duration, 2),
            ("1h30m", Duration, 5),
            ("1.5h", Duration, 4),
            ("250ms", Duration, 5),
            ("1h30", Unknown, 4),
            ("5mx", Unknown, 3),
            ("\"a \\\" b\" c", Str, 8),
            ("'it' x", Str, 4),
            ("'s x", Unknown, 1),
            ("\"open\nx", Str, 5),
            ("...x", Ellipsis, 3),
            ("??", Coalesce, 2),
            ("?.a", OptDot, 2),
            ("//", SlashSlash, 2),
            ("/", Slash, 1),
            ("→→ x", Unknown, 6),
            ("$", Unknown, 1),
        ] {
            assert_eq!(token(text), (kind, length), "{text}");
        }
    }

    #[test]
    fn every_spelling_is_read_as_its_symbol() {
        for (text, kind) in crate::twf::token::SYMBOLS {
            assert_eq!(symbol(text), (*kind, text.len()), "{text}");
            assert_eq!(symbol(&format!("{text} x")), (*kind, text.len()), "{text}");
        }
    }

    #[test]
    fn strings_close_with_the_quote_they_start_with() {
        assert!(is_closed("\"a'b\"") && is_closed("'a\"b'") && is_closed("\"\""));
        assert!(!is_closed("\"a") && !is_closed("\"") && !is_closed("\"a\\\""));
    }
}
