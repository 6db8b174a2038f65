//! `nexus.toml`: everything in it has a default, and nothing in it goes unnoticed.

pub mod activity;
pub mod audit;
pub mod auth;
pub mod breaker;
pub mod cache;
pub mod encryption;
pub mod events;
pub mod http;
pub mod issuer;
pub mod limiting;
pub mod limits;
pub mod log;
pub mod mcp;
pub mod namespace;
pub mod rate;
pub mod redis;
pub mod sandbox;
pub mod secret;
pub mod server;
pub mod subscription;
pub mod telemetry;
pub mod workflow;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nexus_engine::RESIDENT_KEYS_MAX;
use nexus_engine::namespaces::{EventKeep, NamespaceSettings, Settings};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::suggest;
use nexus_kernel::time::parse_duration;
use nexus_kernel::visibility::Schema;
use serde::Deserialize;

use activity::ActivityConfig;
use audit::AuditConfig;
use auth::AuthConfig;
use breaker::BreakerConfig;
use cache::CacheConfig;
use encryption::EncryptionConfig;
use events::EventsConfig;
use http::HttpConfig;
use limiting::LimitingConfig;
use log::LogConfig;
use mcp::McpConfig;
use namespace::{NamespaceConfig, QuotasConfig};
use redis::RedisConfig;
use sandbox::SandboxConfig;
use secret::SecretConfig;
use server::ServerConfig;
use subscription::{InboundConfig, OnConfig, Sections, WebhookConfig};
use telemetry::TelemetryConfig;
use workflow::WorkflowConfig;

/// The shortest time that closed runs may be kept for: whoever waits for a result must be able to ask for it.
const RETENTION_MIN: Duration = Duration::from_mins(1);

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
    /// What a server tells of itself.
    pub log: LogConfig,
    /// Where traces are sent.
    pub telemetry: TelemetryConfig,
    /// Who may call what.
    pub auth: AuthConfig,
    /// What is kept of who called what.
    pub audit: AuditConfig,
    /// How often.
    pub limits: LimitingConfig,
    /// When workflows that fail are left alone for a while; never when absent.
    pub breaker: Option<BreakerConfig>,
    /// How much room there is for answers that are given again.
    pub cache: CacheConfig,
    /// What several servers share; nothing when absent.
    pub redis: Option<RedisConfig>,
    /// How runs are executed.
    pub engine: EngineConfig,
    /// Which events are kept.
    pub events: EventsConfig,
    /// What JavaScript activities may use.
    pub sandbox: SandboxConfig,
    /// What is sealed, and with which key; nothing when absent.
    pub encryption: Option<EncryptionConfig>,
    /// What functions may be granted to read.
    pub secrets: BTreeMap<String, SecretConfig>,
    /// How requests to others are made.
    pub http: HttpConfig,
    /// What MCP clients see.
    pub mcp: McpConfig,
    /// What holds for single namespaces.
    pub namespaces: BTreeMap<String, NamespaceConfig>,
    /// Activities that are carried out elsewhere.
    pub activities: BTreeMap<String, ActivityConfig>,
    /// Events that start workflows.
    pub on: Vec<OnConfig>,
    /// Targets that events are sent to.
    pub webhooks: BTreeMap<String, WebhookConfig>,
    /// Requests of others that become events.
    pub inbound: BTreeMap<String, InboundConfig>,
    /// What callers are told of single workflows.
    pub workflows: BTreeMap<String, WorkflowConfig>,
}

/// `[project]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectConfig {
    /// Shown to people; the folder's name when absent.
    pub name: Option<String>,
}

/// `[engine]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// Tasks that decide.
    pub shards: usize,
    /// Runs that are kept in memory although they only wait for a timer or a message; others are read from the data
    /// folder when something happens to them.
    pub resident_runs_max: usize,
    /// How long closed runs are kept, in namespaces that do not say; for ever when absent.
    pub retention: Option<Retention>,
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        EngineConfig { shards: 1, resident_runs_max: RESIDENT_KEYS_MAX, retention: None }
    }
}

/// How long closed runs or events are kept: a length of time such as `30d`, or `forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Retention(pub Option<Duration>);

impl TryFrom<String> for Retention {
    type Error = String;

    fn try_from(text: String) -> Result<Retention, String> {
        if text == "forever" {
            return Ok(Retention(None));
        }
        let length = parse_duration(&text).filter(|length| *length >= RETENTION_MIN);
        length.map(|length| Retention(Some(length))).ok_or_else(|| {
            format!(
                "{text:?} is no time to keep anything for; write it like \"30d\", at least \"1m\", or \"forever\""
            )
        })
    }
}

