//! Subscriptions as they are stored: pairs of the system's namespace. Version 1; fields are added, never renamed.

use nexus_kernel::Json;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::event::{Event, Fact};
use nexus_kernel::time::Timestamp;
use nexus_kernel::trace::TraceContext;

use serde::{Deserialize, Serialize};

/// How far a subscription is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Whose events it reads. A subscription that was pointed at another namespace begins there anew.
    pub(super) namespace: Namespace,
    /// The last event that was settled.
    pub(super) after: u64,
}

/// An event that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DeadLetter {
    pub(super) namespace: Namespace,
    pub(super) sequence: u64,
    pub(super) id: String,
    pub(super) source: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    pub(super) time: Timestamp,
    pub(super) data: Json,
    /// Where whoever published it stood in a trace, as the headers of the W3C say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) traceparent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tracestate: Option<String>,

    /// How often it was tried.
    pub(super) attempts: u32,
    /// Why it was given up.
    pub(super) reason: String,
    /// When it was given up.
    pub(super) given_up_at: Timestamp,
}

impl DeadLetter {
    /// The event that it was.
    pub(super) fn event(&self) -> Event {
        let parent = self.traceparent.as_deref();
        let fact = Fact {
            id: self.id.clone(),
            source: self.source.clone(),
            kind: self.kind.clone(),
            subject: self.subject.clone(),
            time: self.time,
            data: self.data.clone(),
            trace: parent.and_then(|parent| TraceContext::parse(parent, self.tracestate.as_deref())),
        };
        Event { sequence: self.sequence, fact }
    }
}

/// Where a subscription's cursor is.
pub(super) fn cursor_key(name: &str) -> String {
    format!("subscription/cursor/{name}")
}

/// What the keys of a subscription's dead letters begin with. Names hold no slash.
pub(super) fn dead_letters_of(name: &str) -> String {
    format!("subscription/dead/{name}/")
}

/// Where a dead letter is.
pub(super) fn dead_letter_key(name: &str, sequence: u64) -> String {
    format!("{}{sequence:020}", dead_letters_of(name))
}
