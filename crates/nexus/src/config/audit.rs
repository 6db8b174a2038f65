//! `[audit]`: the log of who called what.

use nexus_gateway::audit::{AuditOptions, OnFailure, Recorded, Rules};
use nexus_gateway::limits::{AUDIT_RETENTION_DAYS, AUDIT_SEGMENT_MIB};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::length::Retention;

/// Lines are removed by whole files, and a file holds a day at least.
const RETENTION_MIN: Duration = Duration::from_hours(24);

/// Largest file, in MiB: one is read as a whole.
const SEGMENT_MIB_MAX: u64 = 256;

/// The whole section.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// Whether there is a log; there is one wherever there is authentication, unless this says otherwise.
    pub enabled: Option<bool>,
    /// Which calls leave lines.
    pub record: RecordConfig,
    /// Whether inputs are recorded, redacted; those of administrators always are.
    pub inputs: bool,
    /// What becomes of changes when lines cannot be written.
    pub on_failure: OnFailureConfig,
    /// How long lines are kept.
    pub retention: Retention,
    /// Size at which a new file begins.
    pub segment_mib: u64,
}

/// Which calls leave lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordConfig {
    /// All.
    #[default]
    All,
    /// Those that change something or start work.
    Writes,
    /// Those of administrators.
    Admin,
}

/// What becomes of changes when lines cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailureConfig {
    /// They are refused.
    #[default]
    Refuse,
    /// They are carried out.
    Continue,
}

impl Default for AuditConfig {
    fn default() -> AuditConfig {
        AuditConfig {
            enabled: None,
            record: RecordConfig::default(),
            inputs: false,
            on_failure: OnFailureConfig::default(),
            retention: Retention(Some(Duration::from_hours(24 * AUDIT_RETENTION_DAYS))),
            segment_mib: AUDIT_SEGMENT_MIB,
        }
    }
}

impl AuditConfig {
    /// Whether it makes sense.
    pub fn check(&self) -> Result<(), Error> {
        if !(1..=SEGMENT_MIB_MAX).contains(&self.segment_mib) {
            let why = format!("{} is not a whole number from 1 to {SEGMENT_MIB_MAX}", self.segment_mib);
            return Err(wrong("segment_mib", &why, "leave it out: a file has 16 MiB then"));
        }
        if self.retention.0.is_some_and(|kept| kept < RETENTION_MIN) {
            return Err(wrong(
                "retention",
                "lines are kept for a day at least",
                "write it like \"90d\", or \"forever\"",
            ));
        }
        Ok(())
    }

    /// Whether there is a log, on a server with authentication or without.
    pub fn is_enabled(&self, has_auth: bool) -> bool {
        self.enabled.unwrap_or(has_auth)
    }

    /// The same for the part that keeps it.
    pub fn options(&self) -> AuditOptions {
        let recorded = match self.record {
            RecordConfig::All => Recorded::All,
            RecordConfig::Writes => Recorded::Writes,
            RecordConfig::Admin => Recorded::Admin,
        };
        let on_failure = match self.on_failure {
            OnFailureConfig::Refuse => OnFailure::Refuse,
            OnFailureConfig::Continue => OnFailure::Continue,
        };
        let rules = Rules { recorded, on_failure, has_inputs: self.inputs };
        AuditOptions { rules, retention: self.retention.0, segment_bytes: self.segment_mib << 20 }
    }
}

fn wrong(key: &str, why: &str, help: &str) -> Error {
    Error::new(&code::AUDIT_INVALID, format!("[audit] {key}: {why}"))
        .fault(format!("{}: [audit] {key}", super::FILE), why)
        .help(help)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_log_is_kept_wherever_there_is_authentication() {
        let audit = |text: &str| Config::parse(text).unwrap().audit;
        assert!(audit("").is_enabled(true) && !audit("").is_enabled(false));
        assert!(audit("[audit]\nenabled = true").is_enabled(false));
        assert!(!audit("[audit]\nenabled = false").is_enabled(true));
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_place() {
        for (text, code) in [
            ("[audit]\nsegment_mib = 0", "NX-1204"),
            ("[audit]\nsegment_mib = 257", "NX-1204"),
            ("[audit]\nretention = \"1h\"", "NX-1204"),
            ("[audit]\nrecord = \"some\"", "NX-1003"),
            ("[audit]\non_failure = \"ignore\"", "NX-1003"),
            ("[audit]\npath = \"x\"", "NX-1003"),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert_eq!(error.code().id, code, "{text}");
            assert!(!error.faults().is_empty() && error.help_text().is_some(), "{text}");
        }
        let kept = Config::parse("[audit]\nretention = \"forever\"\nrecord = \"writes\"").unwrap();
        assert_eq!(kept.audit.options().retention, None);
    }
}
