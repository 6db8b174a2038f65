//! What a file asks for itself: `export const limits = { Charge: { cpuMs: 20 } }`.
//!
//! It is read from the text as written; nothing is executed and nothing of it is believed but numbers, which only ever
//! lower a limit. So the line counts even where it stands in a comment of many lines or in a template: reading less than
//! JavaScript can say costs a function some room at worst.

use std::collections::BTreeMap;

use nexus_kernel::suggest::nearest;

use crate::compile::JsError;
use crate::limits::Limits;
use crate::setting::{SETTINGS, Setting};

/// How the line begins.
const START: &str = "export const limits";

/// The wishes of a file, by function.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wishes(BTreeMap<String, Wish>);

/// The wish of one function.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wish(Vec<(&'static str, u64)>);

impl Wish {
    /// Lowers limits to what is wished for; a wish for more changes nothing.
    pub fn lower(&self, limits: &mut Limits) {
        for (name, value) in &self.0 {
            if let Some(setting) = Setting::of_wish(name)
                && *value < setting.get(limits)
            {
                setting.set(limits, *value);
            }
        }
    }
}

impl Wishes {
    /// Reads the wishes of a file; nothing when it has none.
    pub fn read(file: &str, source: &str) -> Result<Option<Wishes>, JsError> {
        let Some(at) = start(source) else { return Ok(None) };
        let mut reader = Reader { file, source, at };
        reader.skip_annotation()?;
        reader.functions().map(|wishes| Some(Wishes(wishes)))
    }

    /// The functions that wish for something.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The wish of a function.
    pub fn of(&self, function: &str) -> Option<&Wish> {
        self.0.get(function)
    }
}

/// The place behind the name.
fn start(source: &str) -> Option<usize> {
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix(START)
            && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
        {
            return Some(at + START.len());
        }
        at += line.len();
    }
    None
}

