//! Words of a filter.

use std::ops::Range;

use crate::visibility::error::FilterError;

/// Longest filter, in bytes.
pub(crate) const FILTER_BYTES_MAX: usize = 16 * 1024;

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A bare word: a name or a word of the language.
    Word(String),
    /// A name in back-quotes.
    Name(String),
    /// A text in quotes.
    Text(String),
    /// A number as it was written.
    Number(String),
    /// An operator, a parenthesis or a comma.
    Sign(&'static str),
}

/// A word and its place in bytes.
pub(crate) type Placed = (Token, Range<usize>);

/// Signs, longer ones first.
const SIGNS: [&str; 10] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ","];

/// The words of a text.
pub(crate) fn tokens(text: &str) -> Result<Vec<Placed>, FilterError> {
    if text.len() > FILTER_BYTES_MAX {
        let message = format!("a filter of {} bytes is too long; at most {FILTER_BYTES_MAX}", text.len());
        return Err(FilterError::new(0..0, message));
    }
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, end) = next(text, at, first)?;
        found.push((token, at..end));
        at = end;
    }
    Ok(found)
}

fn next(text: &str, at: usize, first: char) -> Result<(Token, usize), FilterError> {
    let rest = text.get(at..).unwrap_or("");
    match first {
        '\'' | '"' => quoted(text, at, first).map(|(inside, end)| (Token::Text(inside), end)),
        '`' => quoted(text, at, first).map(|(inside, end)| (Token::Name(inside), end)),
        _ if first.is_alphabetic() || first == '_' => {
            let length = length_of(rest, |c| c.is_alphanumeric() || matches!(c, '_' | '.'));
            Ok((Token::Word(rest.get(..length).unwrap_or("").to_owned()), at + length))
        }
        _ if first.is_ascii_digit() || matches!(first, '-' | '+' | '.') => {
            let length =
                length_of(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | ':' | '_'));
            Ok((Token::Number(rest.get(..length).unwrap_or("").to_owned()), at + length))
        }
        _ => {
            if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
                return Ok((Token::Sign(sign), at + sign.len()));
            }
            let message = format!("{first:?} has no meaning here");
            Err(FilterError::new(at..at + first.len_utf8(), message)
                .help("texts are written in single or double quotes"))
        }
    }
}

fn length_of(rest: &str, fits: impl Fn(char) -> bool) -> usize {
    rest.char_indices().find(|(_, c)| !fits(*c)).map_or(rest.len(), |(at, _)| at)
}

/// What stands in quotes; a doubled quote stands for itself.
fn quoted(text: &str, at: usize, quote: char) -> Result<(String, usize), FilterError> {
    let mut inside = String::new();
    let mut characters = text.get(at + 1..).unwrap_or("").char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        if character != quote {
            inside.push(character);
        } else if characters.next_if(|(_, following)| *following == quote).is_some() {
            inside.push(quote);
        } else {
            return Ok((inside, at + 1 + offset + 1));
        }
    }
    Err(FilterError::new(at..text.len(), format!("the quote {quote} is never closed"))
        .help(format!("a {quote} inside of a text is written twice")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|(token, _)| token).collect()
    }

    #[test]
    fn words_texts_numbers_and_signs() {
        let text = |text: &str| Token::Text(text.to_owned());
        assert_eq!(
            of("`A b` >= 'it''s' AND x<>\"q\" (-1.5e3)"),
            [
                Token::Name("A b".into()),
                Token::Sign(">="),
                text("it's"),
                Token::Word("AND".into()),
                Token::Word("x".into()),
                Token::Sign("<>"),
                text("q"),
                Token::Sign("("),
                Token::Number("-1.5e3".into()),
                Token::Sign(")"),
            ]
        );
    }

    #[test]
    fn faults_have_places() {
        assert_eq!(tokens("A = 'x").unwrap_err().span, 4..6);
        assert_eq!(tokens("ä ; b").unwrap_err().column("ä ; b"), 3);
        assert!(tokens(&"x".repeat(FILTER_BYTES_MAX + 1)).is_err());
    }
}
