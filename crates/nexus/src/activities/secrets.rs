//! The secrets of a project: read where the configuration says, each time a function asks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nexus_kernel::BoxFuture;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::secret::{SECRET_BYTES_MIN, Secret, Secrets};
use nexus_kernel::suggest::nearest;

use crate::config::secret::SecretConfig;

/// Longest secret, in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// What the configuration names.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProjectSecrets {
    root: PathBuf,
    secrets: BTreeMap<String, SecretConfig>,
}

impl ProjectSecrets {
    /// The secrets of a project.
    pub(crate) fn new(root: &Path, secrets: &BTreeMap<String, SecretConfig>) -> ProjectSecrets {
        ProjectSecrets { root: root.to_owned(), secrets: secrets.clone() }
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
        let (root, name) = (self.root.clone(), name.to_owned());
        Box::pin(async move {
            let text = match read(&root, &found?).await {
                Ok(text) if text.len() >= SECRET_BYTES_MIN => return Ok(Secret::new(&text)),
                Ok(_) => format!("it has fewer than {SECRET_BYTES_MIN} bytes"),
                Err(why) => why,
            };
            let message = format!("the secret {name:?} cannot be read: {text}");
            Err(Error::new(&code::SECRET_UNREADABLE, message).help("look at `[secrets]` in nexus.toml"))
        })
    }
}

/// The text, or why it cannot be read.
pub(crate) async fn read(root: &Path, config: &SecretConfig) -> Result<String, String> {
    if let Some(name) = &config.env {
        let found =
            std::env::var_os(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
        return found.into_string().map_err(|_| format!("the environment variable {name} is not text"));
    }
    let file = config.file.as_deref().unwrap_or_default();
    let failed = |error: std::io::Error| format!("{file}: {error}");
    let path = root.join(file);
    if tokio::fs::metadata(&path).await.map_err(failed)?.len() > SECRET_BYTES_MAX {
        return Err(format!("{file} has more than {SECRET_BYTES_MAX} bytes"));
    }
    let text = tokio::fs::read_to_string(&path).await.map_err(failed)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
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
        ]);
        let secrets = ProjectSecrets::new(home.path(), &secrets);
        let here = Namespace::default();
        assert_eq!(secrets.secret(&here, "key").await.unwrap().reveal(), "sesame");
        let code = async |name: &str| secrets.secret(&here, name).await.unwrap_err().code().id;
        assert_eq!(code("team").await, "NX-5051");
        assert_eq!(code("kee").await, "NX-5051");
        for name in ["short", "gone", "unset"] {
            assert_eq!(code(name).await, "NX-5052", "{name}");
        }
        assert!(secrets.secret(&Namespace::new("team").unwrap(), "team").await.is_ok());
    }
}
