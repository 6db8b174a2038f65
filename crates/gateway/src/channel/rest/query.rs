//! Query strings: every key is known and given once, or the request is refused.

use std::time::Duration;

use axum::extract::Query as Pairs;
use axum::http::Uri;
use nexus_kernel::Json;
use nexus_kernel::call::Wait;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::json;
use nexus_kernel::suggest;
use serde_json::Map;

use crate::limits::WAIT_SECONDS_MAX;

/// The keys and values after the `?` that nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    taken: Vec<&'static str>,
}

impl Query {
    /// The query of a URI.
    pub(crate) fn of(uri: &Uri) -> Result<Query, Error> {
        if uri.query().is_none_or(str::is_empty) {
            return Ok(Query::default());
        }
        let bad = |message: String| Error::new(&code::BAD_REQUEST, message);
        let Pairs(pairs) = Pairs::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| bad(format!("the query cannot be read: {error}")))?;
        let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if let Some([twice, _]) = names.array_windows().find(|[left, right]| left == right) {
            return Err(bad(format!("the query names {twice:?} twice")));
        }
        Ok(Query { pairs, taken: Vec::new() })
    }

    /// Takes a value out.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<String> {
        self.taken.push(name);
        let at = self.pairs.iter().position(|(given, _)| given == name)?;
        Some(self.pairs.swap_remove(at).1)
    }

    /// Takes `wait` out.
    pub(crate) fn take_wait(&mut self) -> Result<Option<Duration>, Error> {
        self.take("wait").map(|text| parse_wait(&text)).transpose()
    }

    /// Takes `wait` out as what a call's context wants; without it the call waits for acceptance only.
    pub(crate) fn take_wait_for_run(&mut self) -> Result<Wait, Error> {
        Ok(self.take_wait()?.map_or(Wait::Accepted, Wait::AtMost))
    }

    /// Refuses what nobody has taken.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let Some((unknown, _)) = self.pairs.first() else { return Ok(()) };
        let error = Error::new(&code::BAD_REQUEST, format!("there is no query parameter {unknown:?} here"));
        Err(match suggest::nearest(unknown, self.taken.iter().copied()) {
            Some(near) => error.help(format!("did you mean {near:?}?")),
            None if self.taken.is_empty() => error.help("no query parameters are taken here"),
            None => error.help(format!("the parameters are {}", self.taken.join(", "))),
        })
    }

    /// Everything left as an input. The schema tells numbers and booleans from text; unknown names are left to it.
    pub(crate) fn into_input(self, schema: &Json) -> Map<String, Json> {
        let typed = |(name, text): (String, String)| {
            let value = typed_for(schema, &name, &text);
            (name, value)
        };
        self.pairs.into_iter().map(typed).collect()
    }

    /// Everything left.
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.pairs
    }
}

/// A text as the value of an input field, in the type that the schema gives the field.
pub(crate) fn typed_for(schema: &Json, field: &str, text: &str) -> Json {
    let own = schema.get("properties").and_then(|fields| fields.get(field));
    let named = own.and_then(|own| own.get("$ref")?.as_str()?.strip_prefix('#'));
    let own = named.and_then(|pointer| schema.pointer(pointer)).or(own);
    let wanted = match own.and_then(|own| own.get("type")) {
        Some(Json::Array(several)) => several.iter().filter_map(Json::as_str).find(|kind| *kind != "null"),
        Some(Json::String(one)) => Some(one.as_str()),
        _ => None,
    };
    typed(text, wanted.unwrap_or_default())
}

/// A text as the JSON type that is wanted; as text where it is none, for the schema to complain about.
fn typed(text: &str, wanted: &str) -> Json {
    let read = |text: &str| json::read(text.as_bytes());
    let found = match wanted {
        "integer" | "number" => read(text).ok().filter(Json::is_number),
        "boolean" => read(text).ok().filter(Json::is_boolean),
        "array" => read(text).ok().filter(Json::is_array),
        "object" => read(text).ok().filter(Json::is_object),
        _ => None,
    };
    found.unwrap_or_else(|| text.into())
}

/// Reads `30`, `30s`, `500ms`, `2m` or `1h`.
pub(crate) fn parse_wait(text: &str) -> Result<Duration, Error> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let millis_each = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    let wait = digits.parse::<u64>().ok().filter(|_| millis_each > 0);
    let wait =
        wait.map(|count| Duration::from_millis(count.saturating_mul(millis_each))).ok_or_else(|| {
            Error::new(&code::BAD_REQUEST, format!("{text:?} is not a wait"))
                .help("write 30s, 500ms or 2m, for example")
        })?;
    if wait <= Duration::from_secs(WAIT_SECONDS_MAX) {
        return Ok(wait);
    }
    Err(Error::new(&code::BAD_REQUEST, format!("a wait of {text} is longer than {WAIT_SECONDS_MAX} s"))
        .help("ask again when the wait ends; the run goes on meanwhile"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn query(text: &str) -> Result<Query, Error> {
        Query::of(&format!("/x?{text}").parse().unwrap())
    }

    #[test]
    fn waits() {
        assert_eq!(parse_wait("30").unwrap(), Duration::from_secs(30));
        assert_eq!(parse_wait("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse_wait("2m").unwrap(), Duration::from_mins(2));
        for bad in ["", "s", "-1s", "1.5s", "11m", "1h", "99999999999999999999", "3d", "é"] {
            assert!(parse_wait(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn unknown_and_repeated_keys_are_refused() {
        assert!(query("a=1&a=2").is_err());
        let mut query = query("wat=3s").unwrap();
        assert_eq!(query.take("wait"), None);
        assert_eq!(query.finish().unwrap_err().help_text(), Some("did you mean \"wait\"?"));
    }

    #[test]
    fn the_schema_gives_values_their_types() {
        let schema =
            json!({ "properties": { "limit": { "type": "integer" }, "all": { "type": "boolean" } } });
        let input = query("limit=5&all=true&name=5&limit2=x").unwrap().into_input(&schema);
        assert_eq!(Json::Object(input), json!({ "limit": 5, "all": true, "name": "5", "limit2": "x" }));
        let wrong = query("limit=many").unwrap().into_input(&schema);
        assert_eq!(Json::Object(wrong), json!({ "limit": "many" }));
    }
}
