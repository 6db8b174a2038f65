//! A configuration as text again: TOML, each value with where it comes from.

use std::fmt::Write as _;

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::{Map, json};

use super::hidden::REDACTED;
use super::origin::{Origin, Origins, Path};
use super::{Config, FILE};

/// A configuration as data. What is not set is left out; what may be a secret is hidden by its type.
pub fn data(config: &Config) -> Result<Json, Error> {
    let mut value = serde_json::to_value(config).map_err(|error| Error::internal(error.to_string()))?;
    strip(&mut value);
    Ok(value)
}

fn strip(value: &mut Json) {
    match value {
        Json::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(strip);
        }
        Json::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Where a value comes from, in words.
pub fn told(origin: Origin, preset: &str) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::Preset => format!("preset {preset}"),
        Origin::File(line, _) => format!("{FILE}:{line}"),
    }
}

/// A configuration as `nexus.toml`.
pub fn toml(config: &Config, origins: &Origins) -> Result<String, Error> {
    let data = data(config)?;
    let mut writer = Writer { text: String::new(), origins, preset: config.preset_name() };
    if let Json::Object(fields) = &data {
        writer.table(fields, &mut Path::new());
    }
    let text = writer.text.trim_start().to_owned();
    if text.contains(REDACTED) {
        return Ok(format!(
            "# {REDACTED} stands for what may be a secret: this file means the same once it is put back.\n\n{text}"
        ));
    }
    Ok(text)
}

/// The same for programs: the values, and where each comes from.
pub fn with_origins(config: &Config, origins: &Origins) -> Result<Json, Error> {
    let data = data(config)?;
    let mut from = Map::new();
    leaves(&data, &mut Path::new(), &mut |path, _| {
        from.insert(dotted(path), told(origins.at(path), config.preset_name()).into());
    });
    Ok(json!({ "config": data, "from": from }))
}

fn leaves(value: &Json, path: &mut Path, each: &mut impl FnMut(&Path, &Json)) {
    let Json::Object(fields) = value else { return each(path, value) };
    for (key, value) in fields {
        path.push(key.clone());
        leaves(value, path, each);
        path.pop();
    }
}

struct Writer<'a> {
    text: String,
    origins: &'a Origins,
    preset: &'static str,
}

impl Writer<'_> {
    /// A table: its values first, then the tables in it.
    fn table(&mut self, fields: &Map<String, Json>, path: &mut Path) {
        let is_table = |value: &Json| value.is_object() || is_list_of_tables(value);
        let is_said = !path.is_empty() && self.origins.at(path) != Origin::Default;
        let has_values = fields.values().any(|value| !is_table(value));
        if !path.is_empty() && (has_values || (is_said && !fields.values().any(has_leaf))) {
            self.line(format!("\n[{}]", dotted(path)));
        }
        for (key, value) in fields.iter().filter(|(_, value)| !is_table(value)) {
            path.push(key.clone());
            let from = told(self.origins.at(path), self.preset);
            self.line(format!("{} = {}  # {from}", quoted(key), inline(value)));
            path.pop();
        }
        for (key, value) in fields.iter().filter(|(_, value)| is_table(value)) {
            path.push(key.clone());
            match value {
                Json::Array(items) => self.list(items, path),
                Json::Object(fields) => self.table(fields, path),
                _ => {}
            }
            path.pop();
        }
    }

    fn list(&mut self, items: &[Json], path: &mut Path) {
        for (index, item) in items.iter().enumerate() {
            self.line(format!("\n[[{}]]", dotted(path)));
            if let Json::Object(fields) = item {
                self.item(fields, path, index);
            }
        }
    }

    /// An item of a list: names of tables in it leave the place in the list out, places of values have it.
    fn item(&mut self, fields: &Map<String, Json>, path: &mut Path, index: usize) {
        let mut place = path.clone();
        place.push(index.to_string());
        for (key, value) in fields {
            place.push(key.clone());
            let from = told(self.origins.at(&place), self.preset);
            self.line(format!("{} = {}  # {from}", quoted(key), inline(value)));
            place.pop();
        }
    }

    fn line(&mut self, line: String) {
        self.text.push_str(&line);
        self.text.push('\n');
    }
}

/// Whether there is a value to print in it.
fn has_leaf(value: &Json) -> bool {
    value.as_object().is_none_or(|fields| fields.values().any(has_leaf))
}

