//! Whether a message fits a workflow, before it is sent: the sender is told what a run would only log.

use serde_json::Value as Json;

use super::InputError;
use super::input::check_params;
use crate::text::suggest::did_you_mean;
use crate::twf::ast::HandlerKind;
use crate::twf::program::Program;

/// Why a message does not fit a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageError {
    /// The workflow declares no such handler.
    NotFound {
        /// What was likely meant.
        suggestion: Option<String>,
        /// What the workflow declares of this kind, in source order.
        known: Vec<String>,
    },
    /// The arguments do not fit its parameters.
    Input(InputError),
}

/// Checks a message against the handlers of a workflow: its name and its arguments, not its validator.
pub fn check_message(
    program: &Program,
    workflow: &str,
    (kind, name): (HandlerKind, &str),
    input: &Json,
) -> Result<(), MessageError> {
    let Some(code) = program.code(workflow) else {
        return Err(MessageError::NotFound { suggestion: None, known: Vec::new() });
    };
    let Some((_, handler)) = code.handler(kind, name) else {
        let known = code.handlers.iter().filter(|it| it.kind == kind).map(|it| &*it.name);
        let suggestion = did_you_mean(name, known.clone());
        return Err(MessageError::NotFound { suggestion, known: known.map(ToOwned::to_owned).collect() });
    };
    check_params(&handler.params, program.types(), input).map_err(MessageError::Input)
}
