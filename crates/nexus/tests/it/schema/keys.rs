//! What a schema says of keys, and what the parser says.

use std::collections::BTreeSet;

use nexus::config::Config;
use nexus::config::rate::BurstRate;
use nexus::config::secret::SecretConfig;
use nexus::config::workflow::MappedRoute;
use nexus_kernel::Json;

/// A key that nobody knows.
const UNKNOWN: &str = "zzz-unknown";

/// A table of the schema that takes these keys and no others.
pub(crate) struct Table {
    /// Its keys from the top; lists are marked by `[]` at the end.
    path: Vec<String>,
    /// The name of its type, where it is one of several forms.
    form: Option<String>,
    pub(crate) keys: BTreeSet<String>,
}

impl Table {
    pub(crate) fn place(&self) -> String {
        self.path.join(".")
    }

    /// The keys that the parser says it knows there.
    pub(crate) fn known_to_the_parser(&self) -> BTreeSet<String> {
        let line = format!("{UNKNOWN} = 1\n");
        let told = match self.form.as_deref() {
            Some("BurstRate") => toml::from_str::<BurstRate>(&line).unwrap_err().message().to_owned(),
            Some("MappedRoute") => toml::from_str::<MappedRoute>(&line).unwrap_err().message().to_owned(),
            Some("SecretConfig") => toml::from_str::<SecretConfig>(&line).unwrap_err().message().to_owned(),
            Some(form) => panic!("nobody knows how to ask for {form}"),
            None => told(&format!("{}{line}", self.head())),
        };
        named(&told)
    }

    /// The keys that no table of this kind in a file has.
    pub(crate) fn missing_in(&self, file: &Json) -> Vec<String> {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let path: &[&str] = match path[..] {
            [.., "fields", "x"] | ["sandbox", _, "x"] => return Vec::new(),
            [.., "breaker"] => &["breaker"],
            ["namespaces", "x", "events"] => &["events"],
            _ if self.form.is_some() => return Vec::new(),
            _ => &path,
        };
        let found = below(file, path);
        let is_missing = |key: &&String| !found.iter().any(|table| table.get(key.as_str()).is_some());
        self.keys.iter().filter(is_missing).map(|key| format!("{}.{key}", path.join("."))).collect()
    }

    fn head(&self) -> String {
        match self.path.split_last() {
            None => String::new(),
            Some((last, _)) if last.ends_with("[]") => {
                format!("[[{}]]\n", self.place().trim_end_matches("[]"))
            }
            Some(_) => format!("[{}]\n", self.place()),
        }
    }
}

/// What the parser says of a file: the message of the first error, and the help where that has the names.
fn told(text: &str) -> String {
    let error = Config::parse(text).unwrap_err();
    let message = error.message();
    if message.starts_with("unknown field") && message.contains("expected") {
        return message.to_owned();
    }
    let help = error.help_text().unwrap_or_default();
    let (_, names) = help
        .split_once(": ")
        .or_else(|| help.split_once(" are "))
        .unwrap_or_else(|| panic!("{text}: {error}"));
    names.split(", ").map(|name| format!(" `{name}`")).fold(format!("`{UNKNOWN}`"), |all, name| all + &name)
}

/// The names in backticks, but for the first.
fn named(message: &str) -> BTreeSet<String> {
    let all = message.split('`').skip(1).step_by(2).map(ToOwned::to_owned);
    all.filter(|name| name != UNKNOWN).collect()
}

/// Every table of a file at a path, in which `x` stands for any name.
fn below<'a>(file: &'a Json, path: &[&str]) -> Vec<&'a Json> {
    let [key, rest @ ..] = path else { return vec![file] };
    let inner: Vec<&Json> = match *key {
        "x" => file.as_object().into_iter().flat_map(|all| all.values()).collect(),
        key => match file.get(key.trim_end_matches("[]")) {
            Some(Json::Array(items)) => items.iter().collect(),
            found => found.into_iter().collect(),
        },
    };
    inner.into_iter().flat_map(|value| below(value, rest)).collect()
}

/// Every table of a schema that is closed.
pub(crate) fn tables(schema: &Json) -> Vec<Table> {
    let mut found = Vec::new();
    walk(schema, &mut Vec::new(), &mut found);
    found
}

fn walk(schema: &Json, path: &mut Vec<String>, found: &mut Vec<Table>) {
    if schema["additionalProperties"] == false {
        let keys = schema["properties"].as_object().unwrap().keys().cloned().collect();
        let form = schema["title"].as_str().filter(|_| !path.is_empty()).map(ToOwned::to_owned);
        found.push(Table { path: path.clone(), form, keys });
    }
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        path.push(key.clone());
        walk(inner, path, found);
        path.pop();
    }
    if schema["additionalProperties"].is_object() {
        path.push("x".to_owned());
        walk(&schema["additionalProperties"], path, found);
        path.pop();
    }
    if schema["items"].is_object() {
        let last = path.pop().unwrap();
        path.push(format!("{last}[]"));
        walk(&schema["items"], path, found);
        path.pop();
        path.push(last);
    }
    for form in schema["anyOf"].as_array().into_iter().flatten() {
        walk(form, path, found);
    }
}

/// Every key of the tables that are always there, with its schema.
pub(crate) fn each(schema: &Json, see: &mut impl FnMut(&[&str], &Json)) {
    each_below(schema, &[], see);
}

fn each_below(schema: &Json, path: &[&str], see: &mut impl FnMut(&[&str], &Json)) {
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = [path, &[key.as_str()]].concat();
        see(&path, inner);
        each_below(inner, &path, see);
    }
}
