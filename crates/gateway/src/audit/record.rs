//! Lines of the audit log as they are stored.

use nexus_kernel::Json;
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the form below.
pub(super) const VERSION: u8 = 1;

/// One line, without its own hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The version of its form.
    pub v: u8,
    /// Its number, without gaps.
    pub seq: u64,
    /// When it happened.
    #[serde(with = "moment")]
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
    /// The hash of the line before.
    pub prev: String,
}

/// What a line tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// A file begins.
    Segment,
    /// A server, or a command in its place, began to write.
    Opened,
    /// It ended in order.
    Closed,
    /// A call is about to be carried out.
    Begin(CallLine),
    /// It was carried out, or failed.
    End(CallLine),
    /// A call was refused; nothing was carried out.
    Refused(CallLine),
    /// Somebody has logged in with a browser.
    LoggedIn(CallLine),
    /// They have ended that login.
    LoggedOut(CallLine),
    /// Further calls of somebody were refused for the same reason within a second.
    RefusedAgain {
        /// Where they came from; many places when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
        /// Who called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
        /// The code of the refusal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<String>,
        /// How many.
        count: u64,
    },
    /// Bytes behind the last whole line, which a crash had left, were cut off.
    Mended {
        /// How many.
        bytes: u64,
    },
    /// The log did not hold when it was opened; it goes on in a new file.
    Broken {
        /// The file, by its number.
        segment: u64,
        /// The line in it, from 1.
        line: u64,
        /// What is wrong there.
        why: String,
    },
    /// Lines that had been written were not there when the log was opened.
    Missing {
        /// The first one.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// Files are removed because they are older than lines are kept.
    Retired {
        /// The first line in them.
        from: u64,
        /// The last line in them.
        through: u64,
        /// The hash of that line.
        hash: String,
    },
    /// Lines could not be written.
    Lost {
        /// How many.
        count: u64,
        /// When the first of them was due.
        #[serde(with = "moment")]
        since: Timestamp,
        /// Why.
        why: String,
    },
}

/// What is known of a call. What is not known is not there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CallLine {
    /// Correlates lines with each other, with the log and with answers.
    pub request_id: String,
    /// Through which door.
    pub channel: String,
    /// Who.
    pub caller: String,
    /// What proves it.
    pub proof: String,
    /// Where from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Where the work belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What was called; absent when somebody was turned away before that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The hash of the idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_hash: Option<String>,
    /// The input, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// `ok`, or the code of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micros: Option<u64>,
    /// Whether it was the answer to a repetition.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// How it was answered, where that might have been from memory: `hit`, `stale`, `joined`, `miss`, `passed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<String>,
}

impl What {
    /// What is known of a call, where the line is about one.
    pub fn call(&self) -> Option<&CallLine> {
        match self {
            What::Begin(call)
            | What::End(call)
            | What::Refused(call)
            | What::LoggedIn(call)
            | What::LoggedOut(call) => Some(call),
            _ => None,
        }
    }
}

/// A moment as RFC 3339, for whoever reads the files.
mod moment {
    use nexus_kernel::time::Timestamp;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it like this")]
    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| D::Error::custom("this is no moment"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call() -> CallLine {
        CallLine {
            request_id: "r-1".into(),
            channel: "rest".into(),
            caller: "key:abc".into(),
            proof: "key".into(),
            address: Some("127.0.0.1".into()),
            namespace: Some("shop".into()),
            operation: Some("run.start".into()),
            workflow_id: Some("w-1".into()),
            run_id: Some("0198".into()),
            session: Some("s-1".into()),
            key_hash: Some("00ff".into()),
            input: Some(json!({ "n": 4 })),
            status: Some("ok".into()),
            micros: Some(1_250),
            replayed: true,
            cached: Some("hit".into()),
        }
    }

    #[test]
    fn every_kind_of_line_is_stored_in_a_form_that_stays() {
        let at = Timestamp::from_millis(1_700_000_000_123);
        let all = [
            What::Segment,
            What::Opened,
            What::Closed,
            What::Begin(CallLine { status: None, micros: None, replayed: false, cached: None, ..call() }),
            What::End(call()),
            What::Refused(CallLine {
                request_id: "r-2".into(),
                status: Some("NX-2014".into()),
                ..CallLine::default()
            }),
            What::LoggedIn(CallLine {
                request_id: "r-3".into(),
                proof: "login".into(),
                ..CallLine::default()
            }),
            What::LoggedOut(CallLine {
                request_id: "r-4".into(),
                proof: "login".into(),
                ..CallLine::default()
            }),
            What::RefusedAgain {
                address: Some("10.0.0.1".into()),
                caller: Some("anonymous".into()),
                status: Some("NX-2015".into()),
                count: 12,
            },
            What::Mended { bytes: 17 },
            What::Broken { segment: 0, line: 3, why: "its hash is another one".into() },
            What::Missing { from: 4, to: 9 },
            What::Retired { from: 0, through: 99, hash: "aa".into() },
            What::Lost { count: 2, since: at, why: "no space left on device".into() },
        ];
        let lines =
            all.into_iter().zip(0..).map(|(what, seq)| Line { v: VERSION, seq, at, what, prev: "bb".into() });
        let texts: Vec<String> = lines
            .map(|line| {
                let text = serde_json::to_string(&line).unwrap();
                assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
                text
            })
            .collect();
        insta::assert_snapshot!(texts.join("\n"));
    }
}
