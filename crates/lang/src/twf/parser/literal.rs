//! Literals: numbers, durations, strings.

use super::{Parse, Parser};
use crate::twf::ast::ExprKind;
use crate::twf::lexer::UNITS;
use crate::twf::token::{Token, TokenKind};

impl Parser<'_> {
    /// A number of 64 bits, or a decimal as written when it has a fraction or an exponent.
    pub(super) fn number(&mut self, token: Token) -> Parse<ExprKind> {
        let text = self.text_of(token).replace('_', "");
        if text.contains(['.', 'e', 'E']) {
            return Ok(ExprKind::Decimal(text.into()));
        }
        match text.parse() {
            Ok(number) => Ok(ExprKind::Int(number)),
            Err(_) => {
                let message = format!("the number {text} does not fit into 64 bits");
                Err(self.syntax(self.span_of(token), message))
            }
        }
    }

    /// The smallest integer has no positive twin, so it is read together with its sign.
    pub(super) fn smallest_int(&self) -> bool {
        let digits = self.token(1);
        digits.kind == TokenKind::Number
            && self.text_of(digits).replace('_', "") == i64::MIN.unsigned_abs().to_string()
    }

    /// A duration in milliseconds, rounded down.
    pub(super) fn duration(&mut self, token: Token) -> Parse<ExprKind> {
        let text = self.text_of(token).replace('_', "");
        let Some(millis) = milliseconds(&text) else {
            let message = format!("the duration {text} is too long");
            return Err(self.syntax(self.span_of(token), message));
        };
        let parts = text.matches(|c: char| c.is_ascii_alphabetic()).count();
        let is_published = parts == 1 || (parts == 2 && text.ends_with("ms"));
        if !is_published || text.ends_with('w') {
            self.extension(self.span_of(token), "a compound duration or one in weeks");
        }
        Ok(ExprKind::Duration(millis))
    }

    /// The text of a string token after its escapes.
    pub(super) fn string_value(&self, token: Token) -> String {
        let text = self.text_of(token);
        let quote = text.chars().next().unwrap_or('"');
        let inner = text.strip_prefix(quote).unwrap_or(text);
        unescape(inner.strip_suffix(quote).unwrap_or(inner))
    }
}

/// Sum of number-unit pairs; the lexer has made sure that the text is nothing else.
fn milliseconds(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(letters);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(scaled(number, *factor)?)?;
        rest = after;
    }
    Some(total)
}

/// A number with a fraction times whole milliseconds, exact.
fn scaled(number: &str, factor: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: i64 = whole.parse().ok()?;
    let mut part = 0_i64;
    let mut weight = factor;
    for digit in fraction.bytes() {
        // Below a tenth of the weight only rounding is lost: ten digits after the point of a week are
        // microseconds.
        let value = i64::from(digit.saturating_sub(b'0')).checked_mul(weight)?;
        part = part.checked_add(value / 10)?;
        weight /= 10;
    }
    whole.checked_mul(factor)?.checked_add(part)
}

/// `\" \' \\ \n \t \r \0 \u{..}`; other backslashes stand for themselves, as in files written without
/// escapes.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or(""));
        let tail = rest.get(at + 1..).unwrap_or("");
        let (c, length) = escape(tail).unwrap_or(('\\', 0));
        out.push(c);
        rest = tail.get(length..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

/// The character of an escape and its length without the backslash.
fn escape(tail: &str) -> Option<(char, usize)> {
    let c = tail.chars().next()?;
    let plain = match c {
        '"' | '\'' | '\\' => c,
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        'u' => {
            let digits = tail.strip_prefix("u{")?.split_once('}')?.0;
            let code = u32::from_str_radix(digits, 16).ok()?;
            return Some((char::from_u32(code)?, digits.len() + 3));
        }
        _ => return None,
    };
    Some((plain, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact_sums() {
        for (text, millis) in [
            ("250ms", Some(250)),
            ("5m", Some(300_000)),
            ("1.5h", Some(5_400_000)),
            ("1h30m", Some(5_400_000)),
            ("2w", Some(1_209_600_000)),
            ("0.25s", Some(250)),
            ("1.75d", Some(151_200_000)),
            ("99999999999999999999d", None),
            ("9223372036854775807d", None),
        ] {
            assert_eq!(milliseconds(text), millis, "{text}");
        }
    }

    #[test]
    fn escapes_are_those_of_the_language_and_others_stay() {
        for (text, value) in [
            (r#"a\"b"#, "a\"b"),
            (r"\\n", r"\n"),
            (r"a\nb\t", "a\nb\t"),
            (r"\u{e4}\u{1F600}", "ä😀"),
            (r"\d+\.", r"\d+\."),
            (r"\u{110000}", r"\u{110000}"),
            (r"\u{", r"\u{"),
            ("\\", "\\"),
            ("", ""),
        ] {
            assert_eq!(unescape(text), value, "{text}");
        }
    }
}
