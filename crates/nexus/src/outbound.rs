//! Requests to others, made for a project: whom we trust over `https`, and where functions may send requests to.

pub(crate) mod address;
pub(crate) mod exchange;
pub(crate) mod fetch;
pub(crate) mod host;
pub(crate) mod request;
pub(crate) mod resolve;
pub(crate) mod response;
pub(crate) mod tls;
pub(crate) mod trace;

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::activity::expand;
use crate::config::hidden::Hidden;

/// Headers as the configuration has them, which has been checked. They are never shown.
pub(crate) fn headers(configured: &BTreeMap<String, Hidden>) -> HeaderMap {
    let pair = |(name, value): (&String, &Hidden)| {
        let mut value = HeaderValue::try_from(expand(value.reveal()).ok()?).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::try_from(name.as_str()).ok()?, value))
    };
    configured.iter().filter_map(pair).collect()
}
