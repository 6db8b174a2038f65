//! The room on the disk that a data folder lies on. A full disk stops a server, so it is told before.

use std::path::Path;

/// A disk with less room than this, in bytes, may not hold the next write-ahead log.
pub const FREE_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// How many bytes are free for us, or why that cannot be said.
pub fn free_bytes(folder: &Path) -> Result<u64, String> {
    let disk = rustix::fs::statvfs(folder).map_err(|error| format!("the disk cannot be asked: {error}"))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Whether there is room, for `/health`.
pub fn check(folder: &Path) -> Result<(), String> {
    match free_bytes(folder)? {
        free if free < FREE_BYTES_MIN => Err(format!("only {} MiB are free on the disk", free >> 20)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_there_has_a_disk() {
        assert!(free_bytes(Path::new(".")).unwrap() > 0);
        assert!(free_bytes(Path::new("no/such/folder")).unwrap_err().contains("cannot be asked"));
    }
}
