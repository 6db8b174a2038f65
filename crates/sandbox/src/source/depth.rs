//! How deep a text is nested, before a recursive parser sees it.
//!
//! The scan is cruder than a lexer: it errs only in texts that no person or bundler writes. It bounds brackets, and
//! the operators and words that follow each other without a bracket or semicolon between them, because each of those
//! costs the parser stack as well.

/// Deepest nesting of brackets.
const BRACKETS_MAX: usize = 1_500;
/// Most operators and words in statements that have begun and not ended, those of outer brackets included.
const CHAIN_MAX: usize = 100_000;

/// Where a text is nested too deeply: the byte.
pub(crate) fn too_deep(text: &str) -> Option<usize> {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0, operand: false };
    let (mut outer, mut sum, mut chain) = (Vec::new(), 0_usize, 0_usize);
    while let Some(mark) = scan.next() {
        match mark {
            Mark::Open => {
                outer.push(chain);
                sum += chain;
                chain = 0;
            }
            Mark::Close => {
                chain = outer.pop().map_or(chain, |before| before + 1);
                sum = sum.saturating_sub(chain.saturating_sub(1));
            }
            Mark::End => chain = 0,
            Mark::Other => chain += 1,
        }
        if outer.len() > BRACKETS_MAX || sum + chain > CHAIN_MAX {
            return Some(scan.at.min(text.len()).saturating_sub(1));
        }
    }
    None
}

enum Mark {
    Open,
    Close,
    /// What ends a chain: a semicolon or a comma.
    End,
    /// A word or an operator.
    Other,
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether what came last ends an operand, so that a slash divides.
    operand: bool,
}

impl Scan<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Option<Mark> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b'/' if self.peek(1) == b'/' => self.until(b"\n"),
                b'/' if self.peek(1) == b'*' => {
                    self.at += 2;
                    self.until(b"*/");
                }
                _ => return Some(self.mark(byte)),
            }
        }
    }

    fn mark(&mut self, byte: u8) -> Mark {
        let (mark, operand) = match byte {
            b'"' | b'\'' => return self.literal(byte),
            // The text of a template is scanned like code: its expressions nest.
            b'`' => (Mark::Other, true),
            b'(' | b'[' | b'{' => (Mark::Open, false),
            b')' | b']' | b'}' => (Mark::Close, true),
            b';' | b',' => (Mark::End, false),
            b'/' if !self.operand => return self.literal(b'/'),
            _ if is_word(byte) => return self.word(),
            _ => (Mark::Other, false),
        };
        self.at += 1;
        self.operand = operand;
        mark
    }

    fn word(&mut self) -> Mark {
        const BEFORE_EXPRESSIONS: [&[u8]; 9] =
            [b"return", b"typeof", b"case", b"in", b"of", b"do", b"else", b"void", b"delete"];
        let start = self.at;
        while is_word(self.peek(0)) {
            self.at += 1;
        }
        let word = self.bytes.get(start..self.at).unwrap_or_default();
        self.operand = !BEFORE_EXPRESSIONS.contains(&word);
        Mark::Other
    }

    /// A string or a regular expression: to its end, or to the end of the line when it has none.
    fn literal(&mut self, end: u8) -> Mark {
        self.at += 1;
        let mut in_class = false;
        while let Some(byte) = self.bytes.get(self.at).copied() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'[' if end == b'/' => in_class = true,
                b']' => in_class = false,
                b'\n' => break,
                _ if byte == end && !in_class => break,
                _ => {}
            }
        }
        self.operand = true;
        Mark::Other
    }

    fn until(&mut self, end: &[u8]) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = rest.windows(end.len()).position(|window| window == end);
        self.at += found.map_or(rest.len(), |found| found + end.len());
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_texts_are_found_and_long_ones_are_not() {
        for deep in ["(", "[", "{", "a(", "`${", "!", "1+", "a=>", "a.b", "if(1)", "a?b:", "- "] {
            assert!(too_deep(&deep.repeat(120_000)).is_some(), "{deep}");
        }
        for flat in
            ["f(1);", "[1,2],", "a = '((((' ;", "x = /[(/]((/ ;", "// (((\n", "/* ((( */", "\"[\",", "a / b;"]
        {
            assert_eq!(too_deep(&flat.repeat(120_000)), None, "{flat}");
        }
    }
}