impl Config {
    /// Reads the file of a project; all defaults when there is none.
    pub fn read(project: &Path) -> Result<Config, Error> {
        let path = project.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let config = Config::parse(&text)?;
                config.http.check(project)?;
                Ok(config)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
            Err(error) => Err(Error::new(&code::CONFIG_INVALID, format!("{FILE} cannot be read: {error}"))
                .help("check the file's permissions")),
        }
    }

    /// What the engine is to know of namespaces.
    pub fn settings(&self) -> Result<Settings, Error> {
        let events = self.events.over(EventKeep::default());
        let retention = self.engine.retention.and_then(|it| it.0);
        let default = NamespaceSettings { retention, events, ..Default::default() };
        let mut settings = Settings { default, ..Settings::default() };
        for (name, config) in &self.namespaces {
            let place = |error: &Error| {
                let message = format!("[namespaces.{name}]: {}", error.message());
                Error::new(&code::CONFIG_INVALID, message).help(error.help_text().unwrap_or_default())
            };
            let namespace = Namespace::new(name).map_err(|error| place(&error))?;
            if let Some(taken) = config.search_attributes.keys().find(|name| Schema::is_system(name)) {
                return Err(Error::new(
                    &code::CONFIG_INVALID,
                    format!("[namespaces.{name}.search_attributes]: {taken} is an attribute of the system"),
                )
                .help("choose another name"));
            }
            let retention = config.retention.or(self.engine.retention).and_then(|it| it.0);
            let search_attributes = config.search_attributes.clone();
            let events = config.events.over(events);
            let QuotasConfig { runs: runs_max, activities: activities_max, storage_mib, .. } = config.quotas;
            let storage_bytes_max = storage_mib.map(|mib| mib.saturating_mul(1 << 20));
            let own = NamespaceSettings {
                search_attributes,
                retention,
                events,
                runs_max,
                storage_bytes_max,
                activities_max,
            };
            settings.namespaces.insert(namespace, own);
        }
        Ok(settings)
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
        config.sandbox.check()?;
        config.secrets.iter().try_for_each(|(name, secret)| secret.check(name))?;
        config.encryption.iter().try_for_each(|encryption| encryption.check(&config.secrets))?;
        config.http.ranges()?;
        config.server.proxies()?;
        config.borders()?;
        config.limiting()?;
        config.breakers()?;
        let secrets: Vec<&str> = config.secrets.keys().map(String::as_str).collect();
        let (on, webhooks, inbound) = (&config.on, &config.webhooks, &config.inbound);
        Sections { on, webhooks, inbound, secrets: &secrets }.check()?;
        config.workflows.iter().try_for_each(|(name, workflow)| workflow.check(name))?;
        config.mcp.check()?;
        config.auth.check(&secrets)?;
        config.audit.check()?;
        config.log.check()?;
        config.telemetry.check()?;
        config.cache.check()?;
        config.redis.as_ref().map_or(Ok(()), RedisConfig::check)?;
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
    use nexus_kernel::visibility::AttributeType;

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
    fn namespaces_declare_attributes_and_retention() {
        let text = "[engine]\nretention = \"30d\"\n[namespaces.team]\nretention = \"forever\"\n\
                    [namespaces.team.search_attributes]\nTier = \"Keyword\"\n";
        let settings = Config::parse(text).unwrap().settings().unwrap();
        let day = Duration::from_hours(24);
        assert_eq!(settings.of(&Namespace::default()).retention, Some(30 * day));
        let team = settings.of(&Namespace::new("team").unwrap());
        assert_eq!(team.retention, None);
        assert_eq!(team.search_attributes["Tier"], AttributeType::Keyword);
        for bad in [
            "[engine]\nretention = \"soon\"",
            "[engine]\nretention = \"1s\"",
            "[namespaces.a.search_attributes]\nTier = \"Word\"",
        ] {
            assert!(Config::parse(bad).is_err(), "{bad}");
        }
        let taken = "[namespaces.a.search_attributes]\nRunId = \"Keyword\"";
        assert!(Config::parse(taken).unwrap().settings().is_err());
    }

    #[test]
    fn a_wrong_type_and_broken_toml_have_a_place() {
        let error = Config::parse("[server]\nport = \"x\"").unwrap_err();
        assert_eq!(error.faults()[0].at, "nexus.toml:2:8");
        let error = Config::parse("[server\n").unwrap_err();
        assert!(error.faults()[0].at.starts_with("nexus.toml:1:"), "{error:?}");
    }
}
