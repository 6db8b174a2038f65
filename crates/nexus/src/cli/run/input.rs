//! The input of a run from the command line.

use std::io::Read;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::limits::PAYLOAD_BYTES_MAX;
use serde_json::Map;

/// The input given by `--input` flags or `--json`; an empty object when neither is.
pub(crate) fn given(pairs: &[String], json: Option<&str>, schema: Option<&Json>) -> Result<Json, Error> {
    match json {
        Some(text) => self::json(text, "--json"),
        None => from_pairs(pairs, schema),
    }
}

/// A JSON value given to a flag: the text itself, `@FILE`, or `-` for standard input.
pub(crate) fn json(text: &str, flag: &str) -> Result<Json, Error> {
    match text {
        "-" => parse(&read(std::io::stdin().lock(), "standard input")?, "standard input"),
        text => match text.strip_prefix('@') {
            Some(path) => parse(&read(open(path)?, path)?, path),
            None => parse(text, flag),
        },
    }
}

fn open(path: &str) -> Result<std::fs::File, Error> {
    std::fs::File::open(path).map_err(|error| {
        Error::new(&code::INPUT_INVALID, format!("{path} cannot be read: {error}"))
            .help("give the file's path after `@`, relative to this folder")
    })
}

fn read(from: impl Read, name: &str) -> Result<String, Error> {
    let (mut text, limit) = (String::new(), PAYLOAD_BYTES_MAX as u64 + 1);
    from.take(limit).read_to_string(&mut text).map_err(|error| {
        Error::new(&code::INPUT_INVALID, format!("{name} cannot be read: {error}"))
            .help("the input is JSON in UTF-8")
    })?;
    if text.len() > PAYLOAD_BYTES_MAX {
        return Err(Error::new(&code::TOO_LARGE, format!("{name} is larger than {PAYLOAD_BYTES_MAX} bytes"))
            .help("pass a reference to the data instead"));
    }
    Ok(text)
}

fn parse(text: &str, name: &str) -> Result<Json, Error> {
    serde_json::from_str(text).map_err(|error| {
        let place = format!("{name}:{}:{}", error.line(), error.column());
        Error::new(&code::INPUT_INVALID, format!("{name} is not JSON"))
            .fault(place, error.to_string())
            .help("the input is JSON: an object with the parameters by name")
    })
}

fn from_pairs(pairs: &[String], schema: Option<&Json>) -> Result<Json, Error> {
    let mut input = Map::new();
    for pair in pairs {
        let (name, value) = pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            Error::new(&code::INPUT_INVALID, format!("{pair:?} is not NAME=VALUE"))
                .help("for example --input customer=7; use --json for whole objects")
        })?;
        let pointer = format!("/properties/{}", name.replace('~', "~0").replace('/', "~1"));
        let declared = schema.and_then(|schema| schema.pointer(&pointer));
        input.insert(name.to_owned(), typed(value, declared));
    }
    Ok(Json::Object(input))
}

/// A text stays a text where the workflow wants one; elsewhere it is read as JSON when it is JSON.
fn typed(value: &str, declared: Option<&Json>) -> Json {
    let text = || Json::String(value.to_owned());
    if declared.and_then(|schema| schema.get("type")).and_then(Json::as_str) == Some("string") {
        return text();
    }
    serde_json::from_str(value).unwrap_or_else(|_| text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_take_the_declared_type() {
        let schema = json!({ "properties": { "id": { "type": "string" }, "n": { "type": "integer" } } });
        let pairs = ["id=7", "n=7", "free=true", "word=hello"].map(ToOwned::to_owned);
        let input = given(&pairs, None, Some(&schema)).unwrap();
        assert_eq!(input, json!({ "id": "7", "n": 7, "free": true, "word": "hello" }));
    }

    #[test]
    fn bad_input_has_a_place() {
        let error = given(&[], Some("{\"a\": 1,\n }"), None).unwrap_err();
        assert_eq!(error.faults()[0].at, "--json:2:2");
        assert!(given(&["novalue".to_owned()], None, None).is_err());
        let error = given(&[], Some("@/does/not/exist.json"), None).unwrap_err();
        assert_eq!(error.code().id, "NX-2001");
    }
}
