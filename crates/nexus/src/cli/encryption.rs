//! `nexus encryption key|show|rotate`: the keys that seal what is kept.

use clap::Subcommand;
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::port::rng::SystemRng;
use nexus_store::MasterKey;
use serde_json::json;

use crate::cli::Global;
use crate::client::Client;
use crate::output::Output;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum EncryptionVerb {
    /// Print a new master key; it is kept nowhere
    Key,
    /// Show what is sealed, and with which keys
    Show,
    /// Make new data keys, which seal from now on
    Rotate {
        /// Whose key; all that there are when absent
        #[arg(long, value_name = "NAMESPACE")]
        namespace: Option<String>,
    },
}

/// Carries the command out.
pub async fn encryption(global: &Global, verb: EncryptionVerb, output: Output) -> Result<(), Error> {
    let client = match verb {
        EncryptionVerb::Key => {
            print_key(&MasterKey::generate(&SystemRng), output);
            return Ok(());
        }
        EncryptionVerb::Show => Client::reading(global, output).await?,
        EncryptionVerb::Rotate { .. } => Client::executing(global, output).await?,
    };
    let done = carry_out(&client, verb, output).await;
    client.close().await?;
    done
}

fn print_key(key: &str, output: Output) {
    if output.is_json() {
        return output.json(&json!({ "key": key }));
    }
    output.text(key);
    output
        .note("keep it where no backup of the data folder is; without it nothing that is sealed can be read");
}

async fn carry_out(client: &Client, verb: EncryptionVerb, output: Output) -> Result<(), Error> {
    let EncryptionVerb::Rotate { namespace } = verb else {
        show(&client.verb("encryption.show", json!({})).await?, output);
        return Ok(());
    };
    let input = namespace.map_or_else(|| json!({}), |namespace| json!({ "namespace": namespace }));
    let done = client.verb("encryption.rotate", input).await?;
    if output.is_json() {
        output.json(&done);
        return Ok(());
    }
    let rotated: Vec<&str> =
        done.get("rotated").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    output.note(&format!("new data keys: {}", rotated.join(", ")));
    Ok(())
}

fn show(shown: &Json, output: Output) {
    if output.is_json() {
        return output.json(shown);
    }
    let Some(master) = shown.get("master").and_then(Json::as_str) else {
        return output.note("nothing is sealed; `nexus encryption key` makes a master key");
    };
    let payloads: Vec<&str> = shown
        .get("payloads")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let sealed = match payloads.as_slice() {
        [] => "secrets".to_owned(),
        ["*"] => "secrets, and the payloads of all namespaces".to_owned(),
        some => format!("secrets, and the payloads of {}", some.join(", ")),
    };
    output.note(&format!("sealed: {sealed}; master key {master}"));
    let keys = shown.get("keys").and_then(Json::as_array).into_iter().flatten();
    let cell = |key: &Json, name: &str| match key.get(name) {
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let row = |key| ["namespace", "current", "keys", "made_at"].map(|name| cell(key, name)).to_vec();
    output.table(&["NAMESPACE", "CURRENT", "KEYS", "MADE"], keys.map(row).collect());
}
