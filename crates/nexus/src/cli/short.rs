//! `nexus list`, `describe`, `schema` and `validate`: what can be called, and what it takes. Nothing is run.

use std::sync::Arc;

use clap::{Args, CommandFactory as _, ValueEnum};
use nexus_gateway::{Pipeline, Target};
use nexus_kernel::Json;
use nexus_kernel::call::Channel;
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::port::rng::SystemRng;
use serde_json::json;

use crate::cli::line::{self, Noun};
use crate::cli::run::input::InputArgs;
use crate::cli::{Cli, Global};
use crate::client::{Client, described};
use crate::flags::{Flag, arg, spell, value};
use crate::output::Output;

/// Flags.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only workflows in this namespace
    #[arg(long)]
    namespace: Option<String>,
}

/// Flags.
#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// The workflow, `Name` or `namespace/Name`, or an operation of Nexus itself, such as run.list
    workflow: String,
}

/// Flags.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The workflow, `Name` or `namespace/Name`, or an operation of Nexus itself, such as run.list
    workflow: String,
    /// Only that of the input, or of the output
    #[arg(long, value_enum)]
    of: Option<Side>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Side {
    Input,
    Output,
}

/// Flags.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The workflow, `Name` or `namespace/Name`
    workflow: String,
    #[command(flatten)]
    pub(super) input: InputArgs,
}

async fn catalogue(global: &Global) -> Result<Catalogue, Error> {
    described::catalogue(Client::operations(global, false).await?)
}

/// A workflow, or else a verb.
async fn find(global: &Global, name: &str) -> Result<Arc<Operation>, Error> {
    let catalogue = match Client::operations(global, false).await {
        Ok(operations) => described::catalogue(operations)?,
        // Verbs are known without a project.
        Err(error) => return described::catalogue(described::verbs())?.verb(name).map_err(|_| error),
    };
    catalogue.verb(name).or_else(|_| catalogue.workflow(name))
}

/// Lists workflows.
pub async fn list(global: &Global, args: &ListArgs, output: Output) -> Result<(), Error> {
    let catalogue = catalogue(global).await?.snapshot();
    let fits = |operation: &&Arc<Operation>| {
        let namespace = operation.namespace.as_ref().map(nexus_kernel::id::Namespace::as_str);
        namespace.is_some() && args.namespace.as_deref().is_none_or(|wanted| namespace == Some(wanted))
    };
    let found: Vec<&Arc<Operation>> = catalogue.iter().filter(fits).collect();
    if output.is_json() {
        output.json(&json!({ "workflows": found.iter().map(|it| about(it)).collect::<Vec<_>>() }));
        return Ok(());
    }
    if found.is_empty() {
        output.note("no workflows; write one in workflows/*.twf");
        return Ok(());
    }
    let row = |operation: &&Arc<Operation>| {
        let namespace = operation.namespace.as_ref().map(ToString::to_string).unwrap_or_default();
        let mark = if operation.contract.deprecated.is_some() { " (deprecated)" } else { "" };
        vec![operation.name.clone(), namespace, format!("{}{mark}", operation.title)]
    };
    output.table(&["WORKFLOW", "NAMESPACE", "ABOUT"], found.iter().map(row).collect());
    output.note("nexus run WORKFLOW --help shows its flags");
    Ok(())
}

/// What is told of an operation beside its schemas.
fn about(operation: &Operation) -> Json {
    json!({
        "name": operation.name,
        "namespace": operation.namespace.as_ref().map(ToString::to_string),
        "title": operation.title,
        "doc": operation.doc,
        "effect": operation.effect,
        "defined_at": operation.defined_at,
        "deprecated": operation.contract.deprecated,
        "tags": operation.contract.tags,
    })
}

/// Describes one operation.
pub async fn describe(global: &Global, args: &DescribeArgs, output: Output) -> Result<(), Error> {
    let operation = find(global, &args.workflow).await?;
    if output.is_json() {
        let mut told = about(&operation);
        if let Some(fields) = told.as_object_mut() {
            fields.insert("input".into(), operation.input.clone());
            fields.insert("output".into(), operation.output.clone());
        }
        output.json(&told);
        return Ok(());
    }
    let noun = if operation.is_workflow() { Noun::Run } else { Noun::Call };
    let flags = line::flags_of(&Cli::command(), noun, &operation.input);
    output.text(&operation.id());
    if let Some(why) = &operation.contract.deprecated {
        output.text(&format!("deprecated: {why}"));
    }
    for text in [&operation.doc, operation.defined_at.as_ref().unwrap_or(&String::new())] {
        if !text.is_empty() {
            output.text(text);
        }
    }
    output.text("");
    if flags.is_empty() {
        output.note("it takes no input");
    } else {
        output.table(&["FLAG", "TAKES", "DEFAULT", "ABOUT"], flags.iter().map(row).collect());
    }
    for example in &operation.contract.examples {
        let Some(input) = example.input.as_object() else { continue };
        let words = spell::line(&spell::words(&flags, input));
        output.text(&format!("\n{}\n  $ nexus {} {} {words}", example.title, noun.words(), args.workflow));
    }
    Ok(())
}

fn row(flag: &Flag) -> Vec<String> {
    let default = match &flag.default {
        _ if flag.required && flag.path.len() == 1 => "(required)".to_owned(),
        Some(default) if !flag.secret => value::shown(default),
        _ => "-".to_owned(),
    };
    let doc = flag.doc.lines().next().unwrap_or_default().to_owned();
    vec![flag.shown(), arg::value_name(&flag.shape), default, doc]
}

/// Prints the schemas of an operation.
pub async fn schema(global: &Global, args: &SchemaArgs, output: Output) -> Result<(), Error> {
    let operation = find(global, &args.workflow).await?;
    match args.of {
        Some(Side::Input) => output.json(&operation.input),
        Some(Side::Output) => output.json(&operation.output),
        None => output.json(&json!({ "input": operation.input, "output": operation.output })),
    }
    Ok(())
}

/// Checks an input as a call would, and calls nothing.
pub async fn validate(global: &Global, args: &ValidateArgs, output: Output) -> Result<(), Error> {
    let catalogue = catalogue(global).await?;
    let operation = catalogue.workflow(&args.workflow)?;
    let input = args.input.made(Some(&operation.input))?;
    let pipeline = Pipeline::new(catalogue, Arc::new(SystemClock), Arc::new(SystemRng));
    // Operations that are only described are checked like any others, and do nothing then.
    let checked =
        pipeline.call(Target::Workflow(&args.workflow), input.clone(), pipeline.context(Channel::Cli));
    let told = |error: Error| {
        let is_typed = args.input.is_typed() && !output.is_json() && error.code() == &code::INPUT_INVALID;
        if is_typed {
            line::with_flag_names(error, Noun::Validate, &args.workflow, &operation.input)
        } else {
            error
        }
    };
    checked.await.map_err(told)?;
    output.json(&input);
    output.note(&format!("fits {}; nothing was started", operation.id()));
    Ok(())
}
