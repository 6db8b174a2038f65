//! File names as the protocol writes them.

use std::path::{Path, PathBuf};

/// The path of a `file:` URI; nothing for other schemes.
pub(super) fn to_path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    // A host before the path is this machine or one that we cannot reach.
    let path = rest.find('/').and_then(|at| rest.get(at..))?;
    let decoded = decode(path);
    let bytes = decoded.as_bytes();
    let has_drive = bytes.get(2) == Some(&b':') && bytes.get(1).is_some_and(u8::is_ascii_alphabetic);
    let path = if has_drive && cfg!(windows) { decoded.get(1..)? } else { &decoded };
    Some(PathBuf::from(path))
}

/// The `file:` URI of a path.
pub(super) fn of_path(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    let slash = if text.starts_with('/') { "" } else { "/" };
    format!("file://{slash}{}", encode(&text))
}

/// What tells documents apart: editors escape differently, paths are the same.
pub(super) fn key(uri: &str) -> String {
    to_path(uri).map_or_else(|| uri.to_owned(), |path| path.to_string_lossy().into_owned())
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let value = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = tail.get(2..).unwrap_or(&[]);
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_from_their_uris() {
        for path in ["/a/b.twf", "/with blank/ä#?.twf", "/100%/x"] {
            assert_eq!(to_path(&of_path(Path::new(path))), Some(PathBuf::from(path)), "{path}");
        }
        assert_eq!(of_path(Path::new("/a b")), "file:///a%20b");
    }

    #[test]
    fn other_spellings_mean_the_same_file() {
        assert_eq!(key("file:///a%2Fb.twf"), key("file://localhost/a/b.twf"));
        assert_eq!(key("untitled:Untitled-1"), "untitled:Untitled-1");
        assert_eq!(to_path("file:///bad%zz%"), Some(PathBuf::from("/bad%zz%")));
        assert_eq!(to_path("http://a/b"), None);
    }
}
