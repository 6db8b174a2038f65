//! `[encryption]`: what the server keeps is sealed, with keys that a key from outside seals.

use std::collections::BTreeMap;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::suggest::nearest;
use nexus_store::Sealing;
use serde::{Deserialize, Serialize};

use super::secret::{SecretConfig, SecretPlace};

/// The section.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EncryptionConfig {
    /// The secret, of `[secrets]`, that holds the master key: 32 bytes in base64 or hexadecimal.
    pub key: String,
    /// Secrets that hold master keys of before. What they seal is sealed with the current one at the next start.
    #[serde(default)]
    pub previous: Vec<String>,
    /// Whether what runs are given and give is sealed too, beside secrets: `true`, or the names of namespaces.
    #[serde(default)]
    pub payloads: Payloads,
}

/// Whose payloads are sealed.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Payloads {
    /// Everybody's, or nobody's.
    All(bool),
    /// Those of these namespaces.
    Of(Vec<Namespace>),
}

impl Default for Payloads {
    fn default() -> Payloads {
        Payloads::All(false)
    }
}

impl EncryptionConfig {
    /// Whether the secrets are there, and lie outside of what they are to open.
    pub fn check(&self, secrets: &BTreeMap<String, SecretConfig>) -> Result<(), Error> {
        for name in self.keys() {
            let Some(secret) = secrets.get(name) else {
                let error = wrong(format!("there is no secret {name:?}"));
                return Err(match nearest(name, secrets.keys().map(String::as_str)) {
                    Some(near) => error.help(format!("did you mean {near:?}?")),
                    None => error.help(format!("write a section [secrets.{name}] with env = \"NEXUS_KEY\"")),
                });
            };
            if secret.place() == Some(SecretPlace::Stored) {
                return Err(wrong(format!("{name} lies in the store that it is to open"))
                    .help("keep it in `env`, `file`, `keyring` or where a `command` finds it"));
            }
        }
        if self.previous.contains(&self.key) {
            return Err(wrong(format!("{} is the current key and a previous one", self.key))
                .help("the current key is not one of the previous ones"));
        }
        if let Payloads::Of(namespaces) = &self.payloads {
            for namespace in namespaces {
                Namespace::new(namespace.as_str()).map_err(|error| wrong(error.message().to_owned()))?;
            }
        }
        Ok(())
    }

    /// The names of the secrets that hold master keys, the current one first.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        [&self.key].into_iter().chain(&self.previous)
    }

    /// What of the store is sealed.
    pub fn sealing(&self) -> Sealing {
        match &self.payloads {
            Payloads::All(true) => Sealing::Everything,
            Payloads::Of(namespaces) if !namespaces.is_empty() => {
                Sealing::Some(namespaces.iter().cloned().collect())
            }
            Payloads::All(false) | Payloads::Of(_) => Sealing::Nothing,
        }
    }
}

fn wrong(why: String) -> Error {
    Error::new(&code::ENCRYPTION_INVALID, format!("[encryption]: {why}"))
        .fault(format!("{}: [encryption]", super::FILE), why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const SECRETS: &str =
        "[secrets.master]\nenv = \"KEY\"\n[secrets.old]\nfile = \"key\"\n[secrets.inside]\nstored = true\n";

    fn sealing(text: &str) -> Result<Sealing, Error> {
        Ok(Config::parse(&format!("{SECRETS}[encryption]\n{text}"))?.encryption.unwrap().sealing())
    }

    #[test]
    fn payloads_are_sealed_when_that_is_said() {
        assert_eq!(sealing("key = \"master\"").unwrap(), Sealing::Nothing);
        assert_eq!(sealing("key = \"master\"\npayloads = true").unwrap(), Sealing::Everything);
        let some = Sealing::Some([Namespace::new("shop").unwrap()].into());
        assert_eq!(sealing("key = \"master\"\nprevious = [\"old\"]\npayloads = [\"shop\"]").unwrap(), some);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (text, words) in [
            ("key = \"mastr\"", "did you mean \"master\"?"),
            ("key = \"inside\"", "lies in the store"),
            ("key = \"master\"\nprevious = [\"master\"]", "current key and a previous one"),
            ("key = \"master\"\npayloads = [\"a/b\"]", "[encryption]"),
        ] {
            let error = sealing(text).unwrap_err();
            let told = format!("{} {}", error.message(), error.help_text().unwrap_or_default());
            assert!(error.code().id == "NX-1210" && told.contains(words), "{text}: {told}");
        }
        assert!(sealing("payloads = true").is_err());
        assert!(sealing("key = \"master\"\npayloads = \"yes\"").is_err());
    }
}
