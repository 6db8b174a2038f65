//! The config structs as their sources have them: names, doc comments, types. A reader of the few shapes that are used there.

use std::collections::BTreeMap;

use crate::support::root;

/// A field of a struct, or a variant of an enum.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) doc: String,
    /// Its type; empty for a variant without one.
    pub(crate) kind: String,
    pub(crate) has_default: bool,
    pub(crate) is_flat: bool,
}

/// A struct or an enum.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) is_enum: bool,
    /// Whether all of its fields may be left out.
    pub(crate) has_default: bool,
    pub(crate) fields: Vec<Field>,
}

/// Every type of the configuration by its name.
#[derive(Debug)]
pub(crate) struct Types(BTreeMap<String, Type>);

impl Types {
    /// Reads the sources.
    pub(crate) fn read() -> Types {
        let folder = root().join("crates/nexus/src/config");
        let mut paths = vec![root().join("crates/nexus/src/config.rs")];
        paths.extend(std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
        let mut types = BTreeMap::new();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|it| it == "rs")) {
            let text = std::fs::read_to_string(path).unwrap();
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            Reader { lines: product.lines(), doc: Vec::new(), attributes: String::new() }.read(&mut types);
        }
        Types(types)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Type> {
        self.0.get(name)
    }
}

struct Reader<'a> {
    lines: std::str::Lines<'a>,
    doc: Vec<&'a str>,
    attributes: String,
}

impl<'a> Reader<'a> {
    fn read(mut self, types: &mut BTreeMap<String, Type>) {
        while let Some(line) = self.lines.next() {
            if self.note(line.trim()) {
                continue;
            }
            let head = line.strip_suffix(" {").unwrap_or_default();
            let named = head.strip_prefix("pub struct ").map(|name| (name, false));
            match named.or_else(|| head.strip_prefix("pub enum ").map(|name| (name, true))) {
                Some((name, is_enum)) if self.attributes.contains("Deserialize") => {
                    self.doc.clear();
                    let has_default = self.take_attributes().contains("serde(default");
                    let fields = self.fields(is_enum);
                    types.insert(name.to_owned(), Type { is_enum, has_default, fields });
                }
                _ => self.forget(),
            }
        }
    }

    fn fields(&mut self, is_enum: bool) -> Vec<Field> {
        let mut fields = Vec::new();
        while let Some(line) = self.lines.next().map(str::trim) {
            if line == "}" {
                return fields;
            }
            if self.note(line) || line.is_empty() {
                continue;
            }
            let (doc, attributes) = (self.take_doc(), self.take_attributes());
            let line = line.trim_end_matches(',');
            let (name, kind) = match line.strip_prefix("pub ").and_then(|rest| rest.split_once(": ")) {
                Some((name, kind)) => (name, kind),
                None if is_enum => {
                    line.split_once('(').map_or((line, ""), |(name, kind)| (name, kind.trim_end_matches(')')))
                }
                None => panic!("a field that cannot be read: {line}"),
            };
            fields.push(Field {
                name: name.to_owned(),
                doc,
                kind: kind.replace("super::hidden::", ""),
                has_default: attributes.contains("default"),
                is_flat: attributes.contains("flatten"),
            });
        }
        panic!("a type that does not end");
    }

    /// Keeps a comment or an attribute for what comes next.
    fn note(&mut self, line: &'a str) -> bool {
        if let Some(doc) = line.strip_prefix("///") {
            self.doc.push(doc.trim());
            return true;
        }
        if line.starts_with("#[") {
            self.attributes.push_str(line);
            // One of several lines ends with the bracket.
            let mut last = line;
            while !last.ends_with(']') {
                last = self.lines.next().map(str::trim).unwrap_or_default();
                self.attributes.push_str(last);
            }
            return true;
        }
        false
    }

    fn take_doc(&mut self) -> String {
        std::mem::take(&mut self.doc).join(" ")
    }

    fn take_attributes(&mut self) -> String {
        std::mem::take(&mut self.attributes)
    }

    fn forget(&mut self) {
        self.doc.clear();
        self.attributes.clear();
    }
}
