//! What a request asks for: its method and its path below an endpoint.

use http::{Method, request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::Unwritable;
use crate::fields::only;
use crate::handler_error::{HandlerError, HandlerErrorKind};

/// Longest name of a service or an operation, in bytes.
pub const NAME_BYTES_MAX: usize = 1_000;

/// Longest token of an operation, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4_096;

/// The header that names an operation that was started.
pub(crate) const TOKEN: &str = "nexus-operation-token";

/// What is encoded in a segment: everything but what RFC 3986 lets stand everywhere.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Starts an operation.
    Start {
        /// The service.
        service: String,
        /// The operation.
        operation: String,
    },
    /// Asks an operation to end early.
    Cancel {
        /// The service.
        service: String,
        /// The operation.
        operation: String,
        /// The token that its start was answered with.
        token: String,
    },
}

impl Route {
    /// What a request asks for, below the path of an endpoint. The error is the answer: 400 for what makes no sense, 404 for
    /// what is nowhere.
    pub fn of(parts: &request::Parts, prefix: &str) -> Result<Route, HandlerError> {
        let below = parts.uri.path().strip_prefix(prefix.trim_end_matches('/'));
        let below = below.and_then(|below| below.strip_prefix('/'));
        let nowhere = || HandlerError::new(HandlerErrorKind::NotFound, "there is nothing at this path");
        let segments: Vec<&str> = below.ok_or_else(nowhere)?.split('/').collect();
        if parts.method != Method::POST {
            return Err(HandlerError::bad_request("everything is asked for with POST"));
        }
        match segments.as_slice() {
            [service, operation] => Ok(Route::Start { service: name(service)?, operation: name(operation)? }),
            [service, operation, "cancel"] => {
                let told = only(&parts.headers, TOKEN).or_else(|| queried(parts.uri.query(), "token"));
                Route::cancel(service, operation, told)
            }
            // As servers had it that named the operation in the path.
            [service, operation, token, "cancel"] => Route::cancel(service, operation, decoded(token)),
            _ => Err(nowhere()),
        }
    }

    fn cancel(service: &str, operation: &str, token: Option<String>) -> Result<Route, HandlerError> {
        let token = token.filter(|token| (1..=TOKEN_BYTES_MAX).contains(&token.len()));
        let token =
            token.ok_or_else(|| HandlerError::bad_request("a cancel names the token of an operation"))?;
        Ok(Route::Cancel { service: name(service)?, operation: name(operation)?, token })
    }
}

/// The path of an operation below an endpoint.
pub(crate) fn path(service: &str, operation: &str) -> Result<String, Unwritable> {
    let part = |name: &str| {
        let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
        // A client takes these for steps on the way, encoded or not.
        let is_step = matches!(name, "." | "..");
        (fits && !is_step).then(|| segment(name)).ok_or_else(|| Unwritable::Name(name.to_owned()))
    };
    Ok(format!("{}/{}", part(service)?, part(operation)?))
}

fn name(segment: &str) -> Result<String, HandlerError> {
    let name = decoded(segment).filter(|name| (1..=NAME_BYTES_MAX).contains(&name.len()));
    name.ok_or_else(|| {
        HandlerError::bad_request(format!(
            "names of services and operations are texts of 1 to {NAME_BYTES_MAX} bytes, encoded as one segment"
        ))
    })
}

fn decoded(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// A value of the query.
pub(crate) fn queried(query: Option<&str>, wanted: &str) -> Option<String> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value).next()?;
    decoded(&value.replace('+', " "))
}

/// What a segment of a path, or a value of a query, stands for; nothing when that is no text.
pub fn unsegment(text: &str) -> Option<String> {
    decoded(text)
}

/// A text as one segment of a path, or as a value of a query.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn route(method: &str, path: &str, token: Option<&str>) -> Result<Route, u16> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(TOKEN, token);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Route::of(&parts, "/nexus/").map_err(|error| error.kind.status())
    }

    fn start(service: &str, operation: &str) -> Route {
        Route::Start { service: service.into(), operation: operation.into() }
    }

    fn cancel(token: &str) -> Route {
        Route::Cancel { service: "s".into(), operation: "o".into(), token: token.into() }
    }

    #[test]
    fn names_are_one_segment_each_whatever_they_hold() {
        assert_eq!(route("POST", "/nexus/s/o", None), Ok(start("s", "o")));
        assert_eq!(route("POST", "/nexus/a%2Fb/c%20d%25", None), Ok(start("a/b", "c d%")));
        assert_eq!(route("POST", "/nexus/%C3%A4/%F0%9F%A6%80", None), Ok(start("ä", "🦀")));
        assert_eq!(route("POST", "/nexus/s/cancel", None), Ok(start("s", "cancel")));
        let long = "x".repeat(NAME_BYTES_MAX);
        assert_eq!(route("POST", &format!("/nexus/{long}/o"), None), Ok(start(&long, "o")));
        for bad in ["/nexus//o", "/nexus/s/", &format!("/nexus/{long}x/o"), "/nexus/%FF/o"] {
            assert_eq!(route("POST", bad, None), Err(400), "{bad}");
        }
    }

    #[test]
    fn a_cancel_names_its_operation_in_any_of_three_ways() {
        assert_eq!(route("POST", "/nexus/s/o/cancel", Some("t / 1")), Ok(cancel("t / 1")));
        assert_eq!(route("POST", "/nexus/s/o/cancel?token=t%20%2F+1", None), Ok(cancel("t / 1")));
        assert_eq!(route("POST", "/nexus/s/o/t%2F1/cancel", None), Ok(cancel("t/1")));
        for bad in ["/nexus/s/o/cancel", "/nexus/s/o/cancel?token=", "/nexus/s/o//cancel"] {
            assert_eq!(route("POST", bad, None), Err(400), "{bad}");
        }
    }

    #[test]
    fn what_is_nowhere_is_not_found_and_only_post_asks() {
        for path in
            ["/", "/nexus", "/nexus/", "/nexus/s", "/nexusy/s/o", "/nexus/s/o/x", "/nexus/s/o/x/y/cancel"]
        {
            assert_eq!(route("POST", path, None), Err(404), "{path}");
        }
        for method in ["GET", "PUT", "DELETE"] {
            assert_eq!(route(method, "/nexus/s/o", None), Err(400), "{method}");
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(service in "\\PC{1,40}", operation in "\\PC{1,40}") {
            prop_assume!(!matches!(service.as_str(), "." | "..") && !matches!(operation.as_str(), "." | ".."));
            let path = format!("/nexus/{}", path(&service, &operation).unwrap());
            prop_assert_eq!(route("POST", &path, None), Ok(start(&service, &operation)));
        }
    }
}
