//! `nexus key create|list|rotate|revoke`: API keys.

use clap::Subcommand;
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::{Map, json};

use crate::cli::Global;
use crate::client::Client;
use crate::output::Output;

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Make a key and print it, once
    Create {
        /// Who has it and what for
        #[arg(default_value = "unnamed")]
        name: String,
        /// A role of whoever has it, such as caller, viewer, operator or admin; repeat it for several
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// A permission beside those of the roles, such as workflow:Checkout:execute
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<String>,
        /// Where it holds; everywhere without it
        #[arg(long = "namespace", value_name = "NAMESPACE")]
        namespaces: Vec<String>,
        /// Where its caller may be, as a range such as 10.1.0.0/16; anywhere without it
        #[arg(long = "address", value_name = "RANGE")]
        addresses: Vec<String>,
        /// How long it is good, such as 90d; for ever without it
        #[arg(long, value_name = "DURATION")]
        expires_in: Option<String>,
        /// The first key of a server: everything is allowed with it
        #[arg(long, conflicts_with_all = ["roles", "permissions", "namespaces"])]
        bootstrap: bool,
    },
    /// List keys, without their secrets
    List,
    /// Give a key a new secret and print it, once
    Rotate {
        /// The key's id
        id: String,
        /// How long the secret before stays good beside it; 0s ends it at once
        #[arg(long, value_name = "DURATION", default_value = "24h")]
        overlap: String,
    },
    /// Take a key back
    Revoke {
        /// The key's id
        id: String,
    },
}

/// Carries the command out.
pub async fn key(global: &Global, verb: KeyVerb, output: Output) -> Result<(), Error> {
    let client = match verb {
        KeyVerb::List => Client::reading(global, output).await?,
        _ => Client::executing(global, output).await?,
    };
    let done = carry_out(&client, verb, output).await;
    client.close().await?;
    done
}

async fn carry_out(client: &Client, verb: KeyVerb, output: Output) -> Result<(), Error> {
    match verb {
        KeyVerb::Create { name, roles, permissions, namespaces, addresses, expires_in, bootstrap } => {
            let roles = if bootstrap { vec!["admin".to_owned()] } else { roles };
            let mut input = Map::new();
            input.insert("name".into(), name.into());
            for (field, given) in [
                ("roles", roles),
                ("permissions", permissions),
                ("namespaces", namespaces),
                ("addresses", addresses),
            ] {
                if !given.is_empty() {
                    input.insert(field.into(), given.into());
                }
            }
            input.extend(expires_in.map(|length| ("expires_in".to_owned(), length.into())));
            once(&client.verb("key.create", Json::Object(input)).await?, output);
        }
        KeyVerb::Rotate { id, overlap } => {
            once(&client.verb("key.rotate", json!({ "key_id": id, "overlap": overlap })).await?, output);
        }
        KeyVerb::List => output.value(&client.verb("key.list", json!({})).await?),
        KeyVerb::Revoke { id } => {
            let revoked = client.verb("key.revoke", json!({ "key_id": id })).await?;
            if output.is_json() {
                output.json(&revoked);
            } else {
                output.note(&format!("{id} is good for nothing any more"));
            }
        }
    }
    Ok(())
}

/// The key is data, for a pipe into a secret store; the rest is for people.
fn once(made: &Json, output: Output) {
    if output.is_json() {
        output.json(made);
        return;
    }
    let text = |name: &str| made.get(name).and_then(Json::as_str).unwrap_or_default();
    output.text(text("key"));
    output.note(&format!("keep it now: it is never shown again; its id is {}", text("key_id")));
}
