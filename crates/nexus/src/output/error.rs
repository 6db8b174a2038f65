//! Errors on the terminal.

use std::fmt::Write as _;

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::json;

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const BLUE: &str = "\u{1b}[1;34m";
const GREEN: &str = "\u{1b}[1;32m";
const RESET: &str = "\u{1b}[0m";

fn paint(color: bool, code: &str, text: &str) -> String {
    if color { format!("{code}{text}{RESET}") } else { text.to_owned() }
}

/// Something doubtful for people.
pub(super) fn warning(error: &Error, color: bool) -> String {
    let mut text = format!("{}: {}", paint(color, YELLOW, "warning"), error.message());
    places(error, color, &mut text);
    if let Some(help) = error.help_text() {
        let _ = write!(text, "\n  {} {help}", paint(color, GREEN, "help:"));
    }
    text
}

fn places(error: &Error, color: bool, text: &mut String) {
    for fault in error.faults() {
        // Writing to a string cannot fail.
        let _ = if fault.message == error.message() {
            write!(text, "\n  {} {}", paint(color, BLUE, "-->"), place(&fault.at))
        } else {
            write!(text, "\n  {} {}: {}", paint(color, BLUE, "-->"), place(&fault.at), fault.message)
        };
    }
}

/// The error for people.
pub(super) fn text(error: &Error, color: bool) -> String {
    let paint = |code: &str, text: &str| paint(color, code, text);
    let mut text = format!("{}: {}", paint(RED, &format!("error[{}]", error.code().id)), error.message());
    places(error, color, &mut text);
    for (depth, cause) in error.failure_ref().iter().flat_map(|failure| failure.chain()).enumerate() {
        let at = cause.at.as_deref().map(|at| format!(" ({at})")).unwrap_or_default();
        let told = format!("{}: {}{at}", cause.type_name, cause.message);
        // A failure without causes is the message itself already.
        if depth == 0 && cause.cause.is_none() && error.message().ends_with(&told) {
            break;
        }
        let lead = if depth == 0 { "why" } else { "because" };
        let _ = write!(text, "\n  {} {told}", paint(BLUE, lead));
    }
    if let Some(help) = error.help_text() {
        let _ = write!(text, "\n  {} {help}", paint(GREEN, "help:"));
    }
    let _ = write!(text, "\n  {} nexus explain {}", paint(GREEN, "more:"), error.code().id);
    text
}

/// The whole input has the empty pointer, which a person would not see.
fn place(at: &str) -> &str {
    if at.is_empty() { "the input" } else { at }
}

/// The error for programs.
pub(super) fn json(error: &Error) -> Json {
    let faults: Vec<_> =
        error.faults().iter().map(|fault| json!({ "at": fault.at, "message": fault.message })).collect();
    let mut told = json!({
        "error": {
            "code": error.code().id,
            "title": error.code().title,
            "message": error.message(),
            "help": error.help_text(),
            "faults": faults,
            "failure": error.failure_ref(),
            "run_id": error.run_id(),
        }
    });
    if let (Some(seconds), Some(fields)) =
        (error.retry_seconds(), told.pointer_mut("/error").and_then(Json::as_object_mut))
    {
        fields.insert("retry_after".into(), seconds.into());
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::code;
    use nexus_kernel::failure::Failure;

    #[test]
    fn an_error_reads_from_what_to_why_to_what_to_do() {
        let error = Error::new(&code::INPUT_INVALID, "the input does not fit Checkout")
            .fault("/order/lines/0/quantity", "must be an integer")
            .help("see `nexus workflow show Checkout`");
        insta::assert_snapshot!(text(&error, false), @r"
        error[NX-2001]: the input does not fit Checkout
          --> /order/lines/0/quantity: must be an integer
          help: see `nexus workflow show Checkout`
          more: nexus explain NX-2001
        ");
    }

    #[test]
    fn nothing_is_said_twice() {
        let failure = Failure::application("CardDeclined", "insufficient funds");
        let message = "Checkout failed: CardDeclined: insufficient funds";
        let error = Error::new(&code::RUN_FAILED, message).failure(failure);
        insta::assert_snapshot!(text(&error, false), @r"
        error[NX-3001]: Checkout failed: CardDeclined: insufficient funds
          more: nexus explain NX-3001
        ");
    }

    #[test]
    fn a_failure_shows_its_causes() {
        let failure = Failure::application("ActivityFailure", "activity Charge failed")
            .caused_by(Failure::application("CardDeclined", "insufficient funds"));
        let error = Error::new(&code::RUN_FAILED, "Checkout failed").failure(failure);
        insta::assert_snapshot!(text(&error, false), @r"
        error[NX-3001]: Checkout failed
          why ActivityFailure: activity Charge failed
          because CardDeclined: insufficient funds
          more: nexus explain NX-3001
        ");
    }
}
