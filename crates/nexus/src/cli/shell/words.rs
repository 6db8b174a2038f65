//! Words of a line, as a shell would take them apart: spaces between them, quotes and backslashes inside.

use nexus_kernel::code;
use nexus_kernel::error::Error;

/// The words of a line. A `#` at the beginning of a word begins a remark.
pub fn split(line: &str) -> Result<Vec<String>, Error> {
    let mut words = Words::default();
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (words.quote, letter) {
            (Some('\''), '\'') | (Some('"'), '"') => words.quote = None,
            (Some('"'), '\\') => match letters.next() {
                Some(next @ ('"' | '\\')) => words.push(next),
                next => {
                    words.push('\\');
                    if let Some(next) = next {
                        words.push(next);
                    }
                }
            },
            (None, '\'' | '"') => {
                words.word.get_or_insert_default();
                words.quote = Some(letter);
            }
            (None, '\\') => words.push(letters.next().unwrap_or('\\')),
            (None, '#') if words.word.is_none() => break,
            (None, letter) if letter.is_whitespace() => words.end(),
            (_, letter) => words.push(letter),
        }
    }
    if let Some(quote) = words.quote {
        return Err(Error::new(&code::SHELL_LINE, format!("a quote {quote} is not closed"))
            .help("close it, or put a backslash before it"));
    }
    words.end();
    Ok(words.done)
}

#[derive(Default)]
struct Words {
    done: Vec<String>,
    word: Option<String>,
    quote: Option<char>,
}

impl Words {
    fn push(&mut self, letter: char) {
        self.word.get_or_insert_default().push(letter);
    }

    fn end(&mut self) {
        self.done.extend(self.word.take());
    }
}

/// The whole words of a line that is still being written, and the beginning of the last one. Nothing inside of quotes.
pub fn unfinished(line: &str) -> Option<(Vec<String>, &str)> {
    let after_space = line.char_indices().rev().find(|(_, letter)| letter.is_whitespace());
    let begin = after_space.map_or(0, |(at, letter)| at + letter.len_utf8());
    let (before, last) = line.split_at_checked(begin)?;
    if last.contains(['\'', '"', '\\']) {
        return None;
    }
    Some((split(before).ok()?, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_taken_apart_as_a_shell_does() {
        for (line, expected) in [
            ("run Greet --name Ada", &["run", "Greet", "--name", "Ada"][..]),
            ("  a   b  ", &["a", "b"]),
            (r#"--json '{"a": 1}' x"#, &["--json", r#"{"a": 1}"#, "x"]),
            (r#""a \" b \n" ''"#, &["a \" b \\n", ""]),
            (r"a\ b it\'s", &["a b", "it's"]),
            ("run # a remark", &["run"]),
            ("a#b", &["a#b"]),
            ("", &[]),
        ] {
            assert_eq!(split(line).unwrap(), expected, "{line}");
        }
        assert_eq!(split("run 'x").unwrap_err().code().id, "NX-2707");
    }

    #[test]
    fn the_last_word_is_still_being_written() {
        assert_eq!(unfinished("run Gre"), Some((vec!["run".to_owned()], "Gre")));
        assert_eq!(unfinished("run "), Some((vec!["run".to_owned()], "")));
        assert_eq!(unfinished("run\u{3000}x"), Some((vec!["run".to_owned()], "x")));
        assert_eq!(unfinished("run 'Gr e"), None);
    }
}
