//! `nexus.toml`: everything in it has a default, and nothing in it goes unnoticed.

pub mod activity;
pub mod audit;
pub mod auth;
pub mod breaker;
mod browser;
pub mod cache;
mod contradiction;
pub mod doubt;
pub mod encryption;
pub mod endpoint;
pub mod events;
pub mod filled;
pub mod hidden;
pub mod http;
pub mod issuer;
mod judge;
pub mod length;
pub mod limiting;
pub mod limits;
pub mod log;
pub mod mcp;
pub mod namespace;
pub mod origin;
pub mod print;
pub mod rate;
pub mod reading;
pub mod redis;
pub mod sandbox;
pub mod secret;
pub mod server;
pub mod service;
pub mod subscription;
pub mod telemetry;
pub mod workflow;

use std::collections::BTreeMap;
use std::path::Path;

use nexus_engine::RESIDENT_KEYS_MAX;
use nexus_engine::namespaces::{EventKeep, NamespaceSettings, Settings};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::visibility::Schema;
use serde::{Deserialize, Serialize};

use activity::ActivityConfig;
use audit::AuditConfig;
use auth::AuthConfig;
use breaker::BreakerConfig;
use cache::CacheConfig;
use encryption::EncryptionConfig;
use endpoint::EndpointConfig;
use events::EventsConfig;
use http::HttpConfig;
use length::Retention;
use limiting::LimitingConfig;
use log::LogConfig;
use mcp::McpConfig;
use namespace::{NamespaceConfig, QuotasConfig};
use reading::Reading;
use redis::RedisConfig;
use sandbox::SandboxConfig;
use secret::SecretConfig;
use server::{PresetName, ServerConfig};
use service::ServiceConfig;
use subscription::{InboundConfig, OnConfig, WebhookConfig};
use telemetry::TelemetryConfig;
use workflow::WorkflowConfig;

/// The file's name.
pub const FILE: &str = "nexus.toml";

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
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
    /// Names under which programs reach services, beside those of their files.
    pub endpoints: BTreeMap<String, EndpointConfig>,
    /// Services whose operations single functions carry out.
    pub services: BTreeMap<String, ServiceConfig>,
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
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectConfig {
    /// Shown to people; the folder's name when absent.
    pub name: Option<String>,
}

/// `[engine]`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
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

impl Config {
    /// Reads the file of a project; all defaults when there is none.
    pub fn read(project: &Path) -> Result<Config, Error> {
        Reading::of_project(project)?.into_config()
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

    /// The name of the preset, for people.
    pub fn preset_name(&self) -> &'static str {
        self.server.preset.map_or("", PresetName::as_str)
    }

    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Config, Error> {
        Reading::of(text).into_config()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        assert!(Config::parse(taken).is_err());
    }

    #[test]
    fn a_wrong_type_and_broken_toml_have_a_place() {
        let error = Config::parse("[server]\nport = \"x\"").unwrap_err();
        assert_eq!(error.faults()[0].at, "nexus.toml:2:8");
        let error = Config::parse("[server\n").unwrap_err();
        assert!(error.faults()[0].at.starts_with("nexus.toml:1:"), "{error:?}");
    }
}
