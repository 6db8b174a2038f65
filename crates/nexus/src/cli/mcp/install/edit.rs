//! A change in a file of JSON with comments that leaves everything else as it is.

use std::ops::Range;

use nexus_kernel::Json;
use serde_json::json;

/// Spaces of one level, where the file does not show its own.
const INDENT: &str = "  ";

/// The text with this server under `section`; an error says why the text is not one that can be changed.
pub(super) fn with_server(text: &str, (section, name): (&str, &str), entry: &Json) -> Result<String, String> {
    if text.trim().is_empty() {
        return Ok(format!("{}\n", pretty(&json!({ section: { name: entry } }), 0)));
    }
    let outer = Scanner::new(text).object()?;
    let Some(servers) = outer.value(section) else {
        return Ok(inserted(text, &outer, section, &json!({ name: entry }), 1));
    };
    if !text.get(servers.clone()).is_some_and(|value| value.starts_with('{')) {
        return Err(format!("{section:?} in it is no object"));
    }
    let mut scanner = Scanner::new(text);
    scanner.at = servers.start;
    let inner = scanner.members()?;
    match inner.value(name) {
        Some(value) => Ok(spliced(text, value, &pretty(entry, 2))),
        None => Ok(inserted(text, &inner, name, entry, 2)),
    }
}

fn spliced(text: &str, range: Range<usize>, with: &str) -> String {
    let (before, after) = (text.get(..range.start).unwrap_or(""), text.get(range.end..).unwrap_or(""));
    format!("{before}{with}{after}")
}

/// A new member behind the last one, where comments behind that one stay with it.
fn inserted(text: &str, object: &Object, name: &str, value: &Json, depth: usize) -> String {
    let (member, indent) = (format!("{}: {}", json!(name), pretty(value, depth)), INDENT.repeat(depth));
    match object.members.last() {
        Some((_, last)) if object.has_comma => {
            let at = object.comma.unwrap_or(last.end);
            spliced(text, at..at, &format!("\n{indent}{member}"))
        }
        Some((_, last)) => spliced(text, last.end..last.end, &format!(",\n{indent}{member}")),
        None => {
            let outer = INDENT.repeat(depth - 1);
            // What stands in an object without members can only be comments.
            let at = object.end - 1;
            let kept = text.get(object.start + 1..at).unwrap_or("").trim_end().len() + object.start + 1;
            spliced(text, kept..at, &format!("\n{indent}{member}\n{outer}"))
        }
    }
}

/// JSON over several lines, the first one to stand behind something.
fn pretty(value: &Json, depth: usize) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.replace('\n', &format!("\n{}", INDENT.repeat(depth)))
}

/// Where an object and its members are in a text.
#[derive(Debug)]
struct Object {
    start: usize,
    end: usize,
    members: Vec<(String, Range<usize>)>,
    /// Whether a comma follows the last member, and where it ends.
    has_comma: bool,
    comma: Option<usize>,
}

impl Object {
    fn value(&self, name: &str) -> Option<Range<usize>> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, range)| range.clone())
    }
}

