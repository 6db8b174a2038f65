//! Exposure: who could reach what. Each finding says what it is about, and what to do when it is not as it should be.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use nexus_kernel::error::Error;
use nexus_kernel::operation::Effect;
use nexus_store::{Finding, Severity};

use crate::address;
use crate::client::described;
use crate::config::server::{ServerConfig, is_loopback};
use crate::output::plural;
use crate::profile;
use crate::project::{Project, data_dir};

/// Everything about who could reach what of a project.
pub(super) fn findings(project: &Project) -> Result<Vec<Finding>, Error> {
    let server = &project.config.server;
    let mut found =
        vec![listening(server, project.config.auth.enabled), names(server), origins(server), reach(project)?];
    found.extend(encryption(server));
    found.extend(running(&project.root));
    found.extend(socket(&project.root, server));
    found.extend(folder(&data_dir(&project.root)));
    found.extend(profiles());
    Ok(found)
}

fn finding(check: &'static str, severity: Severity, message: String, advice: &'static str) -> Finding {
    let advice = if severity == Severity::Good { None } else { Some(advice) };
    Finding { check, severity, message, advice }
}

/// Where `nexus up` would listen.
fn listening(server: &ServerConfig, is_guarded: bool) -> Finding {
    let place = format!("`nexus up` listens on {}:{}", server.host, server.port);
    if is_guarded {
        let message = format!("{place}: every caller has to show who they are");
        return finding("listen", Severity::Good, message, "");
    }
    if is_loopback(&server.host) {
        let message = format!("{place}: this machine only, but every user and program of it");
        return finding("listen", Severity::Good, message, "");
    }
    let message = format!(
        "{place}: nothing is authenticated, so whoever reaches it can do everything; it refuses without --insecure"
    );
    let advice = "set host = \"127.0.0.1\" under [server], or enabled = true under [auth]";
    finding("listen", Severity::Error, message, advice)
}

/// Names under which the server answers: a page that makes one of them lead here could call.
fn names(server: &ServerConfig) -> Finding {
    if server.allowed_hosts.is_empty() {
        let message = "requests for other names than this machine's are refused".to_owned();
        return finding("hosts", Severity::Good, message, "");
    }
    let message = format!("requests for {} are answered as well", server.allowed_hosts.join(", "));
    finding("hosts", Severity::Warning, message, "take names out of allowed_hosts that are not yours")
}

/// Pages whose scripts may call.
fn origins(server: &ServerConfig) -> Finding {
    if server.allowed_origins.is_empty() {
        let message = "scripts of web pages are refused".to_owned();
        return finding("origins", Severity::Good, message, "");
    }
    let message = format!("scripts of {} can call everything", server.allowed_origins.join(", "));
    finding(
        "origins",
        Severity::Warning,
        message,
        "take pages out of allowed_origins that you do not run yourself",
    )
}

/// Whether others can read what goes over the wire.
fn encryption(server: &ServerConfig) -> Option<Finding> {
    if is_loopback(&server.host) || server.tls.is_some() {
        return None;
    }
    let message = "inputs and results travel in the open".to_owned();
    Some(finding(
        "tls",
        Severity::Error,
        message,
        "give a certificate under [server.tls], or encrypt in front of it",
    ))
}

/// The server that runs now, which may have been started otherwise than the file says.
fn running(root: &Path) -> Option<Finding> {
    let url = address::read(root)?;
    let host = url.split("://").nth(1)?.rsplit_once(':').map_or("", |(host, _)| host);
    if is_loopback(host) {
        return Some(finding(
            "server",
            Severity::Good,
            format!("the last server listens, or listened, on {url}"),
            "",
        ));
    }
    let message = format!("the last server listens, or listened, on {url}: beyond this machine");
    Some(finding("server", Severity::Warning, message, "start it without --host and --insecure"))
}

