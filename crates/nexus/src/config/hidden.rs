//! Texts that may hold a secret: nobody who prints a configuration prints them.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What stands for a text that is not shown.
pub const REDACTED: &str = "[redacted]";

/// Whether a text was printed and not written: it holds what stands for a secret.
pub fn is_printed(text: &str) -> bool {
    text.contains(REDACTED)
}

/// Words that say how a credential is shown and are none.
const SCHEMES: [&str; 4] = ["", "Bearer ", "Basic ", "Token "];

/// A text that may hold a secret, such as the value of a header. Shown are only references to variables, `${NAME}`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What of it can be shown.
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, name, end)) = reference(rest) {
            shown.push_str(if SCHEMES.contains(&before) { before } else { REDACTED });
            shown.push_str("${");
            shown.push_str(name);
            shown.push('}');
            rest = end;
        }
        if !rest.is_empty() {
            shown.push_str(REDACTED);
        }
        shown
    }
}

/// The first reference of a text, with what comes before and after.
fn reference(text: &str) -> Option<(&str, &str, &str)> {
    let (before, after) = text.split_once("${")?;
    let (name, end) = after.split_once('}')?;
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some((before, name, end))
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Hidden {
        Hidden(text.to_owned())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

/// An address, which may hold a password or a key. These are not shown; the rest is.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// The address itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What of it can be shown: neither a name and password before the host, nor what is behind `?` or `#`.
    pub fn shown(&self) -> String {
        let end = self.0.find(['?', '#']).unwrap_or(self.0.len());
        let (front, behind) = self.0.split_at(end);
        let (scheme, rest) = front.split_once("://").unwrap_or(("", front));
        let host_end = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at(host_end);
        let host = match host.rsplit_once('@') {
            Some((_, host)) => format!("{REDACTED}@{host}"),
            None => host.to_owned(),
        };
        let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
        let behind = match behind.chars().next() {
            Some(mark) if behind.len() > 1 => format!("{mark}{REDACTED}"),
            _ => behind.to_owned(),
        };
        format!("{scheme}{host}{path}{behind}")
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Address {
        Address(text.to_owned())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references_are_shown_and_what_may_be_a_secret_is_not() {
        for (text, shown) in [
            ("sesame", "[redacted]"),
            ("Bearer ${TOKEN}", "Bearer ${TOKEN}"),
            ("${A}${B}", "${A}${B}"),
            ("sesame${A}", "[redacted]${A}"),
            ("${A}sesame", "${A}[redacted]"),
            ("${not a name}", "[redacted]"),
            ("", ""),
        ] {
            assert_eq!(Hidden::from(text).shown(), shown, "{text}");
            assert_eq!(format!("{:?}", Hidden::from(text)), format!("{shown:?}"));
        }
    }

    #[test]
    fn addresses_are_shown_without_passwords_and_keys() {
        for (text, shown) in [
            ("https://a.example/hook", "https://a.example/hook"),
            ("https://ada:sesame@a.example:8443/hook", "https://[redacted]@a.example:8443/hook"),
            ("https://a.example?key=sesame", "https://a.example?[redacted]"),
            ("https://a.example/#sesame", "https://a.example/#[redacted]"),
            ("sesame@a.example", "[redacted]@a.example"),
        ] {
            assert_eq!(Address::from(text).shown(), shown, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_secret_is_shown(before in "[a-z ]{0,5}", after in "[a-z/ ]{0,5}") {
            let text = format!("{before}sesame{after}${{NAME}}");
            prop_assert!(!Hidden::from(text.as_str()).shown().contains("sesame"));
            let address = format!("https://{before}:sesame@host/{after}?sesame");
            prop_assert!(!Address::from(address.as_str()).shown().contains("sesame"));
        }
    }
}
