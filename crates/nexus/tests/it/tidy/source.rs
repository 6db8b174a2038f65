//! Rust source seen through a simple scanner: comments and literals blanked out, functions and test code found.

use super::repo::File;

/// A Rust file and what a scanner knows of it.
pub(crate) struct Source {
    /// The text with comments and literals blanked; lines stay where they are.
    pub(crate) code: String,
    test_lines: Vec<bool>,
}

/// A function with a body.
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// The line of its `fn`, from 1.
    pub(crate) line: usize,
    /// Lines from `fn` to its last brace.
    pub(crate) lines: usize,
    /// Whether it is test code.
    pub(crate) is_test: bool,
}

impl Source {
    /// Scans a file.
    pub(crate) fn of(file: &File) -> Source {
        let code = blank(&file.text);
        let mut test_lines = vec![is_test_file(&file.path); code.lines().count() + 1];
        mark_test_modules(&code, &mut test_lines);
        Source { code, test_lines }
    }

    /// Whether a line, from 1, is test code.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.test_lines.get(line - 1).copied().unwrap_or(false)
    }

    /// Every function with a body, nested ones too.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for (at, _) in self.code.match_indices("fn ") {
            let is_word =
                !self.code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
            let rest = &self.code[at + 3..];
            let name: String =
                rest.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
            let Some((_, end)) = body(&self.code, at).filter(|_| is_word && !name.is_empty()) else {
                continue;
            };
            let line = line_of(&self.code, at);
            let lines = line_of(&self.code, end) - line + 1;
            functions.push(Function { name, line, lines, is_test: self.is_test(line) });
        }
        functions
    }

    /// Lines of code with their number, tests left out.
    pub(crate) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines()).filter(|(line, _)| !self.is_test(*line))
    }
}

fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("/testing")
}

/// The line of a byte, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn mark_test_modules(code: &str, test_lines: &mut [bool]) {
    for (at, _) in code.match_indices("#[cfg(test)]") {
        let Some((start, end)) = body(code, at) else { continue };
        let lines = line_of(code, start)..=line_of(code, end);
        for line in lines {
            if let Some(is_test) = test_lines.get_mut(line - 1) {
                *is_test = true;
            }
        }
    }
}

/// The first braces after a byte, unless a semicolon outside of all brackets comes first.
fn body(code: &str, from: usize) -> Option<(usize, usize)> {
    let (mut round, mut curly, mut start) = (0_i32, 0_i32, None);
    for (at, char) in code[from..].char_indices() {
        match char {
            '(' | '[' => round += 1,
            ')' | ']' => round -= 1,
            ';' if round == 0 && start.is_none() => return None,
            '{' => {
                curly += 1;
                start = start.or(Some(from + at));
            }
            '}' => {
                curly -= 1;
                if curly == 0 {
                    return start.map(|start| (start, from + at));
                }
            }
            _ => {}
        }
    }
    None
}

/// Replaces everything inside comments and literals by blanks, keeping lines.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let inside = literal_or_comment(rest, out.chars().next_back());
        if inside == 0 {
            out.push(char);
            rest = &rest[char.len_utf8()..];
        } else {
            let (skipped, after) = rest.split_at(inside);
            out.extend(skipped.chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
            rest = after;
        }
    }
    out
}

/// How many bytes of comment or literal the text begins with.
fn literal_or_comment(text: &str, before: Option<char>) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    let is_in_word = before.is_some_and(|char| char.is_alphanumeric() || char == '_');
    if !is_in_word && let Some(length) = raw_string(text) {
        return length;
    }
    match text.as_bytes() {
        [b'"', ..] => quoted(text, '"'),
        // A lifetime has no closing quote right behind its first character.
        [b'\'', b'\\', ..] => quoted(text, '\''),
        [b'\'', ..] => {
            let char = text.chars().nth(1).map_or(0, char::len_utf8);
            if text[1 + char..].starts_with('\'') { char + 2 } else { 0 }
        }
        _ => 0,
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        let step = if rest.starts_with(b"/*") {
            depth += 1;
            2
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            2
        } else {
            1
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// `r"…"`, `r#"…"#`, `br"…"`.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inside.find(&close).map_or(inside.len(), |end| end + close.len());
    Some(text.len() - inside.len() + end)
}

fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if char == '\\' {
            is_escaped = true;
        } else if char == quote {
            return at + quote.len_utf8();
        }
    }
    text.len()
}

#[test]
fn the_scanner_sees_code_and_nothing_else() {
    let text = "fn a<'x>(c: char) { // fn no() {}\n    b('\"', \"}\\\"{\", r#\"}\"#, '\\'', b'{');\n}\n\
                #[cfg(test)]\nmod tests {\n    fn t() { /* { /* { */ */ }\n}\ntrait T { fn absent(&self) -> [u8; 4]; }\n";
    let source = Source::of(&File { path: "crates/x/src/a.rs".to_owned(), text: text.to_owned() });
    let found: Vec<_> = source.functions().iter().map(|it| (it.name.clone(), it.lines, it.is_test)).collect();
    assert_eq!(found, [("a".to_owned(), 3, false), ("t".to_owned(), 1, true)]);
    assert!(source.code.contains("<'x>") && !source.code.contains("no()"));
}
