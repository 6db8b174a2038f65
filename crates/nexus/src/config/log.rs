//! `[log]`: what a server tells of itself, and how.

use clap::ValueEnum;
use nexus_kernel::error::Error;
use serde::{Deserialize, Serialize};

/// The whole section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// What a line is.
    pub format: LogFormat,
    /// How much is told: error, warn, info, debug, trace, or levels of single parts.
    pub level: Option<String>,
}

/// What a line of the log is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Pretty,
    /// A JSON object.
    Json,
}

impl LogConfig {
    /// Whether the level is one.
    pub fn check(&self) -> Result<(), Error> {
        self.level.as_deref().map_or(Ok(()), |level| crate::log::filter(level).map(drop))
    }
}
