//! JSON Schemas of operations: whether one is sound, and whether a value fits it.

use jsonschema::{Draft, PatternOptions, Validator};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;

use crate::limits::FAULTS_MAX;
use crate::stage::faults;

/// A validator of 2020-12. Patterns run on the engine that takes linear time, and nothing is fetched: a schema is data,
/// not trusted code.
pub(crate) fn compile(schema: &Json) -> Result<Validator, String> {
    let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
    let options = options.offline().with_pattern_options(PatternOptions::regex());
    options.build(schema).map_err(|error| error.to_string())
}

/// Whether a schema that somebody has written is one.
pub fn check(schema: &Json) -> Result<(), Error> {
    compile(schema).map(|_| ()).map_err(|why| {
        Error::new(&code::CONFIG_INVALID, format!("the schema is not valid: {why}"))
            .help("the keywords are those of JSON Schema 2020-12")
    })
}

/// Whether a value that somebody has written fits a schema, with every fault and its place. `what` begins the message.
pub fn fits(schema: &Json, value: &Json, what: &str) -> Result<(), Error> {
    let validator = compile(schema).map_err(Error::internal)?;
    let found = faults::of(validator.iter_errors(value), schema);
    let Some(first) = found.first() else { return Ok(()) };
    let place = if first.at.is_empty() { String::new() } else { format!("{} ", first.at) };
    let message = format!("{what} does not fit the schema: {place}{}", first.message);
    let error =
        Error::new(&code::INPUT_INVALID, message).help("change the value, or the type that it is to have");
    Err(found.into_iter().take(FAULTS_MAX).fold(error, |error, fault| error.fault(fault.at, fault.message)))
}
