//! `[sandbox]`: what JavaScript functions may use, and what they may do.

use std::collections::BTreeMap;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_sandbox::{Capabilities, Limits, Options};
use serde::{Deserialize, Serialize};

use super::limits::{LimitsConfig, SIZE_KEYS};

/// The section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct SandboxConfig {
    /// What all functions are granted beside what every function may do, as tokens.
    pub capabilities: Vec<String>,
    /// What holds for single functions.
    pub functions: BTreeMap<String, FunctionConfig>,
    /// What holds for single namespaces.
    pub namespaces: BTreeMap<String, LimitsConfig>,
    /// Limits of all functions, and sizes of the sandbox.
    #[serde(flatten)]
    pub limits: LimitsConfig,
}

/// `[sandbox.functions.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct FunctionConfig {
    /// What this function is granted beside what all are, as tokens.
    pub capabilities: Vec<String>,
    /// Its limits, where they are not those of all.
    #[serde(flatten)]
    pub limits: LimitsConfig,
}

impl SandboxConfig {
    /// Whether all tokens can be read and all limits make sense.
    pub fn check(&self) -> Result<(), Error> {
        let mut others = vec!["capabilities", "functions", "namespaces"];
        others.extend(SIZE_KEYS);
        self.limits.check("sandbox", &others)?;
        readable("sandbox.capabilities", &self.capabilities)?;
        for (name, limits) in &self.namespaces {
            limits.check(&format!("sandbox.namespaces.{name}"), &[])?;
            Namespace::new(name).map_err(|error| {
                let message = format!("[sandbox.namespaces.{name}]: {}", error.message());
                Error::new(&code::CONFIG_INVALID, message).help(error.help_text().unwrap_or_default())
            })?;
        }
        self.functions.iter().try_for_each(|(name, function)| {
            let place = format!("sandbox.functions.{name}");
            function.limits.check(&place, &["capabilities"])?;
            readable(&format!("{place}.capabilities"), &function.capabilities)
        })
    }

    /// The limits of a function in a namespace: its own, else the namespace's, else the project's, else the defaults;
    /// and never above the namespace's.
    pub fn limits(&self, namespace: &str, function: &str) -> Limits {
        let mut limits = Limits::default();
        self.limits.apply(&mut limits);
        let namespace = self.namespaces.get(namespace);
        if let Some(namespace) = namespace {
            namespace.apply(&mut limits);
        }
        if let Some(function) = self.functions.get(function) {
            function.limits.apply(&mut limits);
        }
        if let Some(namespace) = namespace {
            namespace.lower(&mut limits);
        }
        limits
    }

    /// Sets the sizes of a sandbox: memory is for the function that may have the most.
    pub fn size(&self, options: &mut Options) {
        self.limits.size(options);
        let functions = self.functions.values().map(|function| &function.limits);
        for limits in functions.chain(self.namespaces.values()).chain([&self.limits]) {
            let mut most = Limits::default();
            limits.apply(&mut most);
            options.memory_bytes_max = options.memory_bytes_max.max(most.memory_bytes_max);
        }
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
    fn every_limit_can_be_set_and_the_nearest_section_wins() {
        let text = "[sandbox]\ncpu_ms_max = 100\nlog_lines_max = 5\nqueued_per_namespace_max = 7\nmemory_mib_max = 16\n\
                    [sandbox.namespaces.team]\ncpu_ms_max = 300\nhost_calls_max = 50\n\
                    [sandbox.functions.Pay]\ncpu_ms_max = 400\nhost_calls_max = 20\nmemory_mib_max = 64\n";
        let sandbox = Config::parse(text).unwrap().sandbox;
        let cpu = |namespace, function| sandbox.limits(namespace, function).cpu_ms_max;
        assert_eq!((cpu("default", "Other"), cpu("default", "Pay")), (100, 400));
        assert_eq!((cpu("team", "Other"), cpu("team", "Pay")), (300, 300), "a namespace is a ceiling");
        let calls = |namespace, function| sandbox.limits(namespace, function).host_calls_max;
        assert_eq!(
            (calls("team", "Other"), calls("team", "Pay"), calls("default", "Other")),
            (50, 20, 1_000)
        );
        assert_eq!(sandbox.limits("default", "Pay").log_lines_max, 5);
        let mut options = crate::activities::checking_options();
        sandbox.size(&mut options);
        assert_eq!((options.queued_per_owner_max, options.memory_bytes_max), (7, 64 << 20));
        for setting in nexus_sandbox::SETTINGS {
            for (section, value) in ["sandbox", "sandbox.namespaces.a", "sandbox.functions.F"]
                .into_iter()
                .zip([*setting.range.end(); 3])
            {
                let config = Config::parse(&format!("[{section}]\n{} = {value}", setting.key)).unwrap();
                assert_eq!(setting.get(&config.sandbox.limits("a", "F")), value, "{section}.{}", setting.key);
            }
        }
    }

    #[test]
    fn a_limit_that_makes_no_sense_is_told_with_its_place() {
        let told = |text: &str| {
            let error = Config::parse(text).unwrap_err();
            (
                error.faults()[0].at.clone(),
                error.message().to_owned(),
                error.help_text().unwrap_or_default().to_owned(),
            )
        };
        let (at, _, help) = told("[sandbox.functions.Pay]\ncpu_msmax = 5");
        assert_eq!(
            (at.as_str(), help.as_str()),
            ("nexus.toml: sandbox.functions.Pay.cpu_msmax", "did you mean `cpu_ms_max`?")
        );
        let (at, message, _) = told("[sandbox]\nstack_kib_max = 512");
        assert_eq!(at, "nexus.toml: sandbox.stack_kib_max");
        assert_eq!(message, "sandbox.stack_kib_max: 512 is not a whole number from 64 to 256");
        for wrong in [
            "[sandbox]\ncpu_ms_max = -1",
            "[sandbox]\ncpu_ms_max = \"fast\"",
            "[sandbox]\ncpu_ms_max = 1.5",
            "[sandbox]\nqueued_max = 0",
            "[sandbox.namespaces.team]\nqueued_max = 5",
            "[sandbox.namespaces.team]\ncapabilities = []",
            "[sandbox.namespaces.\"no such\"]\ncpu_ms_max = 5",
            "[sandbox.functions.Pay]\nthreads = 5",
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
