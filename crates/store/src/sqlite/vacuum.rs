//! Giving deleted pages back to the disk, in small steps between two groups.

use rusqlite::Connection;

/// Free pages (4 MiB) that are kept for what is written next.
const FREE_PAGES_KEPT: i64 = 1_000;

/// Pages that one step gives back: some milliseconds.
const STEP_PAGES: i64 = 256;

/// One step, if there is enough to give back. The file itself becomes shorter with the next checkpoint.
pub(crate) fn step(connection: &Connection) -> rusqlite::Result<()> {
    let mut free = connection.prepare_cached("PRAGMA freelist_count")?;
    let free: i64 = free.query_row([], |row| row.get(0))?;
    if free <= FREE_PAGES_KEPT {
        return Ok(());
    }
    let mut step = connection.prepare(&format!("PRAGMA incremental_vacuum({STEP_PAGES})"))?;
    // Each row is a page that was given back.
    let mut pages = step.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}
