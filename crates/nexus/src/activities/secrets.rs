//! The secrets of a project: read where the configuration says, each time a function asks.

mod outside;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nexus_kernel::BoxFuture;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::secret::{SECRET_BYTES_MIN, Secret, Secrets};
use nexus_kernel::suggest::nearest;

use crate::config::secret::{SecretConfig, SecretPlace};
use crate::project::Project;
use crate::secrets::StoredSecrets;

/// What the configuration names.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProjectSecrets {
    root: PathBuf,
    secrets: BTreeMap<String, SecretConfig>,
    stored: Option<StoredSecrets>,
}

impl ProjectSecrets {
    /// The secrets of a project. Those that hold master keys are not among them: no function is ever given one.
    pub(crate) fn new(project: &Project) -> ProjectSecrets {
        let mut secrets = project.config.secrets.clone();
        for name in project.config.encryption.iter().flat_map(|encryption| encryption.keys()) {
            secrets.remove(name);
        }
        ProjectSecrets { root: project.root.clone(), secrets, stored: project.stored.clone() }
    }

    fn find(&self, namespace: &Namespace, name: &str) -> Result<&SecretConfig, Error> {
        let may = |config: &&SecretConfig| config.namespaces.as_ref().is_none_or(|of| of.contains(namespace));
        self.secrets.get(name).filter(may).ok_or_else(|| {
            let message = format!("there is no secret {name:?} for the namespace {namespace}");
            let error = Error::new(&code::SECRET_UNKNOWN, message);
            match nearest(name, self.secrets.keys().map(String::as_str)) {
                Some(near) if near != name => error.help(format!("did you mean {near:?}?")),
                _ => error.help("`[secrets.NAME]` in nexus.toml says where a secret lies"),
            }
        })
    }
}

impl Secrets for ProjectSecrets {
    fn secret(&self, namespace: &Namespace, name: &str) -> BoxFuture<'static, Result<Secret, Error>> {
        let found = self.find(namespace, name).cloned();
        let (secrets, namespace, name) = (self.clone(), namespace.clone(), name.to_owned());
        Box::pin(async move {
            let found = found?;
            let read = match (found.place(), &secrets.stored) {
                (Some(SecretPlace::Stored), Some(stored)) => stored.read(&namespace, &name).await,
                (Some(place), _) => outside::read(&secrets.root, place).await,
                (None, _) => Err("nothing says where it lies".to_owned()),
            };
            checked(&name, read)
        })
    }
}

/// The text of a master key. It lies outside.
pub(crate) async fn master(project: &Project, name: &str) -> Result<Secret, Error> {
    let read = match project.config.secrets.get(name) {
        Some(config) => read(&project.root, config).await,
        None => Err("nothing says where it lies".to_owned()),
    };
    checked(name, read)
}

/// The text of something that lies outside, or why it cannot be read.
pub(crate) async fn read(root: &Path, config: &SecretConfig) -> Result<String, String> {
    match config.place() {
        Some(place) => outside::read(root, place).await,
        None => Err("nothing says where it lies".to_owned()),
    }
}

fn checked(name: &str, read: Result<String, String>) -> Result<Secret, Error> {
    let why = match read {
        Ok(text) if text.len() >= SECRET_BYTES_MIN => return Ok(Secret::new(&text)),
        Ok(_) => format!("it has fewer than {SECRET_BYTES_MIN} bytes"),
        Err(why) => why,
    };
    let message = format!("the secret {name:?} cannot be read: {why}");
    Err(Error::new(&code::SECRET_UNREADABLE, message).help("look at `[secrets]` in nexus.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn secrets_are_read_where_they_lie_and_told_by_nobody() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("key"), "sesame\r\n").unwrap();
        std::fs::write(home.path().join("short"), "abc\n").unwrap();
        let file = |file: &str| SecretConfig { file: Some(file.to_owned()), ..SecretConfig::default() };
        let command = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            SecretConfig { command: Some(words), ..SecretConfig::default() }
        };
        let team = vec![Namespace::new("team").unwrap()];
        let secrets = BTreeMap::from([
            ("key".to_owned(), file("key")),
            ("team".to_owned(), SecretConfig { namespaces: Some(team), ..file("key") }),
            ("short".to_owned(), file("short")),
            ("gone".to_owned(), file("gone")),
            (
                "unset".to_owned(),
                SecretConfig { env: Some("NO_SUCH_VARIABLE".to_owned()), ..SecretConfig::default() },
            ),
            ("printed".to_owned(), command(&["printf", "open sesame\n"])),
            ("failing".to_owned(), command(&["sh", "-c", "echo sesame; echo sesame >&2; exit 3"])),
            ("missing".to_owned(), command(&["no-such-program"])),
            ("endless".to_owned(), command(&["yes"])),
            ("stored".to_owned(), SecretConfig { stored: true, ..SecretConfig::default() }),
        ]);
        let secrets = ProjectSecrets { root: home.path().to_owned(), secrets, stored: None };
        let here = Namespace::default();
        assert_eq!(secrets.secret(&here, "key").await.unwrap().reveal(), "sesame");
        let code = async |name: &str| secrets.secret(&here, name).await.unwrap_err().code().id;
        assert_eq!(code("team").await, "NX-5051");
        assert_eq!(code("kee").await, "NX-5051");
        assert_eq!(secrets.secret(&here, "printed").await.unwrap().reveal(), "open sesame");
        for name in ["short", "gone", "unset", "failing", "missing", "endless", "stored"] {
            let told = secrets.secret(&here, name).await.unwrap_err();
            assert_eq!(told.code().id, "NX-5052", "{name}");
            assert!(!told.message().contains("sesame"), "{told}");
        }
        assert!(secrets.secret(&Namespace::new("team").unwrap(), "team").await.is_ok());
    }
}