/// Reads JSON with comments and trailing commas, keeping places instead of values.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// Deepest nesting that is read.
const DEPTH_MAX: usize = 100;

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Scanner<'a> {
        // Some programs write a byte order mark.
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Scanner { text, at, depth: 0 }
    }

    /// The one object that a file is.
    fn object(mut self) -> Result<Object, String> {
        self.blank()?;
        if self.peek() != Some('{') {
            return Err(self.fault("it is no object"));
        }
        let object = self.members()?;
        self.blank()?;
        match self.peek() {
            None => Ok(object),
            Some(_) => Err(self.fault("something follows its object")),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn fault(&self, why: &str) -> String {
        let before = self.text.get(..self.at).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        format!("{why} (line {line}, column {column})")
    }

    /// Passes blanks and comments.
    fn blank(&mut self) -> Result<(), String> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or("");
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.at += rest.find("*/").ok_or_else(|| self.fault("a comment does not end"))? + 2;
            } else if rest.starts_with(char::is_whitespace) {
                self.take();
            } else {
                return Ok(());
            }
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.take() == Some(wanted) {
            return Ok(());
        }
        Err(self.fault(&format!("{wanted:?} is missing")))
    }

    /// An object, from its brace on.
    fn members(&mut self) -> Result<Object, String> {
        let start = self.at;
        self.expect('{')?;
        let mut object = Object { start, end: start, members: Vec::new(), has_comma: false, comma: None };
        loop {
            self.blank()?;
            if self.peek() == Some('}') {
                self.take();
                object.end = self.at;
                return Ok(object);
            }
            if !object.members.is_empty() && !object.has_comma {
                return Err(self.fault("a comma is missing"));
            }
            let name = self.name()?;
            self.blank()?;
            self.expect(':')?;
            self.blank()?;
            let from = self.at;
            self.value()?;
            object.members.push((name, from..self.at));
            self.blank()?;
            object.has_comma = self.peek() == Some(',');
            if object.has_comma {
                self.take();
                object.comma = Some(self.at);
            }
        }
    }

    fn name(&mut self) -> Result<String, String> {
        let from = self.at;
        self.string()?;
        let text = self.text.get(from..self.at).unwrap_or("");
        serde_json::from_str(text).map_err(|_| self.fault("a name cannot be read"))
    }

    fn string(&mut self) -> Result<(), String> {
        if self.peek() != Some('"') {
            return Err(self.fault("a text in quotes is missing"));
        }
        self.take();
        loop {
            match self.take() {
                Some('"') => return Ok(()),
                Some('\\') => {
                    self.take();
                }
                Some('\n') | None => return Err(self.fault("a text does not end")),
                Some(_) => {}
            }
        }
    }

    fn value(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.fault("it is nested too deeply"));
        }
        match self.peek() {
            Some('{') => drop(self.members()?),
            Some('[') => self.array()?,
            Some('"') => self.string()?,
            _ => self.word()?,
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self) -> Result<(), String> {
        self.take();
        loop {
            self.blank()?;
            if self.peek() == Some(']') {
                self.take();
                return Ok(());
            }
            self.value()?;
            self.blank()?;
            match self.peek() {
                Some(',') => drop(self.take()),
                Some(']') => {}
                _ => return Err(self.fault("a comma or ']' is missing")),
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<(), String> {
        let from = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')) {
            self.take();
        }
        let text = self.text.get(from..self.at).unwrap_or("");
        match serde_json::from_str::<Json>(text) {
            Ok(_) => Ok(()),
            Err(_) => {
                self.at = from;
                Err(self.fault("a value is missing"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edit(text: &str) -> Result<String, String> {
        with_server(text, ("mcpServers", "nexus"), &json!({ "command": "nexus", "args": ["a"] }))
    }

    #[test]
    fn what_else_is_in_the_file_stays_as_it_is() {
        let text = "// mine\n{\n    \"theme\": \"dark\", // nice\n    \"mcpServers\": {\n        /* old */ \"other\": { \
                    \"command\": \"x\" } // why\n    },\n}\n";
        let edited = edit(text).unwrap();
        for part in
            ["// mine\n", "\"theme\": \"dark\", // nice\n", "/* old */ \"other\": { \"command\": \"x\" }"]
        {
            assert!(edited.contains(part), "{edited}");
        }
        assert!(edited.contains("\"nexus\": {"), "{edited}");
        assert_eq!(edit(&edited).unwrap(), edited, "twice is once");
    }

    #[test]
    fn a_server_that_is_there_is_replaced() {
        let edited = edit("{\"mcpServers\": {\"nexus\": {\"command\": \"old\"}, \"b\": 1}}").unwrap();
        let value: Json = serde_json::from_str(&edited).unwrap();
        assert_eq!(value["mcpServers"], json!({ "nexus": { "command": "nexus", "args": ["a"] }, "b": 1 }));
    }

    #[test]
    fn files_that_are_broken_are_refused_with_a_place() {
        for (text, why) in [
            ("[]", "it is no object (line 1, column 1)"),
            ("{ \"a\": 1 } x", "something follows its object (line 1, column 12)"),
            ("{\n \"a\" 1 }", "':' is missing (line 2, column 7)"),
            ("{ \"a\": }", "a value is missing (line 1, column 8)"),
            ("{ \"a\": \"b }", "a text does not end (line 1, column 12)"),
            ("{ \"a\": 1 \"b\": 2 }", "a comma is missing (line 1, column 10)"),
            ("{ /* ", "a comment does not end (line 1, column 3)"),
            ("{ \"mcpServers\": [] }", "\"mcpServers\" in it is no object"),
        ] {
            assert_eq!(edit(text).unwrap_err(), why, "{text}");
        }
    }

    fn any_object() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<i32>().prop_map(|n| json!(n)),
            ".{0,8}".prop_map(|s| json!(s))
        ];
        let tree = leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
                prop::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        });
        prop::collection::btree_map("[a-z]{1,4}|mcpServers", tree, 0..5)
            .prop_map(|map| Json::Object(map.into_iter().collect()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn nothing_is_lost_in_any_file(mut value in any_object(), is_pretty in any::<bool>()) {
            if value.get("mcpServers").is_some_and(|it| !it.is_object()) {
                value["mcpServers"] = json!({});
            }
            let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let edited: Json = serde_json::from_str(&edit(&text.unwrap()).unwrap()).unwrap();
            value["mcpServers"]["nexus"] = json!({ "command": "nexus", "args": ["a"] });
            prop_assert_eq!(edited, value);
        }

        #[test]
        fn no_text_makes_a_panic(text in "[{}\\[\\]\",:/* a1\\n\\\\]{0,40}|.{0,40}") {
            let _ = edit(&text);
        }
    }
}
