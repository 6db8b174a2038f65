//! Values: from the text after a flag to JSON of the field's shape.

use nexus_kernel::Json;
use nexus_kernel::json;
use nexus_kernel::suggest;
use serde_json::{Map, Number};

use super::shape::{Basic, Kind, Shape};

/// Why a text is no value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What would be one, such as `an integer`.
    pub expected: String,
    /// What was probably meant.
    pub near: Option<String>,
}

/// Reads what was given to a flag. Only lists and maps are given several times; of others the last counts.
pub fn read_all(shape: &Shape, texts: &[String]) -> Result<Json, Mismatch> {
    match &shape.kind {
        Kind::List(item) => list(item, texts),
        Kind::Map(value) => map(shape, value, texts),
        _ => read(shape, texts.last().map_or("", String::as_str)),
    }
}

/// Reads one value.
pub fn read(shape: &Shape, text: &str) -> Result<Json, Mismatch> {
    let trimmed = text.trim();
    if shape.nullable && trimmed == "null" && !takes_text(&shape.kind) {
        return Ok(Json::Null);
    }
    let found = match &shape.kind {
        Kind::Text(_) => Some(Json::from(text)),
        Kind::Integer => integer(trimmed).map(Json::Number),
        Kind::Number => number(trimmed).map(Json::Number),
        Kind::Boolean => trimmed.parse::<bool>().ok().map(Json::Bool),
        Kind::Choice(values) => choice(values, text),
        Kind::Object => parse(trimmed).filter(Json::is_object),
        Kind::List(_) => parse(trimmed).filter(Json::is_array),
        Kind::Map(value) => return map(shape, value, &[text.to_owned()]),
        Kind::Union(types) => union(types, shape.nullable, text),
        // JSON with a member that is named twice is neither a value nor meant as a text.
        Kind::Any => json::guess(trimmed).ok().map(|guessed| guessed.unwrap_or_else(|| text.into())),
    };
    found.ok_or_else(|| mismatch(shape, trimmed))
}

/// Whether the text `null` is a text.
fn takes_text(kind: &Kind) -> bool {
    match kind {
        Kind::Text(_) => true,
        Kind::Choice(values) => values.contains(&Json::from("null")),
        Kind::Union(types) => types.contains(&Basic::Text),
        _ => false,
    }
}

fn parse(text: &str) -> Option<Json> {
    json::read(text.as_bytes()).ok()
}

fn number(text: &str) -> Option<Number> {
    // `.5` and `+5` are numbers to people, though not to JSON.
    let loose = || text.parse().ok().and_then(Number::from_f64);
    serde_json::from_str(text).ok().or_else(loose)
}

fn integer(text: &str) -> Option<Number> {
    let found = number(text).filter(|number| Basic::Integer.fits(&Json::Number(number.clone())))?;
    if found.is_f64() {
        // `1e3` and `5.0` are whole; their digits are those of a whole number.
        return format!("{:.0}", found.as_f64()?).parse::<i64>().ok().map(Number::from);
    }
    Some(found)
}

fn choice(values: &[Json], text: &str) -> Option<Json> {
    let named = values.iter().find(|value| value.as_str() == Some(text));
    let named = named.or_else(|| values.iter().find(|value| Some(*value) == parse(text).as_ref()));
    named.cloned()
}

/// A text that is JSON of one of the types is that; any other is a text, when texts are allowed. A number stays a text
/// when JSON would change its digits: amounts of money are given like this.
fn union(types: &[Basic], nullable: bool, text: &str) -> Option<Json> {
    let fits = |value: &Json| types.iter().any(|it| it.fits(value)) || nullable && value.is_null();
    let parsed = parse(text).filter(fits);
    if !types.contains(&Basic::Text) {
        return parsed;
    }
    let keeps_digits =
        |value: &Json| value.as_number().is_none_or(|number| number.to_string().as_str() == text);
    let kept = parsed.filter(keeps_digits);
    Some(kept.unwrap_or_else(|| text.into()))
}

/// One text that is a JSON array is the list itself; otherwise each is one item.
fn list(item: &Shape, texts: &[String]) -> Result<Json, Mismatch> {
    if let [only] = texts
        && let Some(whole @ Json::Array(_)) = parse(only.trim())
    {
        return Ok(whole);
    }
    texts.iter().map(|text| read(item, text)).collect()
}

/// Each text is a JSON object or `NAME=VALUE`; they are put together.
fn map(shape: &Shape, value: &Shape, texts: &[String]) -> Result<Json, Mismatch> {
    let mut made = Map::new();
    for text in texts {
        if let Some(Json::Object(fields)) = parse(text.trim()) {
            made.extend(fields);
            continue;
        }
        let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, text) = pair.ok_or_else(|| mismatch(shape, text))?;
        made.insert(name.to_owned(), read(value, text)?);
    }
    Ok(Json::Object(made))
}

