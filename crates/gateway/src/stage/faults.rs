//! Faults: what a schema says is wrong with an input, told as a person would.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use nexus_kernel::Json;
use nexus_kernel::error::Fault;
use nexus_kernel::suggest;

use crate::limits::FAULTS_MAX;

/// How many known fields are listed to somebody who named none of them.
const LISTED_MAX: usize = 12;

/// The faults behind the errors of a validator, one more than are told at most.
pub(crate) fn of<'a>(errors: impl Iterator<Item = ValidationError<'a>>, schema: &Json) -> Vec<Fault> {
    errors.flat_map(|error| describe(&error, schema)).take(FAULTS_MAX + 1).collect()
}

fn describe(error: &ValidationError<'_>, schema: &Json) -> Vec<Fault> {
    let at = error.instance_path().as_str().to_owned();
    let one = |message: String| vec![Fault { at: at.clone(), message }];
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![Fault { at: child(&at, name), message: "is required".to_owned() }]
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = fields_beside(schema, error.schema_path().as_str());
            unexpected
                .iter()
                .take(FAULTS_MAX + 1)
                .map(|name| Fault { at: child(&at, name), message: unknown_field(name, &known) })
                .collect()
        }
        ValidationErrorKind::Type { kind } => one(wrong_type(error.instance(), &expected(kind))),
        ValidationErrorKind::Enum { options } => one(none_of(error.instance(), options)),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            no_alternative(error, context, schema)
        }
        // The library's own words, with the value left out: it may be long, or a secret.
        _ => one(error.masked_with("the value").to_string()),
    }
}

/// The JSON pointer of a field.
fn child(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The fields that the schema around the keyword at this path declares.
fn fields_beside<'a>(schema: &'a Json, keyword_path: &str) -> Vec<&'a str> {
    let parent = keyword_path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let fields = schema.pointer(&format!("{parent}/properties")).and_then(Json::as_object);
    fields.map(|fields| fields.keys().map(String::as_str).collect()).unwrap_or_default()
}

fn unknown_field(name: &str, known: &[&str]) -> String {
    if let Some(near) = suggest::nearest(name, known.iter().copied()) {
        return format!("there is no such field; did you mean {near:?}?");
    }
    if known.is_empty() {
        return "there is no such field; no fields are taken here".to_owned();
    }
    let more = if known.len() > LISTED_MAX { " and more" } else { "" };
    let listed = known.iter().take(LISTED_MAX).copied().collect::<Vec<_>>().join(", ");
    format!("there is no such field; the fields are {listed}{more}")
}

fn wrong_type(value: &Json, expected: &[JsonType]) -> String {
    let names: Vec<_> = expected.iter().map(|kind| with_article(*kind)).collect();
    format!("is {}, but should be {}", type_of(value), names.join(" or "))
}

fn expected(kind: &TypeKind) -> Vec<JsonType> {
    match kind {
        TypeKind::Single(one) => vec![*one],
        TypeKind::Multiple(several) => several.iter().collect(),
    }
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(number) if number.is_f64() => "a number",
        Json::Number(_) => "an integer",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

fn with_article(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "null",
        JsonType::Boolean => "a boolean",
        JsonType::Integer => "an integer",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Array => "an array",
        JsonType::Object => "an object",
    }
}

fn none_of(value: &Json, options: &Json) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let more = if options.len() > LISTED_MAX { " and more" } else { "" };
    let listed: Vec<_> = options.iter().take(LISTED_MAX).map(Json::to_string).collect();
    let message = format!("is none of {}{more}", listed.join(", "));
    let words = options.iter().filter_map(Json::as_str);
    match value.as_str().and_then(|word| suggest::nearest(word, words)) {
        Some(near) => format!("{message}; did you mean {near:?}?"),
        None => message,
    }
}

/// When one alternative alone has the right type, it was meant, and its faults are the faults.
fn no_alternative(
    error: &ValidationError<'_>,
    alternatives: &[Vec<ValidationError<'static>>],
    schema: &Json,
) -> Vec<Fault> {
    let at = error.instance_path().as_str();
    let wrong_type_of = |faults: &[ValidationError<'_>]| {
        faults.iter().find_map(|fault| match fault.kind() {
            ValidationErrorKind::Type { kind } if fault.instance_path().as_str() == at => {
                Some(expected(kind))
            }
            _ => None,
        })
    };
    let mut meant = alternatives.iter().filter(|faults| wrong_type_of(faults).is_none());
    if let (Some(faults), None) = (meant.next(), meant.next()) {
        return faults.iter().flat_map(|fault| describe(fault, schema)).collect();
    }
    let types: Vec<_> = alternatives.iter().filter_map(|faults| wrong_type_of(faults)).flatten().collect();
    let message = if types.len() == alternatives.len() {
        wrong_type(error.instance(), &types)
    } else {
        format!("fits none of the {} alternatives", alternatives.len())
    };
    vec![Fault { at: at.to_owned(), message }]
}
