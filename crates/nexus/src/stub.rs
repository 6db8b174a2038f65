//! `nexus run --stub`: a design tried out before anybody has written an activity.
//!
//! The project is compiled leniently; activities and operations that are not defined give made-up values of their
//! types, timers pass at once, and nothing is kept.

use nexus_engine::Definition;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::suggest;
use nexus_lang::text::diagnostic::Severity;
use nexus_lang::twf::program::{Program, WorkflowInfo};
use nexus_lang::twf::stub::{Outcome, StubError, StubHost};
use serde_json::json;

use crate::built::Report;
use crate::cli::Global;
use crate::output::Output;
use crate::project::Project;

/// Simulates one run and prints its result.
pub fn run(global: &Global, workflow: &str, input: Json, output: Output) -> Result<(), Error> {
    let project = Project::read(&global.project)?;
    let (definition, sources, diagnostics) = project.compile(true);
    let report = Report { sources, diagnostics, inputs: Vec::new() };
    if !output.is_json() {
        for text in report.render(|severity| severity == Severity::Error, output.has_color()) {
            output.note(&text);
        }
    }
    let definition = definition.ok_or_else(|| report.to_error())?;
    let program = &definition.program;
    let name = workflow.rsplit('/').next().unwrap_or(workflow);
    let found = program.workflow(name).ok_or_else(|| unknown(program, name))?;
    let input = complete(found, input);
    let mut host = StubHost::new(program);
    let outcome = host.run(name, &input).map_err(|error| stopped(&definition, error))?;
    output.note(&format!("simulated: {} workflow tasks, nothing was kept", host.batches().len()));
    match outcome {
        Outcome::Completed(result) => {
            output.json(&result);
            Ok(())
        }
        Outcome::Failed(failure) | Outcome::Canceled(failure) => Err(Error::new(
            &code::RUN_FAILED,
            format!("{name} failed: {}: {}", failure.type_name, failure.message),
        )
        .help("a simulation follows the same branches for the same made-up values")),
        Outcome::Waiting(reasons) => Err(Error::new(
            &code::RUN_BLOCKED,
            format!("{name} waits for what a simulation cannot give: {}", reasons.join("; ")),
        )
        .help("messages come from outside; a simulation has no outside")),
    }
}

/// A parameter of a type that nobody has declared may be anything: left out, it is an empty object, whose fields read
/// as null. One of a declared type must be given.
fn complete(workflow: &WorkflowInfo, input: Json) -> Json {
    let Json::Object(mut fields) = input else { return input };
    let properties = workflow.input_schema.get("properties");
    for param in workflow.params.iter().filter(|param| param.required) {
        let schema = properties.and_then(|properties| properties.get(&param.name));
        let is_declared = schema
            .is_some_and(|schema| ["type", "$ref", "anyOf"].iter().any(|key| schema.get(key).is_some()));
        if !is_declared && !fields.contains_key(&param.name) {
            fields.insert(param.name.clone(), json!({}));
        }
    }
    Json::Object(fields)
}

fn unknown(program: &Program, name: &str) -> Error {
    let names: Vec<_> = program.workflows().map(|workflow| workflow.name.as_str()).collect();
    let error = Error::new(&code::WORKFLOW_UNKNOWN, format!("there is no workflow {name:?}"));
    match suggest::nearest(name, names.iter().copied()) {
        Some(near) => error.help(format!("did you mean {near:?}?")),
        None => error.help(format!("there are {}", names.join(", "))),
    }
}

fn stopped(definition: &Definition, error: StubError) -> Error {
    match error {
        StubError::Input(error) => Error::new(&code::INPUT_INVALID, "the input does not fit")
            .fault(error.path.clone(), error.message.clone())
            .help("`nexus workflow show` prints the schema of the input"),
        StubError::Fault { workflow, fault } => {
            Error::new(&code::RUN_BLOCKED, format!("{workflow} cannot go on: {}", fault.message))
                .fault(definition.place(fault.span), format!("{} [{}]", fault.message, fault.code))
                .help("mend the line above, then try again")
        }
        StubError::TooLong(_) => Error::new(&code::RUN_BLOCKED, error.to_string())
            .help("a loop without an end runs for ever when its timers pass at once"),
    }
}
