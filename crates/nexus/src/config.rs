//! `nexus.toml`: everything in it has a default, and nothing in it goes unnoticed.

pub mod activity;

use std::collections::BTreeMap;
use std::path::Path;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::suggest;
use serde::Deserialize;

use activity::ActivityConfig;

/// The file's name.
pub const FILE: &str = "nexus.toml";

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What the project is.
    pub project: ProjectConfig,
    /// Where it is served.
    pub server: ServerConfig,
    /// How runs are executed.
    pub engine: EngineConfig,
    /// What JavaScript activities may use.
    pub sandbox: SandboxConfig,
    /// Activities that are carried out elsewhere.
    pub activities: BTreeMap<String, ActivityConfig>,
}

/// `[project]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectConfig {
    /// Shown to people; the folder's name when absent.
    pub name: Option<String>,
}

/// `[server]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Names in the `Host` header to accept beside this machine's own.
    pub allowed_hosts: Vec<String>,
    /// Web pages, by origin, whose scripts may call.
    pub allowed_origins: Vec<String>,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            host: "127.0.0.1".to_owned(),
            port: 8000,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
        }
    }
}

/// `[engine]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// Tasks that decide.
    pub shards: usize,
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        EngineConfig { shards: 1 }
    }
}

/// `[sandbox]`: the limits of one execution.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// Processor time, in milliseconds.
    pub cpu_ms_max: Option<u64>,
    /// Memory, in mebibytes.
    pub memory_mib_max: Option<u64>,
    /// Calls of host functions.
    pub host_calls_max: Option<u32>,
}

impl Config {
    /// Reads the file of a project; all defaults when there is none.
    pub fn read(project: &Path) -> Result<Config, Error> {
        let path = project.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Config::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
            Err(error) => Err(Error::new(&code::CONFIG_INVALID, format!("{FILE} cannot be read: {error}"))
                .help("check the file's permissions")),
        }
    }

    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Config, Error> {
        let config: Config = toml::from_str(text).map_err(|error| {
            let (line, column) = error.span().map_or((1, 1), |span| position(text, span.start));
            let message = error.message().to_owned();
            let fault = Error::new(&code::CONFIG_INVALID, message.clone())
                .fault(format!("{FILE}:{line}:{column}"), message.clone());
            match unknown_key(&message) {
                Some(help) => fault.help(help),
                None => fault.help("`nexus explain NX-1003` shows a complete file"),
            }
        })?;
        config.activities.iter().try_for_each(|(name, activity)| activity.check(name))?;
        Ok(config)
    }
}

fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// The parser lists the keys it knows in its message: the nearest one is what was meant.
fn unknown_key(message: &str) -> Option<String> {
    let (given, known) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    Some(match suggest::nearest(given, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", known.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_all_defaults() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
        assert_eq!(Config::default().server.port, 8000);
    }

    #[test]
    fn a_mistyped_key_gets_a_place_and_a_suggestion() {
        let error = Config::parse("[server]\nhost = \"127.0.0.1\"\nprot = 9\n").unwrap_err();
        assert_eq!(error.faults()[0].at, "nexus.toml:3:1");
        assert_eq!(error.help_text(), Some("did you mean `port`?"));
    }

    #[test]
    fn a_wrong_type_and_broken_toml_have_a_place() {
        let error = Config::parse("[server]\nport = \"x\"").unwrap_err();
        assert_eq!(error.faults()[0].at, "nexus.toml:2:8");
        let error = Config::parse("[server\n").unwrap_err();
        assert!(error.faults()[0].at.starts_with("nexus.toml:1:"), "{error:?}");
    }
}
