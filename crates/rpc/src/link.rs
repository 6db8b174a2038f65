//! Links: typed references from one side of a call to the other, `<url>; type="some.Type"`.

use std::fmt;

use http::HeaderMap;

use crate::Unwritable;

/// The header that holds them.
pub(crate) const LINK: &str = "nexus-link";

/// A reference to something on the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it is. A comma in it has to be encoded.
    pub url: String,
    /// What it is: letters, digits, `_`, `.` and `/`.
    pub kind: String,
}

/// Why a header holds no links.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no link: {why}")]
pub struct BadLink {
    /// The part of the header that is none.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>; type=\"{}\"", self.url, self.kind)
    }
}

impl Link {
    /// Reads one link.
    pub fn parse(text: &str) -> Result<Link, BadLink> {
        let wrong = |why| BadLink { text: text.to_owned(), why };
        let inside = text.trim().strip_prefix('<').ok_or_else(|| wrong("it does not begin with <"))?;
        let (url, parameters) =
            inside.split_once('>').ok_or_else(|| wrong("its address does not end with >"))?;
        if url.is_empty() || !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'<') {
            return Err(wrong("its address is empty or not encoded"));
        }
        let mut kinds = parameters.split(';').filter_map(|part| part.trim().strip_prefix("type="));
        let kind = kinds.next().ok_or_else(|| wrong("it has no type"))?;
        let kind = kind.trim_matches('"').to_owned();
        if kind.is_empty() || !kind.chars().all(is_of_kind) {
            return Err(wrong("its type has more than letters, digits, _, . and /"));
        }
        Ok(Link { url: url.to_owned(), kind })
    }

    /// All links of a message: one in each header, or several with commas between.
    pub(crate) fn all(headers: &HeaderMap) -> Result<Vec<Link>, BadLink> {
        let not_text = |_| BadLink { text: String::new(), why: "the header is no text" };
        let mut links = Vec::new();
        for value in headers.get_all(LINK) {
            for part in value.to_str().map_err(not_text)?.split(',') {
                links.push(Link::parse(part)?);
            }
        }
        Ok(links)
    }

    /// Adds links to a message, a header for each.
    pub(crate) fn add(headers: &mut HeaderMap, links: &[Link]) -> Result<(), Unwritable> {
        for link in links {
            let text = link.to_string();
            // What could not be read again is not written.
            let value = Link::parse(&text).ok().filter(|read| read == link && !text.contains(','));
            let value = value.and_then(|_| text.parse().ok());
            headers.append(LINK, value.ok_or_else(|| Unwritable::Header(LINK.to_owned()))?);
        }
        Ok(())
    }
}

fn is_of_kind(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Vec<Link>, BadLink> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(LINK, value.parse().unwrap());
        }
        Link::all(&headers)
    }

    #[test]
    fn links_come_apart_and_together() {
        let one = Link {
            url: "temporal:///namespaces/a/workflows/w?x=1%2C2".into(),
            kind: "temporal.api.E".into(),
        };
        let other = Link { url: "https://a.example/b".into(), kind: "a/B_1".into() };
        let apart = [one.to_string(), other.to_string()];
        let together = apart.join(", ");
        assert_eq!(read(&[&apart[0], &apart[1]]), Ok(vec![one.clone(), other.clone()]));
        assert_eq!(read(&[&together]), Ok(vec![one.clone(), other]));
        assert_eq!(read(&["<https://a>;type=a.B"]).unwrap()[0].kind, "a.B");
        let mut headers = HeaderMap::new();
        Link::add(&mut headers, std::slice::from_ref(&one)).unwrap();
        assert_eq!(Link::all(&headers), Ok(vec![one]));
    }

    #[test]
    fn what_is_no_link_is_told() {
        for text in [
            "",
            "https://a; type=\"b\"",
            "<>; type=\"b\"",
            "<https://a",
            "<https://a>",
            "<https://a>; type=\"\"",
            "<https://a>; type=\"b c\"",
            "<https://a>; type=\"b-c\"",
            "<https://a b>; type=\"c\"",
            "<https://a?x=1,2>; type=\"c\"",
            "<https://a>; kind=\"c\"",
        ] {
            assert!(read(&[text]).is_err(), "{text}");
        }
        let unwritable = Link { url: "https://a?x=1,2".into(), kind: "c".into() };
        assert!(Link::add(&mut HeaderMap::new(), &[unwritable]).is_err());
    }
}
