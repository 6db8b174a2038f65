//! Questions about a run's program that change nothing: queries, and whether a message fits.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_lang::twf::ast::HandlerKind;
use nexus_lang::twf::machine::{Machine, MessageError, QueryError, check_message};

use crate::definition::Definition;

/// Answers a query from a program's state. What the handler writes is not kept.
pub(crate) fn answer(
    machine: &Machine,
    definition: &Definition,
    (name, input): (&str, &Json),
) -> Result<Json, Error> {
    let workflow = machine.info().workflow_type.as_str();
    if let Some(error) = unfit(definition, workflow, (HandlerKind::Query, name), input) {
        return Err(error);
    }
    machine.query(&definition.program, name, input).map_err(|error| match error {
        QueryError::Fault(fault) => {
            let failure = Failure {
                at: Some(definition.place(fault.span)),
                ..Failure::new(FailureKind::Application, fault.code, fault.message).final_()
            };
            let message = format!("query {name} failed: {}", failure.message);
            Error::new(&code::QUERY_FAILED, message).failure(failure)
        }
        other => Error::new(&code::INPUT_INVALID, other.to_string()),
    })
}

/// Why a message does not fit a workflow, if it does not.
pub(crate) fn unfit(
    definition: &Definition,
    workflow: &str,
    (kind, name): (HandlerKind, &str),
    input: &Json,
) -> Option<Error> {
    let noun = noun(kind);
    Some(match check_message(&definition.program, workflow, (kind, name), input).err()? {
        MessageError::NotFound { suggestion, known } => {
            let error = Error::new(&code::HANDLER_UNKNOWN, format!("{workflow} declares no {noun} {name:?}"));
            error.help(match (suggestion, known.as_slice()) {
                (Some(near), _) => near,
                (None, []) => format!("{workflow} declares none at all"),
                (None, known) => format!("it declares {}", known.join(", ")),
            })
        }
        MessageError::Input(error) => {
            let message = format!("the input does not fit {noun} {name} of {workflow}");
            let unfit = Error::new(&code::INPUT_INVALID, message).fault(error.path, error.message);
            match error.suggestion {
                Some(near) => unfit.help(near),
                None => unfit.help(format!("`nexus workflow show {workflow}` shows its parameters")),
            }
        }
    })
}

/// The word for a kind of message.
pub(crate) fn noun(kind: HandlerKind) -> &'static str {
    match kind {
        HandlerKind::Signal => "signal",
        HandlerKind::Query => "query",
        HandlerKind::Update => "update",
    }
}