fn mismatch(shape: &Shape, text: &str) -> Mismatch {
    let near = match &shape.kind {
        Kind::Choice(values) => nearest(text, &values.iter().map(shown).collect::<Vec<_>>()),
        Kind::Boolean => match text.to_lowercase().as_str() {
            "yes" | "y" | "on" | "1" | "t" => Some("true".to_owned()),
            "no" | "n" | "off" | "0" | "f" => Some("false".to_owned()),
            other => nearest(other, &["true".to_owned(), "false".to_owned()]),
        },
        _ => None,
    };
    Mismatch { expected: expected(shape), near }
}

fn nearest(text: &str, values: &[String]) -> Option<String> {
    suggest::nearest(text, values.iter().map(String::as_str)).map(ToOwned::to_owned)
}

/// A choice as it is given to a flag.
pub fn shown(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// What a flag takes, in words.
pub fn expected(shape: &Shape) -> String {
    let what = match &shape.kind {
        Kind::Text(_) => "a text".to_owned(),
        Kind::Integer => "an integer".to_owned(),
        Kind::Number => "a number".to_owned(),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Choice(values) => match values.as_slice() {
            [] => return "null".to_owned(),
            [one] => format!("{:?}", shown(one)),
            several => format!("one of {}", several.iter().map(shown).collect::<Vec<_>>().join(", ")),
        },
        Kind::List(_) => "a JSON array".to_owned(),
        Kind::Map(_) => "NAME=VALUE or a JSON object".to_owned(),
        Kind::Object => "a JSON object".to_owned(),
        Kind::Union(types) => {
            let names: Vec<_> = types.iter().map(|it| it.name()).collect();
            format!("JSON of type {}", names.join(" or "))
        }
        Kind::Any => "JSON or a text".to_owned(),
    };
    if shape.nullable && shape.kind != Kind::Any { format!("{what}, or null") } else { what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(kind: Kind, text: &str) -> Result<Json, String> {
        read(&Shape { nullable: false, kind }, text).map_err(|mismatch| {
            let Mismatch { expected, near } = mismatch;
            near.map_or_else(|| expected.clone(), |near| format!("{expected} ({near}?)"))
        })
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        assert_eq!(one(Kind::Integer, "7"), Ok(json!(7)));
        assert_eq!(one(Kind::Integer, "1e3"), Ok(json!(1000)));
        assert_eq!(one(Kind::Integer, "18446744073709551615"), Ok(json!(u64::MAX)));
        assert_eq!(one(Kind::Integer, "7.5"), Err("an integer".into()));
        assert_eq!(one(Kind::Number, ".5"), Ok(json!(0.5)));
        assert_eq!(one(Kind::Number, "inf"), Err("a number".into()));
    }

    #[test]
    fn choices_and_truth_values_are_suggested() {
        let colors = Kind::Choice(vec![json!("red"), json!("green"), json!(3)]);
        assert_eq!(one(colors.clone(), "red"), Ok(json!("red")));
        assert_eq!(one(colors.clone(), "3"), Ok(json!(3)));
        assert_eq!(one(colors, "gren"), Err("one of red, green, 3 (green?)".into()));
        assert_eq!(one(Kind::Boolean, "yes"), Err("true or false (true?)".into()));
    }

    #[test]
    fn a_union_keeps_the_digits_of_an_amount() {
        let decimal = Kind::Union(vec![Basic::Text, Basic::Number]);
        assert_eq!(one(decimal.clone(), "1.50"), Ok(json!("1.50")));
        assert_eq!(one(decimal.clone(), "1.5"), Ok(json!(1.5)));
        assert_eq!(one(decimal.clone(), "\"1.5\""), Ok(json!("1.5")));
        assert_eq!(one(decimal, "[1]"), Ok(json!("[1]")));
        assert_eq!(one(Kind::Union(vec![Basic::Array]), "1"), Err("JSON of type array".into()));
    }

    #[test]
    fn lists_and_maps_are_given_whole_or_in_parts() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let text = Shape { nullable: false, kind: Kind::Text("TEXT") };
        let number = Shape { nullable: false, kind: Kind::Integer };
        let tags = Shape { nullable: false, kind: Kind::List(Box::new(text)) };
        assert_eq!(read_all(&tags, &texts(&["a", "b"])), Ok(json!(["a", "b"])));
        assert_eq!(read_all(&tags, &texts(&["[\"a\"]"])), Ok(json!(["a"])));
        assert_eq!(read_all(&tags, &texts(&["[]"])), Ok(json!([])));
        let limits = Shape { nullable: false, kind: Kind::Map(Box::new(number)) };
        assert_eq!(read_all(&limits, &texts(&["a=1", "{\"b\": 2}"])), Ok(json!({ "a": 1, "b": 2 })));
        assert_eq!(read_all(&limits, &texts(&["a=x"])).unwrap_err().expected, "an integer");
        assert_eq!(read_all(&limits, &texts(&["a"])).unwrap_err().expected, "NAME=VALUE or a JSON object");
    }

    #[test]
    fn null_is_a_word_only_where_it_is_no_text() {
        let nullable = |kind| Shape { nullable: true, kind };
        assert_eq!(read(&nullable(Kind::Integer), "null"), Ok(json!(null)));
        assert_eq!(read(&nullable(Kind::Text("TEXT")), "null"), Ok(json!("null")));
        assert!(read(&Shape { nullable: false, kind: Kind::Integer }, "null").is_err());
    }
}
