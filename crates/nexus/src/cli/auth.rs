//! `nexus auth explain|whoami`: who may do what, and why.

use std::io::Read as _;

use clap::Subcommand;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::{Map, json};

use crate::cli::Global;
use crate::client::Client;
use crate::output::Output;

/// What can be asked about callers.
#[derive(Debug, Subcommand)]
pub enum AuthVerb {
    /// Say whether somebody may call an operation, and why
    Explain {
        /// key:ID, role:NAME, certificate:NAME, anonymous, me, or token:FILE (token:- reads a token from standard input)
        caller: String,
        /// A verb such as run.cancel, or a workflow
        operation: String,
        /// Where
        #[arg(long, value_name = "NAMESPACE")]
        namespace: Option<String>,
        /// The workflow, schedule or queue that it would be done to
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Show whom the server takes you for, and what you may do
    Whoami,
}

/// Carries the command out.
pub async fn auth(global: &Global, verb: AuthVerb, output: Output) -> Result<(), Error> {
    let client = Client::reading(global, output).await?;
    let done = carry_out(&client, verb, output).await;
    client.close().await?;
    done
}

async fn carry_out(client: &Client, verb: AuthVerb, output: Output) -> Result<(), Error> {
    match verb {
        AuthVerb::Whoami => output.value(&client.verb("auth.whoami", json!({})).await?),
        AuthVerb::Explain { caller, operation, namespace, name } => {
            let mut input = Map::from_iter([("operation".to_owned(), operation.into())]);
            match caller.split_once(':') {
                Some(("token", file)) => drop(input.insert("token".into(), token(file)?.into())),
                _ if caller == "me" => {}
                _ => drop(input.insert("caller".into(), caller.into())),
            }
            for (field, given) in [("namespace", namespace), ("name", name)] {
                input.extend(given.map(|given| (field.to_owned(), given.into())));
            }
            told(&client.verb("auth.explain", Json::Object(input)).await?, output);
        }
    }
    Ok(())
}

/// The token in a file. It is never given on the command line, where others could see it.
fn token(file: &str) -> Result<String, Error> {
    let read = if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    read.map(|text| text.trim().to_owned()).map_err(|error| {
        Error::new(&code::INPUT_INVALID, format!("{file} cannot be read: {error}"))
            .help("give token:FILE, or token:- and the token on standard input")
    })
}

/// The answer first, then what it rests on.
fn told(explained: &Json, output: Output) {
    if output.is_json() {
        output.json(explained);
        return;
    }
    let text = |name: &str| explained.get(name).and_then(Json::as_str).unwrap_or_default();
    output.text(text("explanation"));
    for (label, name) in [("caller", "caller"), ("operation", "operation"), ("needs", "needs")] {
        output.text(&format!("  {label:<10} {}", text(name)));
    }
    let grants = explained.get("grants").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut label = "grants";
    for grant in grants.iter().filter_map(Json::as_str) {
        output.text(&format!("  {label:<10} {grant}"));
        label = "";
    }
    if grants.is_empty() {
        output.text("  grants     none");
    }
}
