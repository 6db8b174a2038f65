//! `[[on]]`, `[webhooks.NAME]` and `[inbound.NAME]`: where events go, and where they come from.

use std::collections::BTreeMap;

use nexus_gateway::webhook::{Hook, Scheme};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::suggest;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::hidden::{Address, Hidden, REDACTED, is_printed};

/// How often a webhook is tried unless it says otherwise.
const ATTEMPTS: u32 = 5;

/// `[[on]]`: an event starts a workflow.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OnConfig {
    /// The event's type, or the beginning of several and a `*`.
    pub event: String,
    /// The workflow, `Name` or `namespace/Name`.
    pub workflow: String,
    /// What it is called; made of workflow and event when absent.
    pub name: Option<String>,
    /// Whose events; those of the default namespace when absent.
    #[serde(default)]
    pub namespace: Namespace,
    /// The input, with placeholders such as `"{data.order_id}"`.
    pub input: Option<Map<String, Json>>,
}

impl OnConfig {
    /// What it is called.
    pub fn name(&self) -> String {
        let fits = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
        let made = || format!("{}-on-{}", self.workflow, self.event.trim_end_matches(['*', '.']));
        self.name.clone().unwrap_or_else(|| made().chars().map(fits).collect())
    }
}

/// `[webhooks.NAME]`: events are sent to somebody.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where they are posted.
    pub url: Address,
    /// Types of events, or beginnings of types and a `*`; all of the namespace's when empty.
    #[serde(default)]
    pub events: Vec<String>,
    /// Whose events; those of the default namespace when absent.
    #[serde(default)]
    pub namespace: Namespace,
    /// The name of the secret that requests are signed with.
    pub secret: String,
    /// Headers to send as well. Nothing secret: they are written here.
    #[serde(default)]
    pub headers: BTreeMap<String, Hidden>,
    /// How often an event is tried before it becomes a dead letter.
    #[serde(default = "attempts")]
    pub attempts_max: u32,
}

fn attempts() -> u32 {
    ATTEMPTS
}

/// `[inbound.NAME]`: requests of somebody become events.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InboundConfig {
    /// How they are signed: `standard`, `github`, `stripe`, `slack`, `sha256` or `twilio`.
    pub scheme: String,
    /// The address that their sender posts to, as it is set there; for `twilio`, which signs it.
    pub url: Option<Address>,
    /// The name of the secret that they are signed with.
    pub secret: String,
    /// The type of the events; what the sender says of the kind is put behind it.
    pub event: String,
    /// Where they are published; in the default namespace when absent.
    #[serde(default)]
    pub namespace: Namespace,
}

impl InboundConfig {
    /// The webhook that it makes.
    pub fn hook(&self) -> Result<Hook, Error> {
        let scheme = Scheme::of_name(&self.scheme).ok_or_else(|| {
            let names = Scheme::names();
            let error = wrong(&format!("there is no scheme {:?}", self.scheme));
            match suggest::nearest(&self.scheme, names.iter().copied()) {
                Some(near) => error.help(format!("did you mean {near:?}?")),
                None => error.help(format!("the schemes are {}", names.join(", "))),
            }
        })?;
        match (&self.url, scheme.signs_address()) {
            (None, true) => {
                return Err(wrong(&format!("{:?} signs the address, and there is none", self.scheme))
                    .help("`url` is the address as it is set at the sender, letter for letter"));
            }
            (Some(_), false) => {
                return Err(
                    wrong(&format!("{:?} does not sign the address", self.scheme)).help("leave `url` away")
                );
            }
            _ => {}
        }
        Ok(Hook {
            scheme,
            url: self.url.as_ref().map(|url| url.reveal().to_owned()),
            secret: self.secret.clone(),
            namespace: self.namespace.clone(),
            kind: self.event.clone(),
        })
    }
}

/// Everything of the three kinds.
#[derive(Debug, Clone, Copy)]
pub struct Sections<'a> {
    /// `[[on]]`.
    pub on: &'a [OnConfig],
    /// `[webhooks.NAME]`.
    pub webhooks: &'a BTreeMap<String, WebhookConfig>,
    /// `[inbound.NAME]`.
    pub inbound: &'a BTreeMap<String, InboundConfig>,
    /// The names of `[secrets.NAME]`.
    pub secrets: &'a [&'a str],
}

impl Sections<'_> {
    /// Whether all of it makes sense. Whether the workflows are there is seen when they are known.
    pub fn check(&self) -> Result<(), Error> {
        let mut names: Vec<String> = self.on.iter().map(OnConfig::name).collect();
        names.extend(self.webhooks.keys().cloned());
        names.iter().try_for_each(|name| check_name(name))?;
        self.inbound.keys().try_for_each(|name| check_name(name))?;
        names.sort();
        if let Some([twice, _]) = names.array_windows().find(|[left, right]| left == right) {
            return Err(wrong(&format!("two subscriptions are called {twice:?}"))
                .help("give one of them another `name`: its place in the log is kept under it"));
        }
        for (name, webhook) in self.webhooks {
            self.check_secret(&webhook.secret).map_err(|error| at("webhooks", name, &error))?;
            check_webhook(webhook).map_err(|error| at("webhooks", name, &error))?;
        }
        for (name, inbound) in self.inbound {
            self.check_secret(&inbound.secret).map_err(|error| at("inbound", name, &error))?;
            written(inbound.url.iter().map(Address::reveal)).map_err(|error| at("inbound", name, &error))?;
            inbound.hook().map_err(|error| at("inbound", name, &error))?;
        }
        Ok(())
    }

    fn check_secret(&self, name: &str) -> Result<(), Error> {
        if self.secrets.contains(&name) {
            return Ok(());
        }
        let error = wrong(&format!("there is no secret {name:?}"));
        Err(match suggest::nearest(name, self.secrets.iter().copied()) {
            Some(near) => error.help(format!("did you mean {near:?}?")),
            None => error.help(format!("[secrets.{name}] with `env` or `file` says where it lies")),
        })
    }
}

/// Refuses texts that were printed and not written: what they stand for would otherwise be sent.
fn written<'a>(mut texts: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    if texts.any(is_printed) {
        return Err(wrong(&format!("it holds {REDACTED}, which stands for a secret"))
            .help("put back what was there before it was printed"));
    }
    Ok(())
}

fn check_webhook(webhook: &WebhookConfig) -> Result<(), Error> {
    let url = reqwest::Url::parse(webhook.url.reveal()).ok();
    if !url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Err(wrong(&format!("{:?} is not the URL of a service", webhook.url))
            .help("for example https://crm.example/hook"));
    }
    written(webhook.headers.values().map(Hidden::reveal).chain([webhook.url.reveal()]))?;
    if webhook.attempts_max == 0 {
        return Err(wrong("attempts_max is 0").help("an event is tried at least once"));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= 200 && name.chars().all(fits) {
        return Ok(());
    }
    Err(wrong(&format!("{name:?} is no name of a subscription or webhook"))
        .help("use letters, digits, `-`, `_` and `.`"))
}

fn wrong(message: &str) -> Error {
    Error::new(&code::CONFIG_INVALID, message)
}

fn at(section: &str, name: &str, error: &Error) -> Error {
    let place = format!("[{section}.{name}]");
    wrong(&format!("{place}: {}", error.message()))
        .fault(format!("{}: {place}", super::FILE), error.message())
        .help(error.help_text().unwrap_or("`nexus explain NX-1003` shows a complete file"))
}
