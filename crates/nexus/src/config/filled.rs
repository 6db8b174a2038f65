//! A configuration with everything said that holds when nobody says anything.

use nexus_engine::namespaces::EventKeep;
use nexus_gateway::McpContent;
use nexus_gateway::breaker::Rule;
use nexus_gateway::identity::token::Mapping;
use nexus_gateway::limits::FAILED_AUTH_PER_MINUTE_DEFAULT;

use super::Config;
use super::activity::{Binding, PROCESSES_DEFAULT};
use super::breaker::BreakerConfig;
use super::endpoint;
use super::length::{Length, Retention};
use super::rate::RateConfig;

impl Config {
    /// The same configuration, with defaults where it says nothing. `name` is the project's when it says none. Namespaces
    /// and functions that say nothing go by the sections above them, and these are left as they are.
    #[must_use]
    pub fn filled(&self, name: &str) -> Config {
        let mut config = self.clone();
        config.project.name.get_or_insert_with(|| name.to_owned());
        config.log.level.get_or_insert_with(|| "info".to_owned());
        config.audit.enabled = Some(self.audit.is_enabled(self.auth.enabled));
        config.engine.retention.get_or_insert(Retention(None));
        let kept = EventKeep::default();
        config.events.retention.get_or_insert(Retention(kept.age));
        config.events.max.get_or_insert(kept.max);
        config.mcp.tools_max.get_or_insert_with(|| McpContent::default().tools_max);
        if self.auth.enabled {
            let usual = || RateConfig::Plain(format!("{FAILED_AUTH_PER_MINUTE_DEFAULT}/min"));
            config.limits.failed_auth.get_or_insert_with(usual);
        }
        config.sandbox.limits.fill();
        config.issuers();
        config.fill_breakers();
        for activity in config.activities.values_mut().filter(|activity| activity.binding == Binding::Process)
        {
            activity.mode.get_or_insert_default();
            activity.processes_max.get_or_insert(PROCESSES_DEFAULT);
        }
        for endpoint in config.endpoints.values_mut().filter(|endpoint| endpoint.namespace.is_some()) {
            endpoint.task_queue.get_or_insert_with(|| endpoint::QUEUE.to_owned());
        }
        config
    }

    fn issuers(&mut self) {
        for issuer in self.auth.issuers.values_mut() {
            let usual = Mapping::default();
            issuer.skew = Some(Length(issuer.skew()));
            issuer.algorithms = Some(issuer.algorithm_names());
            issuer.subject_claim.get_or_insert(usual.subject);
            issuer.role_claims.get_or_insert(usual.roles);
        }
    }

    fn fill_breakers(&mut self) {
        let usual = self.breakers().ok().and_then(|rules| rules.workflows).unwrap_or_default();
        let general = self.breaker.iter_mut().map(|breaker| (breaker, Rule::default(), true));
        let own = self.workflows.values_mut().filter_map(|workflow| workflow.breaker.as_mut());
        let own = own.map(|breaker| (breaker, usual, true));
        let hosts = self.http.breaker.iter_mut().map(|breaker| (breaker, Rule::default(), false));
        for (breaker, usual, is_of_workflows) in general.chain(own).chain(hosts) {
            breaker.fill(usual, is_of_workflows);
        }
    }
}

impl BreakerConfig {
    /// One that is taken away has nothing else to say.
    fn fill(&mut self, usual: Rule, is_of_workflows: bool) {
        if self.enabled == Some(false) {
            return;
        }
        self.enabled = Some(true);
        let settings = usual.settings;
        self.failures.get_or_insert(settings.failures);
        self.percent = self.percent.or(settings.percent);
        self.calls_min.get_or_insert(settings.calls_min);
        self.window.get_or_insert(Length(settings.window));
        self.rest.get_or_insert(Length(settings.rest));
        self.probes.get_or_insert(settings.probes);
        if is_of_workflows {
            self.count.get_or_insert_with(|| Self::word(usual.counted).to_owned());
        }
    }
}
