//! The input of a run from the command line.

use std::io::{BufRead as _, IsTerminal as _, Read};

use clap::Args;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::json;
use nexus_kernel::limits::PAYLOAD_BYTES_MAX;
use serde_json::Map;

use crate::flags::Flag;
use crate::flags::input::Given;
use crate::flags::shape::Kind;
use crate::outbound::response::base64;

/// An input in every way it can be given.
#[derive(Debug, Default, Args)]
pub(crate) struct InputArgs {
    /// A field of the input by name; may be given several times
    #[arg(long = "input", short, value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// The whole input as a JSON object: the text itself, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-")]
    json: Option<String>,
    /// What was given with the operation's own flags
    #[arg(skip)]
    pub(crate) fields: Given,
}

impl InputArgs {
    /// The input that was given.
    pub(crate) fn made(&self, schema: Option<&Json>) -> Result<Json, Error> {
        with_flags(&self.inputs, self.json.as_deref(), (&self.fields, schema))
    }

    /// Whether it was given with flags alone: who wrote JSON knows its fields better than the flags that they would be.
    pub(crate) fn is_typed(&self) -> bool {
        self.json.is_none() && self.inputs.is_empty()
    }
}

/// The input given by `--input` flags or `--json`; an empty object when neither is.
pub(crate) fn given(pairs: &[String], json: Option<&str>, schema: Option<&Json>) -> Result<Json, Error> {
    with_flags(pairs, json, (&Given::default(), schema))
}

/// The same with the flags of an operation. These win over `--input`, and that over `--json`.
pub(crate) fn with_flags(
    pairs: &[String],
    json: Option<&str>,
    (fields, schema): (&Given, Option<&Json>),
) -> Result<Json, Error> {
    let mut texts = Texts { is_read: json == Some("-") };
    let whole = json.map(|text| self::whole(text, "--json")).transpose()?;
    if pairs.is_empty() && fields.is_empty() {
        return Ok(whole.unwrap_or_else(|| Json::Object(Map::new())));
    }
    let mut input = fields_of(whole, "--json")?;
    from_pairs(&mut input, pairs, (schema, &mut texts))?;
    fields.over(input, &mut |text, flag| texts.of(text, Some(flag))).map(Json::Object)
}

/// The arguments of a message: JSON given to a flag, and flags of their own, which win over it; nothing without either.
/// `is_read` says that standard input has been read for something else.
pub(crate) fn arguments(
    (text, flag): (Option<&str>, &str),
    fields: &Given,
    is_read: bool,
) -> Result<Option<Json>, Error> {
    let mut texts = Texts { is_read };
    let whole = match text {
        Some("-") if is_read => return Err(read_twice()),
        Some(text) => Some(self::whole(text, flag)?),
        None => None,
    };
    texts.is_read |= text == Some("-");
    if fields.is_empty() {
        return Ok(whole);
    }
    let input = fields_of(whole, flag)?;
    fields.over(input, &mut |text, flag| texts.of(text, Some(flag))).map(Json::Object).map(Some)
}

/// What was given as a whole, so that fields can be laid over it.
fn fields_of(whole: Option<Json>, flag: &str) -> Result<Map<String, Json>, Error> {
    match whole {
        None => Ok(Map::new()),
        Some(Json::Object(fields)) => Ok(fields),
        Some(_) => {
            let message = format!("{flag} is no object, so it can have no further fields");
            Err(Error::new(&code::INPUT_INVALID, message)
                .help("give an object, or leave the other inputs out"))
        }
    }
}

fn read_twice() -> Error {
    Error::new(&code::INPUT_INVALID, "standard input is given to more than one flag")
        .help("it can be read once; give the others @FILE")
}

/// A JSON value given to a flag: the text itself, `@FILE`, or `-` for standard input.
pub(crate) fn whole(text: &str, flag: &str) -> Result<Json, Error> {
    match text {
        "-" => parse(&bytes(std::io::stdin().lock(), "standard input")?, "standard input"),
        text => match text.strip_prefix('@') {
            Some(path) => parse(&bytes(open(path)?, path)?, path),
            None => parse(text.as_bytes(), flag),
        },
    }
}

/// A secret: from a file, or from standard input, which shows nothing of it on a terminal.
pub(crate) fn secret(given: &str) -> Result<String, Error> {
    Texts { is_read: false }.of(given, None)
}

/// The texts that stand behind those on the command line.
struct Texts {
    /// Whether standard input has been read: it can be only once.
    is_read: bool,
}

impl Texts {
    /// `-` is standard input, `@FILE` a file, `@@` an escaped `@`. The newline at the end of a file is not meant.
    fn of(&mut self, text: &str, flag: Option<&Flag>) -> Result<String, Error> {
        let fetched = match text.strip_prefix('@') {
            Some(rest) if rest.starts_with('@') => return Ok(rest.to_owned()),
            Some(path) => bytes(open(path)?, path)?,
            None if text == "-" => self.standard_input(flag.is_none_or(|flag| flag.secret))?,
            None => return Ok(text.to_owned()),
        };
        if flag.is_some_and(|flag| flag.shape.kind == Kind::Text("BASE64")) {
            return Ok(base64(&fetched));
        }
        let mut text = utf8(fetched, text)?;
        if text.ends_with('\n') {
            text.pop();
            text.truncate(text.trim_end_matches('\r').len());
        }
        Ok(text)
    }

