//! Logins that people are in the middle of: what was asked of a provider, and in which browser.

use std::collections::HashMap;
use std::time::Duration;

use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::rng::Rng;
use nexus_kernel::time::Timestamp;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::seal::chance;
use crate::limits::{LOGIN_BEGUN_MINUTES_MAX, LOGINS_BEGUN_MAX};

/// What was asked, as its answer needs it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// What the issuer is called here.
    pub(super) issuer: String,
    /// Where the answer is to be brought.
    pub(super) here: String,
    /// Where the person wanted to go.
    pub(super) destination: String,
    /// What proves to the provider that the code is brought by whoever asked (RFC 7636).
    pub(super) verifier: String,
    /// What an id token has to repeat.
    pub(super) nonce: String,
}

impl Question {
    pub(super) fn new(issuer: &str, here: String, destination: &str, rng: &dyn Rng) -> Question {
        let (verifier, nonce) = (chance(rng), chance(rng));
        Question { issuer: issuer.to_owned(), here, destination: destination.to_owned(), verifier, nonce }
    }

    /// What is told of the verifier beforehand.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()))
    }
}

/// All of them, by the hashes of their states.
#[derive(Default)]
pub(super) struct Begun(HashMap<Hash, Entry>);

struct Entry {
    /// The hash of the cookie of the browser in which it began.
    browser: Hash,
    ends: Timestamp,
    question: Question,
}

impl Begun {
    /// Remembers a question that was asked in this browser.
    pub(super) fn keep(&mut self, state: &str, browser: &str, question: Question, now: Timestamp) {
        if self.0.len() >= LOGINS_BEGUN_MAX {
            self.0.retain(|_, entry| now < entry.ends);
        }
        if self.0.len() >= LOGINS_BEGUN_MAX
            && let Some(oldest) =
                self.0.iter().min_by_key(|(_, entry)| entry.ends).map(|(state, _)| state.clone())
        {
            self.0.remove(&oldest);
        }
        let ends = now.plus(Duration::from_secs(LOGIN_BEGUN_MINUTES_MAX * 60));
        let browser = Hash::of(browser.as_bytes());
        self.0.insert(Hash::of(state.as_bytes()), Entry { browser, ends, question });
    }

    /// The question that an answer is to, when this browser asked it. It is answered once.
    pub(super) fn take(&mut self, state: &str, browser: &str, now: Timestamp) -> Option<Question> {
        let (state, browser) = (Hash::of(state.as_bytes()), Hash::of(browser.as_bytes()));
        let entry = self.0.get(&state)?;
        // Somebody else's answer takes nobody's question away.
        if !bool::from(entry.browser.as_str().as_bytes().ct_eq(browser.as_str().as_bytes())) {
            return None;
        }
        let entry = self.0.remove(&state)?;
        (now < entry.ends).then_some(entry.question)
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::memory::rng::SeededRng;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn question(destination: &str) -> Question {
        Question::new("acme", "https://a.example/login/callback".to_owned(), destination, &SeededRng::new(7))
    }

    #[test]
    fn an_answer_counts_once_in_the_browser_that_asked_and_in_time() {
        let mut begun = Begun::default();
        begun.keep("s", "mine", question("/docs"), NOW);
        assert!(begun.take("s", "somebody's", NOW).is_none());
        assert!(begun.take("t", "mine", NOW).is_none());
        assert!(begun.take("s", "mine", NOW).is_some_and(|it| it == question("/docs")));
        assert!(begun.take("s", "mine", NOW).is_none(), "a second time");
        begun.keep("s", "mine", question("/docs"), NOW);
        assert!(begun.take("s", "mine", NOW.plus(Duration::from_mins(10))).is_none(), "too late");
    }

    #[test]
    fn who_begins_and_never_ends_takes_no_more_room_than_there_is() {
        let mut begun = Begun::default();
        for number in 0..=LOGINS_BEGUN_MAX {
            let at = NOW.plus(Duration::from_millis(number as u64));
            begun.keep(&number.to_string(), "mine", question("/"), at);
        }
        assert_eq!(begun.0.len(), LOGINS_BEGUN_MAX);
        assert!(begun.take("0", "mine", NOW).is_none() && begun.take("1", "mine", NOW).is_some());
    }
}
