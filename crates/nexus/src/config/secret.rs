//! `[secrets.NAME]`: texts that functions may be granted to read, by where they lie and never by what they are.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use serde::{Deserialize, Serialize};

/// Longest secret, in bytes.
pub(crate) const SECRET_BYTES_MAX: usize = 64 * 1024;

/// One secret. One of its places is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretConfig {
    /// The environment variable of the server that holds it.
    pub env: Option<String>,
    /// The file that holds it, seen from the project's folder.
    pub file: Option<String>,
    /// The account under which the operating system's keyring has it, of the service `nexus`.
    pub keyring: Option<String>,
    /// The program that prints it, and its arguments.
    pub command: Option<Vec<String>>,
    /// Whether it lies in the server's own store, where each namespace has one of its own: `nexus secret set`.
    pub stored: bool,
    /// Namespaces whose functions may read it; all when absent.
    pub namespaces: Option<Vec<Namespace>>,
}

/// Where a secret lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretPlace<'a> {
    /// In an environment variable.
    Env(&'a str),
    /// In a file.
    File(&'a str),
    /// In the keyring of the operating system.
    Keyring(&'a str),
    /// Where a program finds it.
    Command(&'a [String]),
    /// In the store.
    Stored,
}

impl SecretConfig {
    /// Where it lies, when that is said once. Whether it lies there is looked at when it is asked for.
    pub fn place(&self) -> Option<SecretPlace<'_>> {
        let places = [
            self.env.as_deref().map(SecretPlace::Env),
            self.file.as_deref().map(SecretPlace::File),
            self.keyring.as_deref().map(SecretPlace::Keyring),
            self.command.as_deref().map(SecretPlace::Command),
            self.stored.then_some(SecretPlace::Stored),
        ];
        let mut given = places.into_iter().flatten();
        let only = given.next().filter(|_| given.next().is_none())?;
        let is_named = match only {
            SecretPlace::Env(name) | SecretPlace::File(name) | SecretPlace::Keyring(name) => !name.is_empty(),
            SecretPlace::Command(words) => words.first().is_some_and(|program| !program.is_empty()),
            SecretPlace::Stored => true,
        };
        is_named.then_some(only)
    }

    /// Whether it says where the secret lies, once.
    pub fn check(&self, name: &str) -> Result<(), Error> {
        for namespace in self.namespaces.iter().flatten() {
            Namespace::new(namespace.as_str()).map_err(|error| {
                Error::new(&code::CONFIG_INVALID, format!("secrets.{name}: {}", error.message()))
                    .help(error.help_text().unwrap_or_default())
            })?;
        }
        if self.place().is_some() {
            return Ok(());
        }
        let why = "a secret lies in one place: `env`, `file`, `keyring`, `command` or `stored = true`";
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
        let text = "[secrets.a]\nenv = \"A\"\n[secrets.b]\nfile = \"b\"\nnamespaces = [\"default\"]\n[secrets.c]\nkeyring = \"c\"\n\
                    [secrets.d]\ncommand = [\"pass\", \"show\", \"d\"]\n[secrets.e]\nstored = true\n";
        assert_eq!(Config::parse(text).unwrap().secrets.len(), 5);
        for bad in [
            "[secrets.a]",
            "[secrets.a]\nenv = \"\"",
            "[secrets.a]\ncommand = []",
            "[secrets.a]\nstored = false",
            "[secrets.a]\nenv = \"A\"\nfile = \"b\"",
            "[secrets.a]\nkeyring = \"A\"\nstored = true",
            "[secrets.a]\nvalue = \"sesame\"",
            "[secrets.a]\nenv = \"A\"\nnamespaces = [\"no/name\"]",
        ] {
            assert!(Config::parse(bad).is_err(), "{bad}");
        }
    }
}
