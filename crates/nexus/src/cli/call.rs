//! `nexus call VERB`: any operation of Nexus itself, with the flags of its input.

use clap::Args;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Effect;

use crate::cli::Global;
use crate::cli::line::{self, Noun};
use crate::cli::run::input;
use crate::client::{Client, described};
use crate::output::Output;

/// Flags.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// The operation, such as run.list; without it, all of them are listed
    operation: Option<String>,
    #[command(flatten)]
    pub(super) input: input::InputArgs,
}

/// Calls an operation and prints what it answers.
pub async fn call(global: &Global, args: &CallArgs, output: Output) -> Result<(), Error> {
    let Some(name) = &args.operation else { return list(global, output).await };
    let operation = described::catalogue(Client::operations(global, true).await?)?.verb(name)?;
    let input = args.input.made(Some(&operation.input))?;
    // What changes something must be carried out, if need be by this process.
    let client = match operation.effect {
        Effect::Read => Client::reading(global, output).await?,
        Effect::Write | Effect::Long => Client::executing(global, output).await?,
    };
    let answer = match operation.effect {
        Effect::Long => client.long(name, input).await,
        Effect::Read | Effect::Write => client.verb(name, input).await,
    };
    client.close().await?;
    let told = |error| {
        if output.is_json() {
            error
        } else {
            line::with_flag_names(error, Noun::Call, name, &operation.input)
        }
    };
    output.value(&answer.map_err(told)?);
    Ok(())
}

async fn list(global: &Global, output: Output) -> Result<(), Error> {
    let operations = Client::operations(global, true).await?;
    let verbs = operations.iter().filter(|operation| !operation.is_workflow());
    if output.is_json() {
        let shown = verbs.map(|verb| {
            serde_json::json!({ "name": verb.name, "title": verb.title, "doc": verb.doc, "effect": verb.effect,
                "input": verb.input, "output": verb.output })
        });
        output.json(&serde_json::json!({ "operations": shown.collect::<Vec<_>>() }));
        return Ok(());
    }
    let rows = verbs.map(|verb| {
        let effect = if verb.effect == Effect::Read { "read" } else { "write" };
        vec![verb.name.clone(), effect.to_owned(), verb.title.clone()]
    });
    output.table(&["OPERATION", "EFFECT", "WHAT IT DOES"], rows.collect());
    output.note("nexus call OPERATION --help shows its flags");
    Ok(())
}
