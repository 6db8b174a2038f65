//! `nexus secret set|list|delete`: secrets that lie in the server's store.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use clap::{Args, Subcommand};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Map, json};

use crate::cli::Global;
use crate::client::Client;
use crate::config::secret::SECRET_BYTES_MAX;
use crate::output::Output;

/// What can be done with secrets.
#[derive(Debug, Subcommand)]
pub enum SecretVerb {
    /// Keep a secret, in place of the one before; it is read from standard input, or asked for
    Set(OneArgs),
    /// List the names of secrets, and who set them when
    List {
        /// Whose
        #[arg(long, value_name = "NAMESPACE")]
        namespace: Option<String>,
    },
    /// Take a secret away
    Delete(OneArgs),
}

/// Which secret.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// What functions call it: the NAME of [secrets.NAME] in nexus.toml
    #[arg(value_name = "NAME")]
    name: String,
    /// Whose
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
}

/// Carries the command out.
pub async fn secret(global: &Global, verb: SecretVerb, output: Output) -> Result<(), Error> {
    // Whoever waits for an answer holds nothing open.
    let value = if matches!(verb, SecretVerb::Set(_)) { Some(given()?) } else { None };
    let client = match verb {
        SecretVerb::List { .. } => Client::reading(global, output).await?,
        _ => Client::executing(global, output).await?,
    };
    let done = carry_out(&client, verb, value, output).await;
    client.close().await?;
    done
}

async fn carry_out(
    client: &Client,
    verb: SecretVerb,
    value: Option<String>,
    output: Output,
) -> Result<(), Error> {
    let (name, which) = match &verb {
        SecretVerb::Set(which) => ("secret.set", which),
        SecretVerb::Delete(which) => ("secret.delete", which),
        SecretVerb::List { namespace } => {
            let listed = client.verb("secret.list", fields([("namespace", namespace.clone())])).await?;
            list(&listed, output);
            return Ok(());
        }
    };
    let input = fields([
        ("name", Some(which.name.clone())),
        ("namespace", which.namespace.clone()),
        ("value", value),
    ]);
    let done = client.verb(name, input).await?;
    if output.is_json() {
        output.json(&done);
    } else {
        let what = if name == "secret.set" { "kept" } else { "deleted" };
        output.note(&format!("{what}: {}", which.name));
    }
    Ok(())
}

fn fields<const N: usize>(given: [(&str, Option<String>); N]) -> Json {
    let given = given.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into())));
    Json::Object(given.collect::<Map<_, _>>())
}

fn list(listed: &Json, output: Output) {
    if output.is_json() {
        return output.json(listed);
    }
    let secrets = listed.get("secrets").and_then(Json::as_array).into_iter().flatten();
    let cell = |secret: &Json, name: &str| json!(secret.get(name)).as_str().unwrap_or_default().to_owned();
    let row = |secret| ["name", "namespace", "set_at", "set_by"].map(|name| cell(secret, name)).to_vec();
    output.table(&["NAME", "NAMESPACE", "SET", "BY"], secrets.map(row).collect());
}

/// The secret, from standard input. A terminal does not show what is typed.
fn given() -> Result<String, Error> {
    let failed = |error: io::Error| {
        Error::new(&code::INPUT_INVALID, format!("the secret cannot be read: {error}"))
            .help("give it on standard input: nexus secret set NAME < FILE")
    };
    let input = io::stdin();
    let mut text = String::new();
    if input.is_terminal() {
        let _silent = Silence::begin().map_err(failed)?;
        input.lock().read_line(&mut text).map_err(failed)?;
    } else {
        input.lock().take(SECRET_BYTES_MAX as u64 + 2).read_to_string(&mut text).map_err(failed)?;
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Silence(rustix::termios::Termios);

impl Silence {
    fn begin() -> io::Result<Silence> {
        let usual = tcgetattr(io::stdin())?;
        let mut silent = usual.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Silence(usual))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0); // a terminal that is gone shows nothing anyway
    }
}
