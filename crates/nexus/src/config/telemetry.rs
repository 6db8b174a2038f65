//! `[telemetry]`: where traces are sent.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde::{Deserialize, Serialize};

use super::hidden::{Address, REDACTED, is_printed};

/// The whole section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// The address of a collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`; without it, and without the
    /// variables of OpenTelemetry, no traces are sent.
    pub otlp_endpoint: Option<Address>,
    /// What the server is called in traces; the project's name when absent.
    pub service_name: Option<String>,
    /// The part of all traces that is kept, from 0 to 1; of traces that others have begun they say themselves.
    pub sample_ratio: Option<f64>,
}

impl TelemetryConfig {
    /// Whether it can be used.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(endpoint) = &self.otlp_endpoint {
            if is_printed(endpoint.reveal()) {
                let message =
                    format!("[telemetry] otlp_endpoint: it holds {REDACTED}, which stands for a secret");
                return Err(Error::new(&code::TELEMETRY_INVALID, message)
                    .help("put back what was there before it was printed"));
            }
            crate::telemetry::check_url("[telemetry] otlp_endpoint", endpoint.reveal())?;
        }
        match self.sample_ratio {
            Some(ratio) if !(0.0..=1.0).contains(&ratio) => Err(Error::new(
                &code::TELEMETRY_INVALID,
                format!("[telemetry] sample_ratio: {ratio} is no part of all traces"),
            )
            .help("say a number from 0 to 1")),
            _ => Ok(()),
        }
    }
}
