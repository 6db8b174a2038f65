//! Routes: paths of HTTP that an operation declares for itself, such as `GET /orders/{id}`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::code;
use crate::error::Error;
use crate::suggest;

/// Most segments of a path.
const SEGMENTS_MAX: usize = 16;

/// First segments that Nexus keeps for itself.
pub const RESERVED: &[&str] = &[
    "api",
    "docs",
    "errors",
    "health",
    "healthz",
    "mcp",
    "metrics",
    "openapi.json",
    "panels",
    "readyz",
    "startup",
    "v1",
    "webhooks",
    "workflows",
    "ws",
];

/// A method of HTTP that a route may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HttpMethod {
    /// Looks; has no body.
    Get,
    /// Does something.
    Post,
    /// Sets something.
    Put,
    /// Changes a part of something.
    Patch,
    /// Removes something; has no body.
    Delete,
}

impl HttpMethod {
    /// Every method.
    pub const ALL: [HttpMethod; 5] =
        [HttpMethod::Get, HttpMethod::Post, HttpMethod::Put, HttpMethod::Patch, HttpMethod::Delete];

    /// As HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            HttpMethod::Get => "GET",
            HttpMethod::Post => "POST",
            HttpMethod::Put => "PUT",
            HttpMethod::Patch => "PATCH",
            HttpMethod::Delete => "DELETE",
        }
    }

    /// Whether requests of this method carry an input in their body.
    pub fn has_body(self) -> bool {
        matches!(self, HttpMethod::Post | HttpMethod::Put | HttpMethod::Patch)
    }
}

/// A part of a path between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// These very letters.
    Literal(String),
    /// Anything; it becomes the input field of this name.
    Field(String),
}

/// A path and method of an operation, and where in a request its input fields are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: HttpMethod,
    /// The path.
    pub segments: Vec<Segment>,
    /// Input fields by the name of the query parameter that holds them, where that is another name.
    pub query: BTreeMap<String, String>,
    /// Input fields by the name of the header that holds them, in lower case.
    pub headers: BTreeMap<String, String>,
}

impl Route {
    /// Reads `METHOD /path/{field}`.
    pub fn parse(text: &str) -> Result<Route, Error> {
        let (method, path) = text
            .trim()
            .split_once(' ')
            .ok_or_else(|| bad(text, "has no method").help("write, for example, `GET /orders/{id}`"))?;
        let method = method_of(method).ok_or_else(|| unknown_method(text, method))?;
        let path = path.trim();
        let inner = path.strip_prefix('/').filter(|inner| !inner.is_empty()).ok_or_else(|| {
            bad(text, "has no path").help("a path begins with `/` and names something below it")
        })?;
        let segments = inner.split('/').map(|part| segment(text, part)).collect::<Result<Vec<_>, _>>()?;
        let route = Route { method, segments, query: BTreeMap::new(), headers: BTreeMap::new() };
        route.check(text)?;
        Ok(route)
    }

    fn check(&self, text: &str) -> Result<(), Error> {
        if self.segments.len() > SEGMENTS_MAX {
            return Err(bad(text, &format!("has more than {SEGMENTS_MAX} segments")));
        }
        match self.segments.first() {
            Some(Segment::Literal(first)) if RESERVED.contains(&first.as_str()) => {
                return Err(bad(text, &format!("begins with /{first}, which Nexus itself serves"))
                    .help(format!("begin with something else than {}", RESERVED.join(", "))));
            }
            Some(Segment::Literal(_)) => {}
            _ => {
                return Err(bad(text, "begins with a placeholder")
                    .help("begin with a word, so that other paths stay free: `GET /orders/{id}`"));
            }
        }
        let mut seen = BTreeSet::new();
        match self.fields().find(|field| !seen.insert(field.to_owned())) {
            None => Ok(()),
            Some(twice) => Err(bad(text, &format!("has the placeholder {{{twice}}} twice"))),
        }
    }

    /// The input fields that the path holds.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Field(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The path as written, with its placeholders.
    pub fn path(&self) -> String {
        self.segments.iter().fold(String::new(), |path, segment| format!("{path}/{segment}"))
    }