    fn standard_input(&mut self, is_secret: bool) -> Result<Vec<u8>, Error> {
        if self.is_read {
            return Err(read_twice());
        }
        self.is_read = true;
        if is_secret && std::io::stdin().is_terminal() {
            return unseen();
        }
        bytes(std::io::stdin().lock(), "standard input")
    }
}

/// One line from a terminal, which does not show it.
fn unseen() -> Result<Vec<u8>, Error> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(&code::INPUT_INVALID, format!("the terminal cannot be read: {error}"))
            .help("pipe the secret in, or give @FILE")
    };
    let terminal = std::io::stdin();
    let usual = tcgetattr(&terminal).map_err(|error| failed(&error))?;
    let mut silent = usual.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &silent).map_err(|error| failed(&error))?;
    let mut line = String::new();
    let read = terminal.lock().read_line(&mut line);
    // The terminal shows what is typed again, whatever happened.
    let restored = tcsetattr(&terminal, OptionalActions::Flush, &usual);
    read.map_err(|error| failed(&error))?;
    restored.map_err(|error| failed(&error))?;
    Ok(line.into_bytes())
}

fn open(path: &str) -> Result<std::fs::File, Error> {
    std::fs::File::open(path).map_err(|error| {
        Error::new(&code::INPUT_INVALID, format!("{path} cannot be read: {error}"))
            .help("give the file's path after `@`, relative to this folder")
    })
}

fn utf8(bytes: Vec<u8>, name: &str) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|error| {
        Error::new(&code::INPUT_INVALID, format!("{name} cannot be read: {error}"))
            .help("the input is JSON in UTF-8")
    })
}

fn bytes(from: impl Read, name: &str) -> Result<Vec<u8>, Error> {
    let (mut bytes, limit) = (Vec::new(), PAYLOAD_BYTES_MAX as u64 + 1);
    from.take(limit).read_to_end(&mut bytes).map_err(|error| {
        Error::new(&code::INPUT_INVALID, format!("{name} cannot be read: {error}"))
            .help("check that it is a file, and its permissions")
    })?;
    if bytes.len() > PAYLOAD_BYTES_MAX {
        return Err(Error::new(&code::TOO_LARGE, format!("{name} is larger than {PAYLOAD_BYTES_MAX} bytes"))
            .help("pass a reference to the data instead"));
    }
    Ok(bytes)
}

/// Reads a text that must be JSON; `name` says where it comes from.
pub(crate) fn parse(text: &[u8], name: &str) -> Result<Json, Error> {
    json::read(text).map_err(|error| {
        let place = format!("{name}:{}:{}", error.line(), error.column());
        Error::new(&code::BAD_REQUEST, format!("{name} cannot be read as JSON"))
            .fault(place, error.to_string())
            .help("the input is JSON: an object with the parameters by name")
    })
}

/// Reads a text that is JSON or means itself.
pub(crate) fn guess(text: &str) -> Result<Json, Error> {
    let guessed = json::guess(text).map_err(|error| {
        Error::new(&code::BAD_REQUEST, format!("a value can be read in two ways: {error}"))
            .help("name every member of an object once")
    });
    Ok(guessed?.unwrap_or_else(|| text.into()))
}

fn from_pairs(
    input: &mut Map<String, Json>,
    pairs: &[String],
    (schema, texts): (Option<&Json>, &mut Texts),
) -> Result<(), Error> {
    for pair in pairs {
        let (name, value) = pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            Error::new(&code::INPUT_INVALID, format!("{pair:?} is not NAME=VALUE"))
                .help("for example --input customer=7; use --json for whole objects")
        })?;
        let pointer = format!("/properties/{}", name.replace('~', "~0").replace('/', "~1"));
        let declared = schema.and_then(|schema| schema.pointer(&pointer));
        input.insert(name.to_owned(), typed(&texts.of(value, None)?, declared)?);
    }
    Ok(())
}

/// A text stays a text where the workflow wants one; elsewhere it is read as JSON when it is JSON.
fn typed(value: &str, declared: Option<&Json>) -> Result<Json, Error> {
    if declared.and_then(|schema| schema.get("type")).and_then(Json::as_str) == Some("string") {
        return Ok(value.into());
    }
    guess(value)
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
    fn pairs_are_laid_over_json_and_may_be_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from a file\n").unwrap();
        let pairs = [format!("a=@{}", file.path().display()), "b=@@home".to_owned()];
        let input = given(&pairs, Some("{\"a\": 1, \"c\": 2}"), None).unwrap();
        assert_eq!(input, json!({ "a": "from a file", "c": 2, "b": "@home" }));
        assert!(given(&pairs, Some("[1]"), None).is_err());
        let twice = given(&["a=-".to_owned()], Some("-"), None);
        assert!(twice.is_err(), "standard input can be read once");
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
