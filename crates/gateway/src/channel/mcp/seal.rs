//! What a client carries for us from one request to the next: signed, and believed only when the signature is ours.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::time::Timestamp;
use ring::{digest, hmac};
use serde_json::json;

/// The version of the format.
const VERSION: &str = "nx1";

/// How long a question may stay unanswered.
const VALID: Duration = Duration::from_hours(24);

/// What a question was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// The operation that was called.
    pub(super) operation: String,
    /// What it was called with, as [`fingerprint`] tells it.
    pub(super) arguments: String,
    /// The run that waits.
    pub(super) run: String,
}

/// An opened state, and what is unique about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    /// What was sealed.
    pub(super) state: State,
    /// Its signature. An answer to it is given once, however often it is sent.
    pub(super) signature: String,
}

/// A short name for the arguments of a call.
pub(super) fn fingerprint(arguments: &Json) -> String {
    hex(digest::digest(&digest::SHA256, arguments.to_string().as_bytes()).as_ref())
}

/// Signs a state. `at` is where the run stood, so that two questions of one run differ.
pub(super) fn seal(key: &hmac::Key, state: &State, at: u64, now: Timestamp) -> String {
    let State { operation, arguments, run } = state;
    let until = now.plus(VALID).to_string();
    let text = json!([operation, arguments, run, at, until]).to_string();
    format!("{VERSION}.{}.{text}", hex(hmac::sign(key, text.as_bytes()).as_ref()))
}

/// Opens what a client brought back.
///
/// # Errors
///
/// `NX-2502` for anything that was not signed here, or too long ago.
pub(super) fn open(key: &hmac::Key, sealed: &str, now: Timestamp) -> Result<Opened, Error> {
    let (signature, text) = sealed
        .strip_prefix(VERSION)
        .and_then(|rest| rest.strip_prefix('.')?.split_once('.'))
        .ok_or_else(|| refused("is not one that this server gave"))?;
    let bytes = unhex(signature).ok_or_else(|| refused("is not one that this server gave"))?;
    hmac::verify(key, text.as_bytes(), &bytes).map_err(|_| refused("is not one that this server gave"))?;
    // From here on the text is our own.
    let (operation, arguments, run, _, until): (String, String, String, u64, String) =
        serde_json::from_str(text).map_err(|error| Error::internal(error.to_string()))?;
    if Timestamp::parse(&until).is_none_or(|until| until < now) {
        return Err(refused("is too old"));
    }
    Ok(Opened { state: State { operation, arguments, run }, signature: signature.to_owned() })
}

fn refused(why: &str) -> Error {
    Error::new(&code::MCP_STATE_INVALID, format!("the requestState {why}"))
        .help("call the tool again without it, or ask run_show how the run stands")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(secret: &[u8]) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, secret)
    }

    fn state() -> State {
        State {
            operation: "shop/Pay".into(),
            arguments: fingerprint(&json!({ "a": 1 })),
            run: "run_1".into(),
        }
    }

    #[test]
    fn what_was_sealed_is_opened_until_it_is_too_old() {
        let (key, now) = (key(b"secret"), Timestamp::from_millis(1_000));
        let sealed = seal(&key, &state(), 7, now);
        assert_eq!(open(&key, &sealed, now).unwrap().state, state());
        let late = now.plus(VALID).plus(Duration::from_secs(1));
        assert_eq!(open(&key, &sealed, late).unwrap_err().message(), "the requestState is too old");
        assert_ne!(sealed, seal(&key, &state(), 8, now), "two questions of a run differ");
    }

    #[test]
    fn another_key_opens_nothing() {
        let now = Timestamp::from_millis(1_000);
        let sealed = seal(&key(b"theirs"), &state(), 7, now);
        assert_eq!(open(&key(b"ours"), &sealed, now).unwrap_err().code().id, "NX-2502");
    }

    proptest! {
        #[test]
        fn no_change_goes_unnoticed(at in 0_usize..250, letter in any::<char>(), any in ".{0,80}") {
            let (key, now) = (key(b"secret"), Timestamp::from_millis(1_000));
            let sealed = seal(&key, &state(), 7, now);
            let changed: String =
                sealed.chars().enumerate().map(|(place, own)| if place == at { letter } else { own }).collect();
            prop_assert!(changed.eq_ignore_ascii_case(&sealed) || open(&key, &changed, now).is_err());
            prop_assert!(open(&key, &any, now).is_err());
        }
    }
}
