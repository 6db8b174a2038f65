//! The input that flags make, laid over what was given otherwise.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::Map;

use super::Flag;
use super::shape::Kind;
use super::value;

/// What was said with a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// These texts, in order.
    Values(Vec<String>),
    /// Its negative: false, or null.
    No,
}

/// Flags that were given, with what was said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given(pub Vec<(Flag, Said)>);

/// Gives the text that stands behind one on the command line: `-` and `@FILE` mean others.
pub type Fetch<'a> = dyn FnMut(&str, &Flag) -> Result<String, Error> + 'a;

impl Given {
    /// Lays the flags over an input. A flag of an object comes before those of its fields.
    pub fn over(
        &self,
        mut input: Map<String, Json>,
        fetch: &mut Fetch<'_>,
    ) -> Result<Map<String, Json>, Error> {
        let mut given: Vec<&(Flag, Said)> = self.0.iter().collect();
        given.sort_by_key(|(flag, _)| flag.path.len());
        for (flag, said) in given {
            let value = value(flag, said, fetch)?;
            put(&mut input, &flag.path, value);
        }
        Ok(input)
    }

    /// Whether any was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn value(flag: &Flag, said: &Said, fetch: &mut Fetch<'_>) -> Result<Json, Error> {
    let texts = match said {
        Said::No if flag.shape.kind == Kind::Boolean => return Ok(Json::Bool(false)),
        Said::No => return Ok(Json::Null),
        Said::Values(texts) => texts,
    };
    let texts: Vec<String> = texts.iter().map(|text| fetch(text, flag)).collect::<Result<_, _>>()?;
    value::read_all(&flag.shape, &texts).map_err(|mismatch| {
        let given = texts.last().map(|text| shortened(text)).unwrap_or_default();
        let not = if flag.secret { String::new() } else { format!(", not {given:?}") };
        let error =
            Error::new(&code::FLAG_INVALID, format!("{} takes {}{not}", flag.shown(), mismatch.expected));
        error.help(match mismatch.near {
            Some(near) => format!("did you mean {near:?}?"),
            None if flag.doc.is_empty() => format!("for example {}", example(flag)),
            None => format!("it is {}; for example {}", flag.doc, example(flag)),
        })
    })
}

/// A flag with a value that it takes.
fn example(flag: &Flag) -> String {
    let value = match &flag.shape.kind {
        Kind::Integer => "7",
        Kind::Number => "1.5",
        Kind::Boolean => return flag.shown(),
        Kind::List(_) | Kind::Union(_) => "'[…]', or @FILE",
        Kind::Map(_) => "name=value",
        Kind::Object => "'{…}', or @FILE",
        Kind::Choice(_) | Kind::Text(_) | Kind::Any => "text",
    };
    format!("{} {value}", flag.shown())
}

/// The beginning of a text: a whole file in an error helps nobody.
fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Puts a value where a path leads, making the objects on the way.
fn put(object: &mut Map<String, Json>, path: &[String], value: Json) {
    match path {
        [] => {}
        [last] => {
            object.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = object.entry(first.clone()).or_insert_with(|| Json::Object(Map::new()));
            if !inner.is_object() {
                *inner = Json::Object(Map::new());
            }
            if let Json::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::of_schema;
    use serde_json::json;

    fn over(base: Json, said: &[(&str, Said)]) -> Result<Json, Error> {
        let schema = json!({ "properties": {
            "n": { "type": ["integer", "null"], "description": "how many" },
            "pin": { "type": "integer", "x-sensitive": true },
            "dry": { "type": "boolean" },
            "to": { "type": "object", "properties": { "city": { "type": "string" }, "zip": { "type": "string" } } },
        } });
        let flags = of_schema(&schema, &std::collections::BTreeSet::new());
        let find = |name: &str| flags.iter().find(|flag| flag.name == name).unwrap().clone();
        let given = Given(said.iter().map(|(name, said)| (find(name), said.clone())).collect());
        let base = base.as_object().cloned().unwrap();
        given.over(base, &mut |text, _| Ok(text.to_owned())).map(Json::Object)
    }

    fn values(text: &str) -> Said {
        Said::Values(vec![text.to_owned()])
    }

    #[test]
    fn flags_win_over_what_they_are_laid_on() {
        let made = over(
            json!({ "n": 1, "to": { "zip": "1" }, "x": 2 }),
            &[("n", values("7")), ("to.city", values("Rome"))],
        );
        assert_eq!(made.unwrap(), json!({ "n": 7, "to": { "zip": "1", "city": "Rome" }, "x": 2 }));
        let both = over(json!({}), &[("to.city", values("Rome")), ("to", values("{\"zip\": \"9\"}"))]);
        assert_eq!(both.unwrap(), json!({ "to": { "zip": "9", "city": "Rome" } }));
        assert_eq!(
            over(json!({}), &[("n", Said::No), ("dry", Said::No)]).unwrap(),
            json!({ "n": null, "dry": false })
        );
    }

    #[test]
    fn a_value_that_does_not_fit_names_its_flag_and_a_secret_stays_one() {
        let error = over(json!({}), &[("n", values("many"))]).unwrap_err();
        assert_eq!(error.message(), "--n takes an integer, or null, not \"many\"");
        assert_eq!(error.help_text(), Some("it is how many; for example --n 7"));
        let error = over(json!({}), &[("pin", values("canary"))]).unwrap_err();
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}