struct Reader<'a> {
    file: &'a str,
    source: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, message: impl Into<String>) -> JsError {
        let before = self.source.get(..self.at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        JsError::new(self.file, Some((number(line), number(column))), message)
    }

    /// Space and comments.
    fn skip_space(&mut self) {
        loop {
            let rest = self.rest().trim_start();
            let end = match rest.get(..2) {
                Some("//") => rest.find('\n').unwrap_or(rest.len()),
                Some("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
                _ => 0,
            };
            self.at = self.source.len() - rest.len() + end;
            if end == 0 {
                return;
            }
        }
    }

    /// A type annotation before the value, if there is one.
    fn skip_annotation(&mut self) -> Result<(), JsError> {
        match self.rest().find('=') {
            Some(sign) => self.at += sign + 1,
            None => return Err(self.wrong("limits must be an object of numbers, written out here")),
        }
        Ok(())
    }

    fn take(&mut self, sign: char) -> bool {
        self.skip_space();
        let is_there = self.rest().starts_with(sign);
        if is_there {
            self.at += sign.len_utf8();
        }
        is_there
    }

    fn expect(&mut self, sign: char) -> Result<(), JsError> {
        if self.take(sign) { Ok(()) } else { Err(self.wrong(format!("limits: {sign:?} is expected here"))) }
    }

    /// `{ name: …, name: … }`
    fn object(
        &mut self,
        mut entry: impl FnMut(&mut Self, &'a str) -> Result<(), JsError>,
    ) -> Result<(), JsError> {
        self.expect('{')?;
        while !self.take('}') {
            let name = self.name()?;
            self.expect(':')?;
            entry(self, name)?;
            if !self.take(',') {
                return self.expect('}');
            }
        }
        Ok(())
    }

    fn functions(&mut self) -> Result<BTreeMap<String, Wish>, JsError> {
        let mut wishes = BTreeMap::new();
        self.object(|reader, function| {
            let mut wish = Vec::new();
            reader.object(|reader, name| {
                wish.push(reader.limit(name)?);
                Ok(())
            })?;
            wishes.insert(function.to_owned(), Wish(wish));
            Ok(())
        })?;
        Ok(wishes)
    }

    fn limit(&mut self, name: &str) -> Result<(&'static str, u64), JsError> {
        let Some(setting) = Setting::of_wish(name) else {
            let near = nearest(name, SETTINGS.iter().map(|setting| setting.wish));
            let error = self.wrong(format!("there is no limit {name}"));
            return Err(match near {
                Some(near) => error.help(&format!("did you mean {near}?")),
                None => error.help("docs/sandbox.md lists the limits"),
            });
        };
        let value = self.number()?;
        if !setting.range.contains(&value) {
            let (least, most) = (setting.range.start(), setting.range.end());
            return Err(self.wrong(format!("{name}: {value} is not from {least} to {most}")));
        }
        Ok((setting.wish, value))
    }

    /// A name, bare or in quotes.
    fn name(&mut self) -> Result<&'a str, JsError> {
        self.skip_space();
        let rest = self.rest();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (name, len) = if let Some(quote) = quote {
            let name = rest.get(1..).and_then(|rest| rest.split(quote).next()).unwrap_or_default();
            (name, name.len() + 2)
        } else {
            let in_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
            let name = rest.split(|c| !in_name(c)).next().unwrap_or_default();
            (name, name.len())
        };
        if name.is_empty() {
            return Err(self.wrong("limits: a name is expected here; limits are numbers, written out"));
        }
        self.at += len;
        Ok(name)
    }

    /// A whole number; `_` between digits is allowed.
    fn number(&mut self) -> Result<u64, JsError> {
        self.skip_space();
        let digits =
            self.rest().split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.')).next();
        let digits = digits.unwrap_or_default();
        let value = digits
            .replace('_', "")
            .parse()
            .map_err(|_| self.wrong("limits: a whole number is expected here"))?;
        self.at += digits.len();
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Result<Option<Wishes>, String> {
        Wishes::read("a.ts", source)
            .map_err(|error| format!("{error}; {}", error.help.as_deref().unwrap_or_default()))
    }

    #[test]
    fn a_wish_lowers_and_never_raises() {
        let source = "// what it needs\nexport const limits: Limits = {\n  Charge: { cpuMs: 20, 'hostCalls': 1_0, memoryMib: 64 }, // little\n  \
                      \"Refund\": {}, /* none */\n} as const;\nexport function Charge() {}";
        let wishes = read(source).unwrap().unwrap();
        assert_eq!(wishes.functions().collect::<Vec<_>>(), ["Charge", "Refund"]);
        let mut limits = Limits { host_calls_max: 5, ..Limits::default() };
        wishes.of("Charge").unwrap().lower(&mut limits);
        assert_eq!(limits, Limits { cpu_ms_max: 20, host_calls_max: 5, ..Limits::default() });
        assert!(wishes.of("Other").is_none());
    }

    #[test]
    fn a_file_without_wishes_has_none() {
        for source in [
            "",
            "export function limits() {}",
            "export const limitsOf = {}",
            "const limits = {}",
            "  export const limits = 5",
        ] {
            assert_eq!(read(source), Ok(None), "{source}");
        }
    }

    #[test]
    fn what_is_no_wish_is_told_with_its_place() {
        for (source, told) in [
            (
                "export const limits = { A: { cpuMsec: 5 } }",
                "a.ts:1:38: there is no limit cpuMsec; did you mean cpuMs?",
            ),
            ("export const limits = make()", "a.ts:1:23: limits: '{' is expected here"),
            ("export const limits = { A: { cpuMs: 5 * 4 } }", "a.ts:1:39: limits: '}' is expected here"),
            (
                "export const limits = { A: { cpuMs: CPU } }",
                "a.ts:1:37: limits: a whole number is expected here",
            ),
            ("export const limits = { A: { cpuMs: 0 } }", "a.ts:1:38: cpuMs: 0 is not from 1 to 600000"),
            ("export const limits = { ...B }", "a.ts:1:25: limits: a name is expected here"),
            ("export const limits", "a.ts:1:20: limits must be an object of numbers"),
            ("export const limits = { A: { cpuMs: 1.5 } }", "a.ts:1:37: limits: a whole number"),
            ("export const limits = { A: {", "a name is expected here"),
        ] {
            let error = read(source).unwrap_err();
            assert!(error.contains(told), "{source}: {error}");
        }
    }

    #[test]
    fn any_text_can_be_read() {
        proptest::proptest!(|(text in "[{}:,'\"a-z0-9_/* \n=é]{0,40}")| {
            drop(read(&format!("{START}{text}")));
        });
    }
}
