//! Secrets that lie outside: in the environment, in files, in the keyring of the operating system, with programs.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::config::secret::{SECRET_BYTES_MAX, SecretPlace};

/// How long a program may take to print a secret. Some ask a server of their own.
const COMMAND_TIME: Duration = Duration::from_secs(10);

/// The service that secrets of ours belong to in a keyring.
const SERVICE: &str = "nexus";

/// The text, or why it cannot be read. No reason holds any of it.
pub(super) async fn read(root: &Path, place: SecretPlace<'_>) -> Result<String, String> {
    match place {
        SecretPlace::Env(name) => {
            let found =
                std::env::var_os(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
            found.into_string().map_err(|_| format!("the environment variable {name} is not text"))
        }
        SecretPlace::File(file) => in_file(root, file).await,
        SecretPlace::Keyring(account) => printed(root, &keyring(account)).await.map_err(|why| {
            format!("the keyring of the operating system has none for the service {SERVICE} and the account {account}: {why}")
        }),
        SecretPlace::Command(words) => printed(root, words).await,
        SecretPlace::Stored => Err("it lies in the store of a server".to_owned()),
    }
}

async fn in_file(root: &Path, file: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{file}: {error}");
    let path = root.join(file);
    if tokio::fs::metadata(&path).await.map_err(failed)?.len() > SECRET_BYTES_MAX as u64 {
        return Err(format!("{file} has more than {SECRET_BYTES_MAX} bytes"));
    }
    Ok(line(tokio::fs::read_to_string(&path).await.map_err(failed)?))
}

/// Every operating system has a program of its own for its keyring; that of Linux speaks the Secret Service protocol.
fn keyring(account: &str) -> Vec<String> {
    let words: &[&str] = if cfg!(target_os = "macos") {
        &["security", "find-generic-password", "-w", "-s", SERVICE, "-a", account]
    } else {
        &["secret-tool", "lookup", "service", SERVICE, "account", account]
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What a program prints. What it complains about is not told: it could be the secret.
async fn printed(root: &Path, words: &[String]) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("there is no program")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    let out = child.stdout.take().ok_or("its output cannot be read")?;
    let mut text = String::new();
    let reading = async {
        out.take(SECRET_BYTES_MAX as u64 + 1)
            .read_to_string(&mut text)
            .await
            .map_err(|error| error.to_string())?;
        child.wait().await.map_err(|error| error.to_string())
    };
    let ended = timeout(COMMAND_TIME, reading).await;
    let status = ended.map_err(|_| format!("{program} took longer than {} s", COMMAND_TIME.as_secs()))??;
    if !status.success() {
        return Err(format!("{program} ended with {status}"));
    }
    if text.len() > SECRET_BYTES_MAX {
        return Err(format!("{program} printed more than {SECRET_BYTES_MAX} bytes"));
    }
    Ok(line(text))
}

/// Without the end of its line.
fn line(text: String) -> String {
    let line = text.strip_suffix('\n').unwrap_or(&text);
    line.strip_suffix('\r').unwrap_or(line).to_owned()
}
