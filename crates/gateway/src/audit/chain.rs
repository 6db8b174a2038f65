//! The chain: a line with the hash of the one before and its own, which anybody can work out again.
//!
//! The hash of a line is SHA-256 over its text up to the last `,"hash":`, so nothing has to be written in one canonical way to check
//! it: the bytes that are there are the canonical form.

use std::fmt::Write as _;

use nexus_kernel::time::Timestamp;
use ring::digest::{SHA256, digest};

use super::record::{Line, VERSION, What};

/// What stands between a line's text and its hash.
const BEFORE_HASH: &[u8] = b",\"hash\":\"";

/// Characters of a hash.
const HASH_CHARS: usize = 64;

/// The end of a chain: the number and the hash of its last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The number of the line that comes next.
    pub next: u64,
    /// The hash of the last line; zeros before the first.
    pub hash: String,
}

impl Head {
    /// The end of a chain that has no lines.
    pub fn start() -> Head {
        Head { next: 0, hash: "0".repeat(HASH_CHARS) }
    }

    /// As people keep it: the number of the last line, a colon, its hash.
    pub fn parse(text: &str) -> Option<Head> {
        let (seq, hash) = text.trim().split_once(':')?;
        let is_hash = hash.len() == HASH_CHARS && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let next = seq.parse::<u64>().ok()?.checked_add(1)?;
        is_hash.then(|| Head { next, hash: hash.to_ascii_lowercase() })
    }
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.next.checked_sub(1) {
            Some(last) => write!(f, "{last}:{}", self.hash),
            None => f.write_str("nothing was written yet"),
        }
    }
}

/// The hash of bytes, as it is written.
pub(super) fn hash_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(HASH_CHARS);
    for byte in digest(&SHA256, bytes).as_ref() {
        let _ = write!(text, "{byte:02x}"); // a string takes everything
    }
    text
}

/// Adds a line to a text and to the chain.
pub(super) fn seal(head: &mut Head, at: Timestamp, what: What, text: &mut Vec<u8>) -> Result<(), String> {
    let line = Line { v: VERSION, seq: head.next, at, what, prev: std::mem::take(&mut head.hash) };
    let mut body = serde_json::to_vec(&line).map_err(|error| error.to_string())?;
    body.pop();
    head.next += 1;
    head.hash = hash_of(&body);
    text.append(&mut body);
    text.extend_from_slice(BEFORE_HASH);
    text.extend_from_slice(head.hash.as_bytes());
    text.extend_from_slice(b"\"}\n");
    Ok(())
}

/// A line and its hash, when the hash is that of the line. Errors: what is wrong with it.
pub(super) fn unseal(line: &[u8]) -> Result<(Line, String), String> {
    let body_bytes = line.len().checked_sub(BEFORE_HASH.len() + HASH_CHARS + 2).ok_or("it is too short")?;
    let (body, rest) = line.split_at(body_bytes);
    let hash = rest.strip_prefix(BEFORE_HASH).and_then(|rest| rest.strip_suffix(b"\"}"));
    let hash = hash.ok_or("it has no hash at its end")?;
    let own = hash_of(body);
    if own.as_bytes() != hash {
        return Err("its hash is that of another text".to_owned());
    }
    let whole = [body, b"}"].concat();
    let line: Line = serde_json::from_slice(&whole).map_err(|error| format!("it cannot be read: {error}"))?;
    if line.v != VERSION {
        return Err(format!("its version is {}, and this program knows {VERSION}", line.v));
    }
    Ok((line, own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_its_own_hash() {
        let (mut head, mut text) = (Head::start(), Vec::new());
        seal(&mut head, Timestamp::from_millis(0), What::Opened, &mut text).unwrap();
        let line = text.strip_suffix(b"\n").unwrap();
        let (read, hash) = unseal(line).unwrap();
        assert_eq!((read.seq, &hash), (0, &head.hash));
        // What an auditor does with a shell: cut the hash off, and hash what is left.
        let written = String::from_utf8(line.to_vec()).unwrap();
        let (body, _) = written.split_once(",\"hash\":").unwrap();
        assert_eq!(hash_of(body.as_bytes()), head.hash);
        assert_eq!(Head::parse(&head.to_string()), Some(head));
    }

    #[test]
    fn a_changed_byte_is_seen_wherever_it_is() {
        let (mut head, mut text) = (Head::start(), Vec::new());
        seal(&mut head, Timestamp::from_millis(0), What::Mended { bytes: 7 }, &mut text).unwrap();
        let line = text.strip_suffix(b"\n").unwrap();
        for at in 0..line.len() {
            let mut changed = line.to_vec();
            changed[at] ^= 1;
            assert!(unseal(&changed).is_err(), "{}", String::from_utf8_lossy(&changed));
        }
    }
}
