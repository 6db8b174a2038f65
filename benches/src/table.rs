//! Figures of durable work as rows of a table, each printed when it is known.

use crate::out;

/// How every figure of durable work was made durable: the store has no other way.
const SYNC: &str = "SQLite WAL FULL";

/// The head of the table.
pub(crate) fn head() {
    line("WHAT", "FIGURE", "TO HOLD", "SYNC");
}

/// One figure, and what it has to hold when there is such a line.
pub(crate) fn row(what: &str, figure: &str, to_hold: &str) {
    line(what, figure, if to_hold.is_empty() { "-" } else { to_hold }, SYNC);
}

/// A figure that the store has no part in.
pub(crate) fn raw(what: &str, figure: &str) {
    line(what, figure, "-", "fdatasync");
}

fn line(what: &str, figure: &str, to_hold: &str, sync: &str) {
    out(&format!("{what:<36}  {figure:<68}  {to_hold:<40}  {sync}"));
}
