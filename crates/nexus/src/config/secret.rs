//! `[secrets.NAME]`: texts that functions may be granted to read, by where they lie and never by what they are.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use serde::{Deserialize, Serialize};

/// One secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretConfig {
    /// The environment variable of the server that holds it.
    pub env: Option<String>,
    /// The file that holds it, seen from the project's folder.
    pub file: Option<String>,
    /// Namespaces whose functions may read it; all when absent.
    pub namespaces: Option<Vec<Namespace>>,
}

impl SecretConfig {
    /// Whether it says where the secret lies, once. Whether it lies there is looked at when it is asked for.
    pub fn check(&self, name: &str) -> Result<(), Error> {
        for namespace in self.namespaces.iter().flatten() {
            Namespace::new(namespace.as_str()).map_err(|error| {
                Error::new(&code::CONFIG_INVALID, format!("secrets.{name}: {}", error.message()))
                    .help(error.help_text().unwrap_or_default())
            })?;
        }
        let places = [&self.env, &self.file];
        let given: Vec<_> = places.into_iter().flatten().collect();
        if given.len() == 1 && given.iter().all(|place| !place.is_empty()) {
            return Ok(());
        }
        let why = "a secret lies in `env`, a variable of the server, or in `file`";
        Err(Error::new(&code::CONFIG_INVALID, format!("secrets.{name}: {why}"))
            .fault(format!("nexus.toml: secrets.{name}"), why)
            .help("for example env = \"BANK_KEY\"; the secret itself is never written here"))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_secret_has_one_place() {
        let text = "[secrets.a]\nenv = \"A\"\n[secrets.b]\nfile = \"b\"\nnamespaces = [\"default\"]\n";
        assert_eq!(Config::parse(text).unwrap().secrets.len(), 2);
        for bad in [
            "[secrets.a]",
            "[secrets.a]\nenv = \"\"",
            "[secrets.a]\nenv = \"A\"\nfile = \"b\"",
            "[secrets.a]\nvalue = \"sesame\"",
            "[secrets.a]\nenv = \"A\"\nnamespaces = [\"no/name\"]",
        ] {
            assert!(Config::parse(bad).is_err(), "{bad}");
        }
    }
}
