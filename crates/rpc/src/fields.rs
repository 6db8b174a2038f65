//! Headers as the types of this crate hold them.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{Fields, Unwritable};

/// A value as text: bytes that are no UTF-8 are replaced, because no rule of the protocol needs them.
pub(crate) fn lossless(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The only value of a header. Nothing when it is not there, or there twice.
pub(crate) fn only(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(lossless)
}

/// Sets a header.
pub(crate) fn set(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Unwritable> {
    let wrong = || Unwritable::Header(name.to_owned());
    let key = HeaderName::try_from(name).map_err(|_| wrong())?;
    headers.insert(key, HeaderValue::try_from(value).map_err(|_| wrong())?);
    Ok(())
}

/// Sets all of these, with something before their names.
pub(crate) fn set_all(headers: &mut HeaderMap, prefix: &str, fields: &Fields) -> Result<(), Unwritable> {
    fields.iter().try_for_each(|(name, value)| set(headers, &format!("{prefix}{name}"), value))
}

/// Those whose names begin like this, without that beginning.
pub(crate) fn with_prefix(headers: &HeaderMap, prefix: &str) -> Fields {
    let named = headers.iter().filter_map(|(name, value)| Some((name.as_str().strip_prefix(prefix)?, value)));
    named.map(|(name, value)| (name.to_owned(), lossless(value))).collect()
}