    /// What the path holds in its placeholders, when it is one of this route. The segments are decoded.
    pub fn matches<'a>(&'a self, segments: &[&'a str]) -> Option<Vec<(&'a str, &'a str)>> {
        if segments.len() != self.segments.len() {
            return None;
        }
        let mut found = Vec::new();
        for (own, given) in self.segments.iter().zip(segments) {
            match own {
                Segment::Literal(literal) if literal == given => {}
                Segment::Field(name) if !given.is_empty() => found.push((name.as_str(), *given)),
                _ => return None,
            }
        }
        Some(found)
    }

    /// Whether some path is one of both routes and neither is more exact.
    pub fn collides(&self, other: &Route) -> bool {
        let same = |(own, foreign): (&Segment, &Segment)| match (own, foreign) {
            (Segment::Literal(own), Segment::Literal(foreign)) => own == foreign,
            (Segment::Field(_), Segment::Field(_)) => true,
            _ => false,
        };
        self.method == other.method
            && self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(same)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.path())
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Segment::Literal(literal) => f.write_str(literal),
            Segment::Field(name) => write!(f, "{{{name}}}"),
        }
    }
}

fn method_of(text: &str) -> Option<HttpMethod> {
    HttpMethod::ALL.into_iter().find(|method| method.as_str() == text)
}

fn unknown_method(text: &str, method: &str) -> Error {
    let known = HttpMethod::ALL.map(HttpMethod::as_str);
    let upper = method.to_ascii_uppercase();
    let error = bad(text, &format!("has the unknown method {method}"));
    match suggest::nearest(&upper, known) {
        Some(near) => error.help(format!("did you mean {near}?")),
        None => error.help(format!("the methods are {}", known.join(", "))),
    }
}

fn segment(text: &str, part: &str) -> Result<Segment, Error> {
    if let Some(name) = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Ok(Segment::Field(name.to_owned()));
        }
        return Err(bad(text, &format!("has the placeholder {part}, which is no name of a field")));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | ':');
    if !part.is_empty() && part.chars().all(fits) && part.chars().any(|c| c != '.') {
        return Ok(Segment::Literal(part.to_owned()));
    }
    Err(bad(text, &format!("has the segment {part:?}"))
        .help("a segment is a word of letters, digits, `-`, `_`, `.`, `~` and `:`, or a `{field}`"))
}

fn bad(text: &str, why: &str) -> Error {
    Error::new(&code::CONFIG_INVALID, format!("the route {text:?} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_read_and_written() {
        let route = Route::parse("GET /orders/{id}/lines/{line}").unwrap();
        assert_eq!(route.method, HttpMethod::Get);
        assert_eq!(route.to_string(), "GET /orders/{id}/lines/{line}");
        assert_eq!(route.fields().collect::<Vec<_>>(), ["id", "line"]);
        assert_eq!(route.matches(&["orders", "7", "lines", "2"]).unwrap(), [("id", "7"), ("line", "2")]);
        assert_eq!(route.matches(&["orders", "7", "line", "2"]), None);
        assert_eq!(route.matches(&["orders", "", "lines", "2"]), None);
        assert_eq!(route.matches(&["orders", "7"]), None);
    }

    #[test]
    fn what_is_no_route_is_refused_with_a_reason() {
        for (text, why) in [
            ("/orders", "has no method"),
            ("get /orders", "has the unknown method get"),
            ("GTE /orders", "has the unknown method GTE"),
            ("GET orders", "has no path"),
            ("GET /", "has no path"),
            ("GET /v1/orders", "begins with /v1, which Nexus itself serves"),
            ("GET /{id}", "begins with a placeholder"),
            ("GET /orders//x", "has the segment \"\""),
            ("GET /orders/..", "has the segment \"..\""),
            ("GET /orders/a b", "has the segment \"a b\""),
            ("GET /orders/{}", "has the placeholder {}, which is no name of a field"),
            ("GET /orders/{id}/{id}", "has the placeholder {id} twice"),
        ] {
            let error = Route::parse(text).unwrap_err();
            assert!(error.message().ends_with(why), "{text}: {}", error.message());
        }
        assert_eq!(Route::parse("get /orders").unwrap_err().help_text(), Some("did you mean GET?"));
    }

    #[test]
    fn routes_collide_when_neither_is_more_exact() {
        let collides = |a, b| Route::parse(a).unwrap().collides(&Route::parse(b).unwrap());
        assert!(collides("GET /orders/{id}", "GET /orders/{name}"));
        assert!(!collides("GET /orders/{id}", "GET /orders/new"));
        assert!(!collides("GET /orders/{id}", "DELETE /orders/{id}"));
    }
}
