//! A JSON Schema from types. It is of draft 7, which editors of TOML know.

use nexus::config::activity::PROCESSES_MAX;
use nexus::config::issuer::{PUBLIC, SHARED};
use nexus::config::limits::SIZES;
use nexus::config::workflow::KEYWORDS;
use nexus::config::{Config, print};
use nexus_gateway::webhook::Scheme;
use nexus_kernel::Json;
use nexus_kernel::visibility::AttributeType;
use nexus_sandbox::SETTINGS;
use serde_json::{Map, json};

use super::source::{Field, Type, Types};

/// Lengths of time: figures with units.
const LENGTH: &str = r"([0-9]+(\.[0-9]+)?(d|h|ms|m|s|us|ns))+";

/// The whole schema.
pub(crate) fn schema(types: &Types) -> Json {
    let mut defaults = print::data(&Config::default().filled("")).unwrap();
    // These follow from other settings.
    for (section, key) in [("project", "name"), ("audit", "enabled")] {
        defaults[section].as_object_mut().unwrap().remove(key);
    }
    let mut schema = Writer { types }.table("Config", &mut Vec::new(), Some(&defaults));
    let head = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "nexus.toml",
        "description": "The configuration of a Nexus project. Everything in it has a default.",
    });
    for (key, value) in head.as_object().unwrap().iter().rev() {
        schema.shift_insert(0, key.clone(), value.clone());
    }
    Json::Object(schema)
}

struct Writer<'a> {
    types: &'a Types,
}

impl Writer<'_> {
    fn table(&self, name: &str, path: &mut Vec<String>, default: Option<&Json>) -> Map<String, Json> {
        let of = self.types.get(name).unwrap_or_else(|| panic!("there is no type {name}"));
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in &of.fields {
            if field.is_flat {
                limits(&mut properties, name == "SandboxConfig", default);
                continue;
            }
            let is_optional = field.kind.starts_with("Option<") || field.has_default || of.has_default;
            if !is_optional {
                required.push(field.name.clone());
            }
            path.push(field.name.clone());
            properties.insert(
                field.name.clone(),
                self.field(field, path, default.and_then(|it| it.get(&field.name))),
            );
            path.pop();
        }
        let mut table = Map::new();
        table.insert("type".into(), "object".into());
        table.insert("additionalProperties".into(), false.into());
        if !required.is_empty() {
            table.insert("required".into(), json!(required));
        }
        table.insert("properties".into(), properties.into());
        table
    }

    fn field(&self, field: &Field, path: &mut Vec<String>, default: Option<&Json>) -> Json {
        let mut schema = Map::new();
        schema.insert("description".into(), field.doc.clone().into());
        schema.extend(self.kind(&field.kind, path, default));
        if let Some(variants) = self.types.get(inner(&field.kind)).filter(|it| it.is_enum && is_plain(it)) {
            let told: Vec<String> = variants
                .fields
                .iter()
                .map(|it| format!("`{}`: {}", it.name.to_lowercase(), it.doc))
                .collect();
            schema.insert("description".into(), format!("{} {}", field.doc, told.join(" ")).into());
        }
        let is_leaf = default.is_some_and(|value| !value.is_object());
        if let Some(default) = default.filter(|_| is_leaf) {
            schema.insert("default".into(), default.clone());
        }
        schema.extend(narrowed(&path.join(".")));
        schema.into()
    }

    fn kind(&self, kind: &str, path: &mut Vec<String>, default: Option<&Json>) -> Map<String, Json> {
        let object = |value: Json| value.as_object().cloned().unwrap_or_default();
        if let Some(inner) = generic(kind, "Option<") {
            return self.kind(inner, path, default);
        }
        if let Some(inner) = generic(kind, "Vec<") {
            return self.repeated(inner, path, "items", json!({ "type": "array" }));
        }
        if let Some(inner) = generic(kind, "BTreeMap<String, ") {
            return self.repeated(inner, path, "additionalProperties", json!({ "type": "object" }));
        }
        object(match kind {
            "bool" => json!({ "type": "boolean" }),
            "u8" => json!({ "type": "integer", "minimum": 0, "maximum": u8::MAX }),
            "u16" => json!({ "type": "integer", "minimum": 0, "maximum": u16::MAX }),
            "u32" => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
            "u64" | "usize" => json!({ "type": "integer", "minimum": 0 }),
            "f64" => json!({ "type": "number" }),
            "String" | "PathBuf" | "Namespace" | "Hidden" | "Address" => json!({ "type": "string" }),
            "Length" => json!({ "type": "string", "pattern": format!("^{LENGTH}$") }),
            "Retention" => json!({ "type": "string", "pattern": format!("^(forever|{LENGTH})$") }),
            "AttributeType" => json!({ "enum": AttributeType::ALL.map(AttributeType::as_str) }),
            "Json" => json!({}),
            "Map<String, Json>" => json!({ "type": "object" }),
            "LimitsConfig" => {
                let mut properties = Map::new();
                limits(&mut properties, false, None);
                json!({ "type": "object", "additionalProperties": false, "properties": properties })
            }
            name => return self.named(name, path, default),
        })
    }

    fn repeated(&self, kind: &str, path: &mut Vec<String>, key: &str, around: Json) -> Map<String, Json> {
        path.push("*".to_owned());
        let mut inner = self.kind(kind, path, None);
        inner.extend(narrowed(&path.join(".")));
        path.pop();
        let mut schema = around.as_object().cloned().unwrap_or_default();
        schema.insert(key.into(), inner.into());
        schema
    }

    fn named(&self, name: &str, path: &mut Vec<String>, default: Option<&Json>) -> Map<String, Json> {
        let of = self.types.get(name).unwrap_or_else(|| panic!("there is no type {name}"));
        if !of.is_enum {
            return self.table(name, path, default);
        }
        if is_plain(of) {
            let words: Vec<String> = of.fields.iter().map(|variant| variant.name.to_lowercase()).collect();
            return Map::from_iter([("enum".to_owned(), json!(words))]);
        }
        // One of several forms: a text, or a table.
        let form = |variant: &Field| {
            let mut schema = Map::from_iter([("description".to_owned(), variant.doc.clone().into())]);
            schema.extend(self.kind(&variant.kind, &mut path.clone(), None));
            if variant.kind == "String" {
                schema.extend(narrowed(name));
            } else {
                schema.insert("title".into(), variant.kind.clone().into());
            }
            Json::Object(schema)
        };
        Map::from_iter([("anyOf".to_owned(), of.fields.iter().map(form).collect())])
    }
}

