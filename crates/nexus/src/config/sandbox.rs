//! `[sandbox]`: what JavaScript functions may use, and what they may do.

use std::collections::BTreeMap;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_sandbox::Capabilities;
use serde::Deserialize;

/// The section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// Processor time of one execution, in milliseconds.
    pub cpu_ms_max: Option<u64>,
    /// Memory of one execution, in mebibytes.
    pub memory_mib_max: Option<u64>,
    /// Calls of host functions of one execution.
    pub host_calls_max: Option<u32>,
    /// What all functions are granted beside what every function may do, as tokens.
    pub capabilities: Vec<String>,
    /// What holds for single functions.
    pub functions: BTreeMap<String, FunctionConfig>,
}

/// `[sandbox.functions.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FunctionConfig {
    /// What this function is granted beside what all are, as tokens.
    pub capabilities: Vec<String>,
}

impl SandboxConfig {
    /// Whether all tokens can be read.
    pub fn check(&self) -> Result<(), Error> {
        readable("sandbox.capabilities", &self.capabilities)?;
        self.functions.iter().try_for_each(|(name, function)| {
            readable(&format!("sandbox.functions.{name}.capabilities"), &function.capabilities)
        })
    }
}

fn readable(place: &str, tokens: &[String]) -> Result<(), Error> {
    let read = Capabilities::parse(tokens.iter().map(String::as_str));
    read.map(drop).map_err(|error| {
        Error::new(&code::CONFIG_INVALID, format!("{place}: {error}"))
            .fault(format!("nexus.toml: {place}"), error.to_string())
            .help("for example \"http:fetch:api.example.com\"; docs/activities.md describes capabilities")
    })
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn capabilities_are_read_when_the_project_is() {
        let text = "[sandbox]\ncapabilities = [\"http:fetch:*.example.com\"]\n\
                    [sandbox.functions.Pay]\ncapabilities = [\"http:fetch:pay.test:8443\"]\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.sandbox.functions["Pay"].capabilities, ["http:fetch:pay.test:8443"]);
        for wrong in [
            "[sandbox]\ncapabilities = [\"http:fetch:https://example.com\"]",
            "[sandbox]\ncapabilities = [\"http:fetsh:example.com\"]",
            "[sandbox.functions.Pay]\ncapabilities = [\"network\"]",
            "[sandbox.functions.Pay]\ngrant = []",
        ] {
            assert!(Config::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_are_read_when_the_project_is() {
        assert!(Config::parse("[http]\nallow_addresses = [\"10.1.0.0/16\", \"::1\"]").is_ok());
        let error = Config::parse("[http]\nallow_addresses = [\"10.1.0.1/16\"]").unwrap_err();
        assert!(error.message().contains("http.allow_addresses"), "{}", error.message());
    }
}
