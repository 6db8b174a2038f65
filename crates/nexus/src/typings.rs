//! `nexus.d.ts`: what the scripts of a project find and what they are asked for, as TypeScript.
//!
//! The first half is the host API, rendered from its table in the sandbox. The second is the project's own: a type for
//! every `type` block, and one function for every declared activity, so that an editor knows its input and result.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use nexus_kernel::Json;
use nexus_lang::twf::program::{ActivityInfo, Program};

/// Name of the file, in the project's folder.
pub const FILE: &str = "nexus.d.ts";

const HEAD: &str = "// Written by `nexus types`; changes are lost when it runs again.\n";

/// Words that cannot name a type.
const RESERVED: &[&str] = &[
    "any",
    "boolean",
    "never",
    "number",
    "object",
    "string",
    "symbol",
    "undefined",
    "unknown",
    "void",
    "bigint",
];

/// The declarations of a project.
pub fn declarations(program: &Program) -> String {
    let mut out = format!("{HEAD}{}\n", nexus_sandbox::api::typescript());
    let schemas = || {
        let activities = program.activities().flat_map(|it| [&it.input_schema, &it.result_schema]);
        activities.chain(program.workflows().flat_map(|it| [&it.input_schema, &it.result_schema]))
    };
    let mut named: BTreeMap<&str, &Json> = BTreeMap::new();
    for definitions in schemas().filter_map(|schema| schema.get("$defs")?.as_object()) {
        named.extend(definitions.iter().map(|(name, schema)| (name.as_str(), schema)));
    }
    out.push_str("/** The `type` blocks of the project's workflow files. */\ndeclare namespace Types {\n");
    for (name, schema) in named {
        doc(&mut out, "  ", text(schema, "description"));
        let _ = writeln!(out, "  type {} = {};", type_name(name), of(schema, "  ")); // a String takes everything
    }
    out.push_str("}\n\n/** The activities of the project: `export const Name: Activities[\"Name\"] = async (input, ctx) => ...`. */\n");
    out.push_str("interface Activities {\n");
    for activity in program.activities() {
        doc(&mut out, "  ", &activity.doc);
        let input = input(activity);
        let result = result(&activity.result_schema);
        let name = Json::from(activity.name.as_str());
        let _ =
            writeln!(out, "  {name}: (input: {input}, ctx: nexus.Context) => {result} | Promise<{result}>;");
    }
    out.push_str("}\n\n/** What the workflows of the project are started with, and what they give. */\ninterface Workflows {\n");
    for workflow in program.workflows() {
        doc(&mut out, "  ", &workflow.doc);
        let name = Json::from(workflow.name.as_str());
        let (input, result) = (of(&workflow.input_schema, "  "), of(&workflow.result_schema, "  "));
        let _ = writeln!(out, "  {name}: {{ input: {input}; result: {result} }};");
    }
    out.push_str("}\n");
    out
}

/// A result; a function may also say nothing where null is a result.
fn result(schema: &Json) -> String {
    let made = of(schema, "  ");
    if schema.get("type").is_some_and(|it| it == "null") { "null | void".to_owned() } else { made }
}

/// What the function of an activity gets first: the value of its only parameter, an object of several.
fn input(activity: &ActivityInfo) -> String {
    let property = |name: &str| activity.input_schema.get("properties")?.get(name);
    match activity.params.as_slice() {
        [] => "null".to_owned(),
        [only] => {
            let made = property(&only.name).map_or_else(|| "any".to_owned(), |schema| of(schema, "  "));
            if only.required { made } else { format!("{made} | null") }
        }
        // Arguments that a call leaves out are not in the object.
        _ => of(&activity.input_schema, "  "),
    }
}

fn text<'a>(schema: &'a Json, key: &str) -> &'a str {
    schema.get(key).and_then(Json::as_str).unwrap_or_default()
}

fn doc(out: &mut String, indent: &str, text: &str) {
    if !text.is_empty() {
        let text = text.replace("*/", "* /");
        let text = text.lines().map(str::trim).collect::<Vec<_>>().join(&format!("\n{indent} * "));
        let _ = writeln!(out, "{indent}/** {text} */");
    }
}

/// The name of a `type` block as a type.
fn type_name(name: &str) -> String {
    let made: String = name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if RESERVED.contains(&made.as_str()) { format!("{made}_") } else { made }
}

/// A schema as a type.
fn of(schema: &Json, indent: &str) -> String {
    if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        return format!("Types.{}", type_name(name));
    }
    if let Some(choices) = schema.get("anyOf").and_then(Json::as_array) {
        return union(choices.iter().map(|choice| of(choice, indent)));
    }
    match schema.get("type") {
        Some(Json::Array(kinds)) => union(kinds.iter().map(|kind| simple(kind, schema, indent))),
        Some(kind) => simple(kind, schema, indent),
        None => "any".to_owned(),
    }
}

fn union(choices: impl Iterator<Item = String>) -> String {
    choices.collect::<Vec<_>>().join(" | ")
}

fn simple(kind: &Json, schema: &Json, indent: &str) -> String {
    match kind.as_str().unwrap_or_default() {
        "string" => "string".to_owned(),
        "integer" | "number" => "number".to_owned(),
        "boolean" => "boolean".to_owned(),
        "null" => "null".to_owned(),
        "array" => list(schema, indent),
        "object" => object(schema, indent),
        _ => "any".to_owned(),
    }
}

fn list(schema: &Json, indent: &str) -> String {
    if let Some(items) = schema.get("prefixItems").and_then(Json::as_array) {
        return format!("[{}]", items.iter().map(|item| of(item, indent)).collect::<Vec<_>>().join(", "));
    }
    let item = schema.get("items").map_or_else(|| "any".to_owned(), |item| of(item, indent));
    format!("Array<{item}>")
}

fn object(schema: &Json, indent: &str) -> String {
    let Some(properties) = schema.get("properties").and_then(Json::as_object) else {
        let value = schema.get("additionalProperties").filter(|it| it.is_object());
        return format!(
            "{{ [name: string]: {} }}",
            value.map_or_else(|| "any".to_owned(), |it| of(it, indent))
        );
    };
    if properties.is_empty() {
        return "{}".to_owned();
    }
    let required = schema.get("required").and_then(Json::as_array);
    let inner = format!("{indent}  ");
    let mut out = String::from("{\n");
    for (name, property) in properties {
        doc(&mut out, &inner, text(property, "description"));
        let is_required = required.is_some_and(|names| names.iter().any(|it| it == name.as_str()));
        let optional = if is_required { "" } else { "?" };
        let _ = writeln!(out, "{inner}{}{optional}: {};", Json::from(name.as_str()), of(property, &inner));
    }
    out.push_str(indent);
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_become_types() {
        let schema = json!({ "type": "object", "required": ["a"], "properties": {
            "a": { "type": "array", "items": { "$ref": "#/$defs/Order" } },
            "b c": { "anyOf": [{ "type": ["string", "number"] }, { "type": "null" }], "description": "as */ text" },
            "d": { "type": "object", "additionalProperties": { "type": "boolean" } },
            "e": { "type": "array", "prefixItems": [{ "type": "integer" }, {}] },
        } });
        let expected = "{\n  \"a\": Array<Types.Order>;\n  /** as * / text */\n  \"b c\"?: string | number | null;\n  \
                        \"d\"?: { [name: string]: boolean };\n  \"e\"?: [number, any];\n}";
        assert_eq!(of(&schema, ""), expected);
        assert_eq!(type_name("string"), "string_");
    }
}