fn is_plain(of: &Type) -> bool {
    of.fields.iter().all(|variant| variant.kind.is_empty())
}

fn generic<'a>(kind: &'a str, around: &str) -> Option<&'a str> {
    kind.strip_prefix(around)?.strip_suffix('>')
}

fn inner(kind: &str) -> &str {
    generic(kind, "Option<").unwrap_or(kind)
}

/// Limits of functions, and the sizes of the sandbox as well.
fn limits(properties: &mut Map<String, Json>, has_sizes: bool, default: Option<&Json>) {
    let settings = SETTINGS.iter().map(|it| (it.key, &it.range, it.meaning));
    let sizes = SIZES.iter().filter(|_| has_sizes).map(|it| (it.key, &it.range, it.meaning));
    for (key, range, meaning) in settings.chain(sizes) {
        let mut schema = json!({
            "description": format!("{}.", capital(meaning)),
            "type": "integer", "minimum": range.start(), "maximum": range.end(),
        });
        if let Some(value) = default.and_then(|it| it.get(key)) {
            schema["default"] = value.clone();
        }
        properties.insert(key.to_owned(), schema);
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// What the type of a place does not say, and the parser looks at.
fn narrowed(path: &str) -> Map<String, Json> {
    let keywords = || {
        let any: Map<String, Json> = KEYWORDS.iter().map(|key| ((*key).to_owned(), json!({}))).collect();
        json!({ "additionalProperties": false, "properties": any })
    };
    let value = match path {
        "RateConfig" => json!({ "pattern": "^[0-9]+ */ *[0-9a-z.]+$" }),
        "RouteConfig" => json!({ "pattern": "^[A-Za-z]+ +/" }),
        "audit.segment_mib" => json!({ "minimum": 1, "maximum": 256 }),
        "telemetry.sample_ratio" => json!({ "minimum": 0, "maximum": 1 }),
        "activities.*.processes_max" => json!({ "minimum": 1, "maximum": PROCESSES_MAX }),
        "activities.*.timeout_ms" | "webhooks.*.attempts_max" => json!({ "minimum": 1 }),
        "inbound.*.scheme" => json!({ "enum": Scheme::names() }),
        "workflows.*.on_disconnect" => json!({ "enum": ["detach", "cancel"] }),
        "auth.issuers.*.algorithms.*" => json!({ "enum": PUBLIC.iter().chain(&SHARED).collect::<Vec<_>>() }),
        "workflows.*.fields.*" => keywords(),
        path if path.ends_with("breaker.count") => json!({ "enum": ["infrastructure", "failures"] }),
        path if path.ends_with("breaker.percent") => json!({ "minimum": 1, "maximum": 100 }),
        path if path.starts_with("limits.concurrent.") || path.ends_with(".quotas.concurrent") => {
            json!({ "minimum": 1 })
        }
        _ => json!({}),
    };
    value.as_object().cloned().unwrap_or_default()
}