fn is_list_of_tables(value: &Json) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(Json::is_object))
}

/// Keys with points between.
pub fn dotted(path: &[String]) -> String {
    path.iter().map(|key| quoted(key)).collect::<Vec<_>>().join(".")
}

/// A key as TOML writes it.
pub fn quoted(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if is_bare { key.to_owned() } else { string(key) }
}

/// A value on one line.
pub fn inline(value: &Json) -> String {
    match value {
        Json::String(text) => string(text),
        Json::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Json::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Json::Object(fields) => {
            let pair = |(key, value): (&String, &Json)| format!("{} = {}", quoted(key), inline(value));
            format!("{{ {} }}", fields.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A text as TOML writes it.
fn string(text: &str) -> String {
    let mut written = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            '\r' => written.push_str("\\r"),
            // Writing to a string cannot fail.
            c if c.is_control() => drop(write!(written, "\\u{:04X}", u32::from(c))),
            c => written.push(c),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::reading::Reading;

    proptest! {
        #[test]
        fn any_text_and_any_key_is_read_again(key in any::<String>(), text in any::<String>()) {
            let line = format!("{} = {}", quoted(&key), string(&text));
            let table: toml::Table = toml::from_str(&line).unwrap();
            prop_assert_eq!(table.get(&key).and_then(|value| value.as_str()), Some(text.as_str()));
        }
    }

    /// Sections that can stand beside each other in any choice.
    const SECTIONS: [&str; 23] = [
        "[project]\nname = \"a \\\"b\\\" c\"\n",
        "[log]\nformat = \"json\"\nlevel = \"debug\"\n",
        "[telemetry]\notlp_endpoint = \"http://127.0.0.1:4318\"\nsample_ratio = 0.25\n",
        "[auth]\nenabled = true\n",
        "[auth.roles.\"a b\"]\ninherits = [\"viewer\"]\npermissions = [\"event:read\"]\nwhen = \"input.n < 3\"\n",
        "[secrets.s]\nenv = \"S\"\n[auth.issuers.a]\nissuer = \"https://a.example\"\naudiences = [\"n\"]\nsecret = \"s\"\n",
        "[auth.issuers.b]\nissuer = \"https://b.example\"\naudiences = [\"n\"]\nskew = \"1m30s\"\nroles = { x = [\"viewer\"] }\n",
        "[audit]\nretention = \"400d\"\ninputs = true\n",
        "[limits]\nprincipal = { rate = \"9/s\", burst = 2 }\nanonymous = \"7/day\"\n",
        "[limits.operations.\"shop/Pay\"]\ntotal = \"5/6h\"\nconcurrent = 3\n",
        "[breaker]\npercent = 20\n",
        "[workflows.Pay]\nhttp = [\"POST /pay\", { route = \"GET /pay/{id}\", query = { q = \"n\" } }]\nbreaker = { rest = \"90s\" }\n",
        "[workflows.\"shop/Pay\"]\nfields.n = { minimum = 1, enum = [1, 2.5, true, \"x\"] }\ncache = { ttl = \"90s\", tags = [\"a:{n}\"] }\n",
        "[[workflows.See.examples]]\ninput = { a = { b = [1, { c = \"d\" }] } }\noutput = [1]\n",
        "[engine]\nretention = \"30d\"\nshards = 2\n[events]\nmax = 5\n",
        "[sandbox]\ncpu_ms_max = 100\n[sandbox.functions.F]\ncpu_ms_max = 50\n[sandbox.namespaces.team]\nhost_calls_max = 5\n",
        "[http]\nallow_addresses = [\"10.0.0.0/8\"]\n[http.breaker]\nfailures = 3\n",
        "[mcp.servers.shop]\ntools = [\"Pay\"]\n",
        "[namespaces.team]\n[namespaces.shop.quotas]\nrequests = \"9/min\"\nruns = 7\n[namespaces.shop.search_attributes]\nTier = \"Keyword\"\n",
        "[activities.A]\nbinding = \"process\"\ncommand = [\"cat\"]\nenvironment = { A = \"${PATH}\" }\n",
        "[endpoints.\"a.b\"]\nurl = \"https://a.example\"\n[endpoints.c]\nnamespace = \"team\"\n[endpoints.d]\nregistered = true\n",
        "[services.Cards.operations.Charge]\nfunction = \"charge\"\ntimeout = \"90s\"\n",
        "[[on]]\nevent = \"a.*\"\nworkflow = \"Pay\"\ninput = { n = \"{data.n}\", t = 2020-01-02 }\n[[on]]\nevent = \"b\"\nworkflow = \"Pay\"\n",
    ];

    proptest! {
        #[test]
        fn what_is_printed_means_the_same(
            sections in proptest::sample::subsequence(SECTIONS.to_vec(), 0..SECTIONS.len()),
            preset in proptest::sample::select(vec!["", "lightweight", "standard", "saas", "enterprise"]),
        ) {
            let server = if preset.is_empty() { String::new() } else { format!("[server]\npreset = {preset:?}\n") };
            let reading = Reading::of(&format!("{server}{}", sections.concat()));
            prop_assert!(reading.errors.is_empty(), "{:?}", reading.errors);
            let (given, filled) = (reading.config, |config: &Config| config.filled("shop"));
            let printed = toml(&filled(&given), &reading.origins).unwrap();
            let again = Config::parse(&printed).map_err(|error| TestCaseError::fail(format!("{error}: {printed}")))?;
            prop_assert_eq!(&again, &filled(&given), "{}", printed);
            prop_assert_eq!(filled(&again), filled(&given));
            // Defaults that are said are the defaults that hold when they are not.
            prop_assert_eq!(again.settings().unwrap(), given.settings().unwrap());
            prop_assert_eq!(again.limiting().unwrap(), given.limiting().unwrap());
            prop_assert_eq!(again.breakers().unwrap(), given.breakers().unwrap());
            prop_assert_eq!(again.audit.is_enabled(again.auth.enabled), given.audit.is_enabled(given.auth.enabled));
            for (name, issuer) in &given.auth.issuers {
                let printed = &again.auth.issuers[name];
                prop_assert_eq!(printed.mapping().unwrap(), issuer.mapping().unwrap());
                prop_assert_eq!(printed.algorithms().unwrap(), issuer.algorithms().unwrap());
            }
            for function in ["F", "G"] {
                let limits = |config: &Config| format!("{:?}", config.sandbox.limits("team", function));
                prop_assert_eq!(limits(&again), limits(&given));
            }
        }
    }

    #[test]
    fn values_say_where_they_come_from() {
        let text = "[server]\nport = 9\n[[on]]\nevent = \"a\"\nworkflow = \"W\"\n[namespaces.team]\n";
        let reading = Reading::of(text);
        let printed = toml(&reading.config.filled("shop"), &reading.origins).unwrap();
        for line in
            ["port = 9  # nexus.toml:2", "host = \"127.0.0.1\"  # default", "event = \"a\"  # nexus.toml:4"]
        {
            assert!(printed.contains(line), "{line}: {printed}");
        }
        let same = Config::parse(&printed).unwrap();
        assert_eq!(same, reading.config.filled("shop"));
    }

    #[test]
    fn secrets_are_printed_by_reference() {
        let text = "[activities.A]\nbinding = \"http\"\nurl = \"https://ada:sesame@a.example/\"\n\
                    headers = { a = \"sesame\", b = \"Bearer ${PATH}\" }\n[secrets.key]\nenv = \"KEY\"\n";
        let reading = Reading::of(text);
        let printed = toml(&reading.config, &reading.origins).unwrap();
        assert!(!printed.contains("sesame") && printed.contains("Bearer ${PATH}"), "{printed}");
        assert!(printed.contains("env = \"KEY\""), "{printed}");
        let told = Config::parse(&printed).unwrap_err();
        assert!(told.message().contains("[redacted]"), "{}", told.message());
        for text in [
            "[telemetry]\notlp_endpoint = \"https://[redacted]@a.example\"",
            "[secrets.s]\nenv = \"S\"\n[webhooks.w]\nurl = \"https://a/?[redacted]\"\nsecret = \"s\"",
            "[secrets.s]\nenv = \"S\"\n[inbound.i]\nscheme = \"twilio\"\nurl = \"https://a/?[redacted]\"\nevent = \"e\"\nsecret = \"s\"",
        ] {
            assert!(Config::parse(text).unwrap_err().message().contains("[redacted]"), "{text}");
        }
        assert!(!with_origins(&reading.config, &reading.origins).unwrap().to_string().contains("sesame"));
        assert!(!format!("{:?}", reading.config).contains("sesame"));
    }
}