/// What a caller can do.
fn reach(project: &Project) -> Result<Finding, Error> {
    let operations = described::of_project(project)?;
    let workflows = operations.iter().filter(|it| it.is_workflow()).count();
    let verbs = operations.iter().filter(|it| !it.is_workflow());
    let (all, changing) = (verbs.clone().count(), verbs.filter(|it| it.effect != Effect::Read).count());
    let secrets = project.config.secrets.len();
    let message = format!(
        "a caller can start {} and call {all} operations, {changing} of which change something; functions can be granted {}",
        plural(workflows, "workflow"),
        plural(secrets, "secret"),
    );
    Ok(finding("reach", Severity::Good, message, ""))
}

/// What others on this machine may do with a file or a folder.
fn mode(path: &Path) -> Option<(u32, u32)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.permissions().mode() & 0o777, meta.uid()))
}

/// Whether nobody but the owner may do anything.
fn is_private(mode: u32) -> bool {
    const OTHERS: u32 = 0o077;
    mode & OTHERS == 0
}

fn folder(path: &Path) -> Option<Finding> {
    let (mode, _) = mode(path)?;
    let shown = format!("{} has mode {mode:03o}", path.display());
    if is_private(mode) {
        return Some(finding("folder", Severity::Good, format!("{shown}: yours alone"), ""));
    }
    let message = format!("{shown}: other users of this machine can look at inputs and results of runs");
    Some(finding("folder", Severity::Warning, message, "chmod 700 the folder, unless others are to read it"))
}

fn socket(root: &Path, server: &ServerConfig) -> Option<Finding> {
    let path = root.join(server.socket.as_ref()?);
    let Some((mode, _)) = mode(&path) else {
        let message = format!("a server would listen at {} too; only its owner can connect", path.display());
        return Some(finding("socket", Severity::Good, message, ""));
    };
    let severity = if is_private(mode) { Severity::Good } else { Severity::Error };
    let message = format!("{} has mode {mode:03o}", path.display());
    Some(finding("socket", severity, message, "chmod 600 the socket: whoever can open it can do everything"))
}

/// The file of profiles, in which credentials are.
fn profiles() -> Option<Finding> {
    let path = profile::file().ok()?;
    let (mode, owner) = mode(&path)?;
    let shown = format!("{} has mode {mode:03o}", path.display());
    if !is_private(mode) {
        let message = format!("{shown}: others can read the credentials in it");
        return Some(finding(
            "profiles",
            Severity::Error,
            message,
            "chmod 600 the file, and renew the credentials",
        ));
    }
    if owner != rustix::process::getuid().as_raw() {
        let message = format!("{shown}, and belongs to another user");
        return Some(finding(
            "profiles",
            Severity::Warning,
            message,
            "make a file of your own with `nexus profile add`",
        ));
    }
    Some(finding("profiles", Severity::Good, format!("{shown}: yours alone"), ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_told_with_what_to_do() {
        let open = ServerConfig {
            host: "0.0.0.0".into(),
            allowed_hosts: vec!["nexus.example".into()],
            allowed_origins: vec!["https://page.example".into()],
            ..ServerConfig::default()
        };
        assert_eq!(listening(&open, true).severity, Severity::Good, "callers have to show who they are");
        let found = [listening(&open, false), names(&open), origins(&open), encryption(&open).unwrap()];
        assert!(found.iter().all(|it| it.severity != Severity::Good && it.advice.is_some()), "{found:?}");
        let usual = ServerConfig::default();
        let found = [listening(&usual, false), names(&usual), origins(&usual)];
        assert!(found.iter().all(|it| it.severity == Severity::Good), "{found:?}");
        assert!(encryption(&usual).is_none());
    }

    #[test]
    fn a_folder_that_others_can_read_is_told() {
        let folder_of = tempfile::tempdir().unwrap();
        let set =
            |mode| std::fs::set_permissions(folder_of.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        set(0o755);
        assert_eq!(folder(folder_of.path()).unwrap().severity, Severity::Warning);
        set(0o700);
        assert_eq!(folder(folder_of.path()).unwrap().severity, Severity::Good);
    }
}
