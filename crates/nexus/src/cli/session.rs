//! `nexus session create|show|set|list|delete`: what calls keep between them.

use clap::Subcommand;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::Map;

use super::run::input;
use crate::cli::Global;
use crate::client::Client;
use crate::output::Output;

/// What can be done with sessions. Where none is named, that of `--session` is meant.
#[derive(Debug, Subcommand)]
pub enum SessionVerb {
    /// Make a session and print its id, for --session or `NEXUS_SESSION`
    Create {
        /// Whose workflows it can be used with
        #[arg(long)]
        namespace: Option<String>,
        /// How long it lives after its last use, such as 12h; half an hour without it
        #[arg(long, value_name = "DURATION")]
        ttl: Option<String>,
        /// What it holds from the beginning: a JSON object, @FILE, or -
        #[arg(long, value_name = "JSON|@FILE|-")]
        state: Option<String>,
    },
    /// Show what a session holds
    Show {
        /// The session
        id: Option<String>,
    },
    /// Change what a session holds
    Set {
        /// What to set, as NAME=VALUE; a value that is JSON is taken as that, null removes the name
        #[arg(value_name = "NAME=VALUE")]
        pairs: Vec<String>,
        /// Replace all that it holds: a JSON object, @FILE, or -
        #[arg(long, value_name = "JSON|@FILE|-", conflicts_with = "pairs")]
        state: Option<String>,
        /// Change it only when it is at this version
        #[arg(long)]
        at_version: Option<u64>,
        /// How long it lives after its last use from now on
        #[arg(long, value_name = "DURATION")]
        ttl: Option<String>,
        /// The session
        #[arg(long)]
        id: Option<String>,
    },
    /// List your sessions
    List {
        /// Only those of this namespace
        #[arg(long)]
        namespace: Option<String>,
    },
    /// End a session
    Delete {
        /// The session
        id: Option<String>,
    },
}

/// Carries the command out.
pub async fn session(global: &Global, verb: SessionVerb, output: Output) -> Result<(), Error> {
    let client = match verb {
        SessionVerb::Show { .. } | SessionVerb::List { .. } => Client::reading(global, output).await?,
        _ => Client::executing(global, output).await?,
    };
    let done = carry_out(&client, verb, output).await;
    client.close().await?;
    done
}

async fn carry_out(client: &Client, verb: SessionVerb, output: Output) -> Result<(), Error> {
    let name = |id: Option<String>| ("session_id", id.map(Json::from));
    let (verb, input) = match verb {
        SessionVerb::Create { namespace, ttl, state } => {
            return create(client, (namespace, ttl, state), output).await;
        }
        SessionVerb::Show { id } => ("session.show", fields([name(id)])),
        SessionVerb::Set { pairs, state, at_version, ttl, id } => {
            let state = state.map(|text| input::whole(&text, "--state")).transpose()?;
            let patch = if pairs.is_empty() { None } else { Some(patch(&pairs)?) };
            let (version, ttl) = (at_version.map(Json::from), ttl.map(Json::from));
            let given = [name(id), ("patch", patch), ("state", state), ("version", version), ("ttl", ttl)];
            ("session.update", fields(given))
        }
        SessionVerb::List { namespace } => {
            ("session.list", fields([("namespace", namespace.map(Json::from))]))
        }
        SessionVerb::Delete { id } => {
            return client.verb("session.delete", fields([name(id)])).await.map(drop);
        }
    };
    output.value(&client.verb(verb, input).await?);
    Ok(())
}

async fn create(
    client: &Client,
    (namespace, ttl, state): (Option<String>, Option<String>, Option<String>),
    output: Output,
) -> Result<(), Error> {
    let state = state.map(|text| input::whole(&text, "--state")).transpose()?;
    let given = [("namespace", namespace.map(Json::from)), ("ttl", ttl.map(Json::from)), ("state", state)];
    let made = client.verb("session.create", fields(given)).await?;
    if output.is_json() {
        output.json(&made);
        return Ok(());
    }
    let text = |name: &str| made.get(name).and_then(Json::as_str).unwrap_or_default();
    output.text(text("session_id"));
    output.note(&format!("it ends at {} unless it is used before", text("expires_at")));
    Ok(())
}

/// The fields that were given.
fn fields<const N: usize>(given: [(&str, Option<Json>); N]) -> Json {
    given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// What changes: texts that are JSON are that.
fn patch(pairs: &[String]) -> Result<Json, Error> {
    let mut patch = Map::new();
    for pair in pairs {
        let (name, value) = pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            Error::new(&code::INPUT_INVALID, format!("{pair:?} is not NAME=VALUE"))
                .help("for example nexus session set cart=3")
        })?;
        patch.insert(name.to_owned(), input::guess(value)?);
    }
    Ok(Json::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pairs_become_a_patch() {
        let pairs = ["a=1", "b=text", "c=null", "d={\"e\": []}"].map(ToOwned::to_owned);
        assert_eq!(patch(&pairs).unwrap(), json!({ "a": 1, "b": "text", "c": null, "d": { "e": [] } }));
        assert!(patch(&["=1".to_owned()]).is_err());
    }
}
