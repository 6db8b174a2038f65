//! The table of the host API for people.

use std::fmt::Write as _;

use super::{CALLS, HostCall};

/// The table of `docs/sandbox.md`, in Markdown.
pub fn markdown() -> String {
    let mut text = String::from("| Call | Number | Needs | Units | Does |\n|---|---|---|---|---|\n");
    for call in CALLS {
        let number = call.number().map_or_else(|| "-".to_owned(), |number| number.to_string());
        let HostCall { name, doc, units, signature, .. } = call;
        let signature = signature.replace('|', "\\|");
        let _ = writeln!(text, "| `{name}{signature}` | {number} | {} | {units} | {doc} |", needs(call)); // cannot fail
    }
    text
}

fn needs(call: &HostCall) -> String {
    call.needs.map_or_else(|| "-".to_owned(), |needs| needs.in_words())
}
