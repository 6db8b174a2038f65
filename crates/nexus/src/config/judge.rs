//! Everything that can be wrong with a configuration although its names and types are right.

use nexus_kernel::error::Error;

use super::Config;
use super::contradiction::contradictions;
use super::subscription::Sections;
use crate::preset::preset;

impl Config {
    /// Everything that is wrong, not only the first.
    pub(super) fn faults(&self) -> Vec<Error> {
        let secrets: Vec<&str> = self.secrets.keys().map(String::as_str).collect();
        let sections =
            Sections { on: &self.on, webhooks: &self.webhooks, inbound: &self.inbound, secrets: &secrets };
        let whole = [
            self.sandbox.check().err(),
            self.http.ranges().err(),
            self.server.proxies().err(),
            self.borders().err(),
            self.limiting().err(),
            self.breakers().err(),
            sections.check().err(),
            self.mcp.check().err(),
            self.auth.check(&secrets).err(),
            super::browser::check(&self.auth, &self.server, &secrets).err(),
            self.audit.check().err(),
            self.log.check().err(),
            self.telemetry.check().err(),
            self.cache.check().err(),
            self.redis.as_ref().and_then(|redis| redis.check().err()),
            self.encryption.as_ref().and_then(|encryption| encryption.check(&self.secrets).err()),
            self.settings().err(),
        ];
        let activities = self.activities.iter().filter_map(|(name, activity)| activity.check(name).err());
        let secrets = self.secrets.iter().filter_map(|(name, secret)| secret.check(name).err());
        let workflows = self.workflows.iter().filter_map(|(name, workflow)| workflow.check(name).err());
        let endpoints = self.endpoints.iter().filter_map(|(name, endpoint)| endpoint.check(name).err());
        let services = self.services.iter().filter_map(|(name, service)| service.check(name).err());
        let preset = self.server.preset.map(|name| preset(name).contradictions(self)).unwrap_or_default();
        let parts = activities.chain(preset).chain(secrets).chain(workflows).chain(endpoints).chain(services);
        parts.chain(whole.into_iter().flatten()).chain(contradictions(self)).collect()
    }
}
