//! `nexus config check`: what `nexus up` would refuse, without opening the store or the network; and what is doubtful.

use nexus_engine::operations;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::secret::Secrets as _;
use serde_json::json;

use super::Named;
use crate::activities::secrets::ProjectSecrets;
use crate::config::Config;
use crate::config::doubt::{self, Doubt};
use crate::config::encryption::EncryptionConfig;
use crate::config::secret::{SecretConfig, SecretPlace};
use crate::contract;
use crate::identity::Wanted;
use crate::output::{Output, plural};
use crate::project::Project;
use crate::{encryption, preset, subscriptions, telemetry};

/// Tells everything that is wrong, and everything that is doubtful.
pub(super) async fn check(named: &Named, output: Output) -> Result<(), Error> {
    let mut found = Found { errors: named.reading.errors.clone(), doubts: Vec::new() };
    // What is wrong already would be told again, in other words.
    if found.errors.is_empty() {
        found = look(named).await;
    }
    let place = |error: &Error| named.reading.origins.placed(error, &named.name);
    let errors: Vec<Error> = found.errors.iter().map(place).collect();
    let doubts: Vec<Error> = found.doubts.iter().map(|doubt| place(&doubt.to_error())).collect();
    if output.is_json() {
        output.json(&json!({
            "errors": errors.len(),
            "findings": errors.iter().map(|it| finding("error", it)).chain(doubts.iter().map(|it| finding("warning", it))).collect::<Vec<_>>(),
        }));
    } else {
        for error in &errors {
            output.error(error);
        }
        for doubt in &doubts {
            output.warning(doubt);
        }
    }
    if !errors.is_empty() {
        return Err(
            Error::new(&code::CONFIG_INVALID, plural(errors.len(), "error")).help("mend the lines above")
        );
    }
    if !output.is_json() {
        output.text(&format!("{}: no errors, {}", named.name, plural(doubts.len(), "warning")));
    }
    Ok(())
}

fn finding(severity: &str, error: &Error) -> Json {
    let code = (severity == "error").then_some(error.code().id);
    let fault = error.faults().first();
    json!({
        "severity": severity,
        "code": code,
        "at": fault.map(|fault| &fault.at),
        "message": error.message(),
        "help": error.help_text(),
    })
}

struct Found {
    errors: Vec<Error>,
    doubts: Vec<Doubt>,
}

/// Looks at what is around a file that is right by itself: other files, the environment, workflows.
async fn look(named: &Named) -> Found {
    let config = named.reading.config.clone();
    let project = match Project::around(&named.root, config.clone()) {
        Ok(project) => project,
        Err(error) => return Found { errors: vec![error], doubts: Vec::new() },
    };
    let tls = config.server.tls.as_ref().and_then(|files| files.load(&named.root).err());
    let wanted = if config.auth.enabled { Wanted::read(&without_stored(&project)).await.err() } else { None };
    let exported = telemetry::is_exported(&project).err();
    let preset = if exported.is_none() { preset::enforce(&project).err() } else { None };
    let sealed = sealed(&project).await.err();
    let mut found = Found {
        errors: [tls, wanted, exported, preset, sealed].into_iter().flatten().collect(),
        doubts: doubt::doubts(&config),
    };
    found.doubts.extend(secrets(&project).await);
    workflows(&project, &mut found);
    found
}

/// Whether the master keys are keys, as far as they can be read without asking a program.
async fn sealed(project: &Project) -> Result<(), Error> {
    let Some(config) = &project.config.encryption else { return Ok(()) };
    let place = |name: &String| project.config.secrets.get(name).and_then(SecretConfig::place);
    if config.keys().all(|name| is_read(place(name))) {
        encryption::masters(project, config).await?;
    }
    Ok(())
}

/// What a program or the store would have to be asked for is left to those who need it.
fn is_read(place: Option<SecretPlace<'_>>) -> bool {
    matches!(place, Some(SecretPlace::Env(_) | SecretPlace::File(_)))
}

/// A project without issuers whose secrets lie in the store, which is not opened.
fn without_stored(project: &Project) -> Project {
    let mut project = project.clone();
    let Config { auth, secrets, .. } = &mut project.config;
    let is_stored = |name: &String| secrets.get(name).is_some_and(|secret| secret.stored);
    auth.issuers.retain(|_, issuer| !issuer.secret.as_ref().is_some_and(is_stored));
    project
}

/// Secrets are read when they are asked for, so one that is not there yet is no error.
async fn secrets(project: &Project) -> Vec<Doubt> {
    let all = ProjectSecrets::new(project);
    let mut found = Vec::new();
    let is_master = |name: &String| {
        project.config.encryption.iter().flat_map(EncryptionConfig::keys).any(|key| key == name)
    };
    let looked_at = |(name, config): &(&String, &SecretConfig)| is_read(config.place()) && !is_master(name);
    for (name, config) in project.config.secrets.iter().filter(looked_at) {
        let namespace = config.namespaces.as_ref().and_then(|of| of.first().cloned());
        if let Err(error) = all.secret(&namespace.unwrap_or_else(Namespace::system), name).await {
            found.push(Doubt::unreadable(name, &error));
        }
    }
    found
}

/// What is said of workflows, where they can be read.
fn workflows(project: &Project, found: &mut Found) {
    let (definition, ..) = project.compile(true);
    let operations = definition.as_deref().map(operations::undeployed);
    let Some(Ok(mut operations)) = operations else {
        return found.doubts.push(Doubt::unread());
    };
    found.errors.extend(project.config_errors(definition.as_deref()));
    let names: Vec<String> = operations.iter().map(Operation::id).collect();
    found.errors.extend(contract::apply(&project.config, &mut operations).err());
    found.errors.extend(subscriptions::check(project, &operations).err());
    found.doubts.extend(doubt::names(&project.config, &names));
}
