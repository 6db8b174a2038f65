//! The JSON of the protocol: what a failure and the answer of a started operation look like.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A failure, as it is sent.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct FailureWire {
    pub(crate) message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) stack_trace: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) details: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<Box<FailureWire>>,
}

/// The answer of an operation that goes on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StartedWire {
    #[serde(default)]
    pub(crate) token: String,
    #[serde(default)]
    pub(crate) state: String,
}
