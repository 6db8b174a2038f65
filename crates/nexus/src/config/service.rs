//! `[services.NAME]`: Nexus operations that single functions carry out.

use std::collections::BTreeMap;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde::{Deserialize, Serialize};

use super::FILE;
use super::length::Length;
use super::print::quoted;

/// One service.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceConfig {
    /// For people.
    pub description: Option<String>,
    /// What it can do.
    pub operations: BTreeMap<String, ServiceOperationConfig>,
}

/// `[services.NAME.operations.OP]`: a function that is called with the operation's input.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceOperationConfig {
    /// An export of a file in `activities/`, or an activity under `[activities]`.
    pub function: String,
    /// For people.
    pub description: Option<String>,
    /// Longest time of one attempt.
    pub timeout: Option<Length>,
}

impl ServiceConfig {
    /// Whether it makes sense by itself. Whether the functions are there is seen when the files are known.
    pub fn check(&self, name: &str) -> Result<(), Error> {
        if !is_word(name) {
            return Err(wrong(&place(name, None), "a service has a name of letters, digits and `_`"));
        }
        if self.operations.is_empty() {
            let at = place(name, None);
            return Err(wrong(&at, "it has no operations"));
        }
        for (operation, config) in &self.operations {
            let at = place(name, Some(operation));
            if !is_word(operation) {
                return Err(wrong(&at, "an operation has a name of letters, digits and `_`"));
            }
            if !is_word(&config.function) {
                let why = format!("{:?} is no name of an exported function", config.function);
                return Err(wrong(&format!("{at}.function"), &why));
            }
            if config.timeout.is_some_and(|timeout| timeout.0.is_zero()) {
                return Err(wrong(&format!("{at}.timeout"), "no attempt is over at once"));
            }
        }
        Ok(())
    }
}

/// The key of a service, or of one of its operations.
pub fn place(service: &str, operation: Option<&str>) -> String {
    match operation {
        None => format!("services.{}", quoted(service)),
        Some(operation) => format!("services.{}.operations.{}", quoted(service), quoted(operation)),
    }
}

/// Whether programs can write it as a name.
fn is_word(name: &str) -> bool {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn wrong(at: &str, why: &str) -> Error {
    Error::new(&code::CONFIG_INVALID, format!("{at}: {why}"))
        .fault(format!("{FILE}: {at}"), why)
        .help("for example [services.Cards.operations.Charge] with function = \"charge\"")
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn what_makes_no_sense_is_told_with_its_key() {
        for (text, at) in [
            ("[services.A]", "services.A"),
            ("[services.\"a-b\".operations.C]\nfunction = \"f\"", "services.a-b"),
            ("[services.A.operations.\"b.c\"]\nfunction = \"f\"", "services.A.operations.\"b.c\""),
            ("[services.A.operations.B]\nfunction = \"f.g\"", "services.A.operations.B.function"),
            (
                "[services.A.operations.B]\nfunction = \"f\"\ntimeout = \"0s\"",
                "services.A.operations.B.timeout",
            ),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert_eq!(error.faults()[0].at, format!("nexus.toml: {at}"), "{text}");
        }
        let good = "[services.A]\ndescription = \"x\"\n[services.A.operations.B]\nfunction = \"f\"\ntimeout = \"5s\"";
        assert!(Config::parse(good).is_ok());
    }
}
