//! The JSON Schema of `nexus.toml`: written from the config structs themselves, their doc comments and their defaults, and
//! held against what the parser accepts.

mod keys;
mod source;
mod write;

use nexus::config::Config;
use nexus_kernel::Json;
use serde_json::json;

use crate::support::{Project, root};
use source::Types;

/// The schema as it is made from the sources now.
fn made() -> Json {
    write::schema(&Types::read())
}

fn kept() -> Json {
    let text = std::fs::read_to_string(root().join("schemas/nexus.toml.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_schema_of_the_configuration_does_not_drift() {
    crate::drift::compare(
        "nexus.toml.json",
        &format!("{}\n", serde_json::to_string_pretty(&made()).unwrap()),
    );
}

#[test]
fn the_schema_is_printed() {
    let printed = Project::empty().nexus(&["config", "schema"]).ok();
    assert_eq!(printed.json(), kept());
}

/// The names that the parser knows are the names in the schema, in every table.
#[test]
fn the_schema_has_the_keys_that_the_parser_knows() {
    let tables = keys::tables(&made());
    assert!(tables.len() > 30, "only {} tables were found", tables.len());
    let wrong: Vec<String> = tables
        .iter()
        .filter_map(|table| {
            let known = table.known_to_the_parser();
            (known != table.keys).then(|| format!("[{}]: {known:?} and not {:?}", table.place(), table.keys))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_key_is_described() {
    let mut wrong = Vec::new();
    keys::each(&made(), &mut |path, schema| {
        if schema.get("description").is_none_or(|text| text.as_str().is_none_or(str::is_empty)) {
            wrong.push(path.join("."));
        }
    });
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Each default, written into a file, changes nothing.
#[test]
fn defaults_of_the_schema_are_the_defaults() {
    let mut count = 0;
    keys::each(&made(), &mut |path, schema| {
        let Some(default) = schema.get("default") else { return };
        let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
        let (key, table) = path.split_last().unwrap();
        let head = if table.is_empty() { String::new() } else { format!("[{}]\n", table.join(".")) };
        let text = format!("{head}{key} = {}\n", nexus::config::print::inline(default));
        let config = Config::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(config.filled("x"), Config::default().filled("x"), "{text}");
        count += 1;
    });
    assert!(count > 40, "only {count} defaults were found");
}

#[test]
fn every_nexus_toml_of_the_repository_fits() {
    let schema = kept();
    let mut count = 0;
    let mut fit = |name: &str, text: &str| {
        let value = serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap();
        if let Err(error) = nexus_gateway::schema::fits(&schema, &value, name) {
            panic!("{name}: {error:?}");
        }
        count += 1;
    };
    for file in files("nexus.toml") {
        fit(&file.display().to_string(), &std::fs::read_to_string(&file).unwrap());
    }
    let text = complete_file();
    fit("NX-1003", &text);
    fit("NX-1003, uncommented", &uncommented(&text));
    assert!(count >= 8, "only {count} files were found");
}

/// The file of the page with every key.
fn complete_file() -> String {
    let page = std::fs::read_to_string(root().join("docs/errors/NX-1003.md")).unwrap();
    page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

fn uncommented(text: &str) -> String {
    text.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The page says that it has every key; sections that are alike are there once.
#[test]
fn the_complete_file_has_every_key() {
    let text = uncommented(&complete_file());
    Config::parse(&text).unwrap_or_else(|error| panic!("the file of the page is refused: {error:?}"));
    let file: Json = toml::from_str(&text).unwrap();
    let missing: Vec<String> =
        keys::tables(&made()).iter().flat_map(|table| table.missing_in(&file)).collect();
    assert!(missing.is_empty(), "docs/errors/NX-1003.md lacks {missing:#?}");
}

fn files(name: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (kind, file) = (entry.file_type().unwrap(), entry.file_name());
            if kind.is_dir() && file != "target" && file != "node_modules" && file != ".git" {
                folders.push(entry.path());
            } else if kind.is_file() && file == name {
                found.push(entry.path());
            }
        }
    }
    found
}

#[test]
fn the_schema_refuses_what_the_parser_refuses() {
    let schema = kept();
    for wrong in [
        json!({ "srver": {} }),
        json!({ "server": { "prot": 1 } }),
        json!({ "server": { "port": "x" } }),
        json!({ "server": { "port": 70_000 } }),
        json!({ "server": { "drain": 5 } }),
        json!({ "server": { "drain": "soon" } }),
        json!({ "audit": { "record": "some" } }),
        json!({ "limits": { "principal": "many" } }),
        json!({ "auth": { "issuers": { "a": { "issuer": "https://a" } } } }),
        json!({ "sandbox": { "cpu_msmax": 1 } }),
        json!({ "sandbox": { "functions": { "F": { "threads": 1 } } } }),
        json!({ "workflows": { "A": { "fields": { "b": { "minimun": 1 } } } } }),
        json!({ "on": [{ "event": "a" }] }),
    ] {
        let text = toml_of(&wrong);
        assert!(Config::parse(&text).is_err(), "the parser takes {text}");
        assert!(nexus_gateway::schema::fits(&schema, &wrong, "it").is_err(), "the schema takes {wrong}");
    }
}

fn toml_of(value: &Json) -> String {
    let fields = value.as_object().unwrap();
    let line = |(key, value): (&String, &Json)| format!("{key} = {}", nexus::config::print::inline(value));
    fields.iter().map(line).collect::<Vec<_>>().join("\n")
}
