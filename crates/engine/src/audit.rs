//! Whether what is stored of a key fits together: its records, the list of runs, the mark of work to do.

use nexus_kernel::id::Key;
use nexus_kernel::port::log::Stored;
use nexus_kernel::port::runs::RunRow;
use nexus_kernel::visibility::Attributes;

use crate::state::KeyState;

/// Compares a key's records with its rows, and tells what does not fit. Search attributes are left to the store, which
/// knows their types.
pub fn key(key: &Key, live: bool, records: &[Stored], rows: &[RunRow]) -> Vec<String> {
    let state = match KeyState::fold(&key.namespace, records) {
        Ok(state) => state,
        Err(why) => return vec![format!("{key}: its records cannot be read: {why}")],
    };
    let mut misfits = Vec::new();
    if state.is_live() != live {
        let (is, marked) = if live { ("no", "work") } else { ("", "none") };
        misfits.push(format!("{key}: it has {is} work to do, but is marked as having {marked}"));
    }
    for run in &state.runs {
        let Some(row) = rows.iter().find(|row| row.run_id == run.run_id) else {
            misfits.push(format!("{key}: the run {} is not listed", run.run_id));
            continue;
        };
        let expected = run.row(key, Attributes::default());
        let actual = RunRow { attributes: expected.attributes.clone(), ..row.clone() };
        if actual != expected && !is_late_note(&actual, &expected) {
            misfits.push(format!(
                "{key}: the list says something else of the run {} than its records",
                run.run_id
            ));
        }
    }
    for row in rows.iter().filter(|row| state.run(&row.run_id).is_none()) {
        misfits.push(format!("{key}: the run {} is listed, but its records are gone", row.run_id));
    }
    misfits
}

/// A closed run's size was written when it closed; acknowledgements that came later add records, not events.
fn is_late_note(actual: &RunRow, expected: &RunRow) -> bool {
    let (Some(before), Some(after)) = (actual.history, expected.history) else { return false };
    let same_size = RunRow { history: expected.history, ..actual.clone() };
    same_size == *expected
        && before.events == after.events
        && before.bytes <= after.bytes
        && before.transitions <= after.transitions
}
