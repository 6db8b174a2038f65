//! Tidiness as ordinary tests: layout, size, forbidden calls, crate arrows, documents.
//!
//! Each test reports every violation of its rule at once. An exception needs a line with a reason in `tidy-allow.toml`,
//! and an exception that nothing needs any more is a violation too.

mod allow;
mod crates;
mod documents;
mod repo;
mod rust;
mod source;

/// One violation: the file, and what is wrong with it.
struct Violation {
    path: String,
    message: String,
}

impl Violation {
    fn new(path: &str, message: impl Into<String>) -> Violation {
        Violation { path: path.to_owned(), message: message.into() }
    }
}

/// Fails with all violations that are not allowed, and with all exceptions of this rule that are not needed.
#[track_caller]
fn judge(rule: &str, found: Vec<Violation>) {
    let entries = allow::entries(rule);
    let unneeded = entries
        .iter()
        .filter(|entry| !found.iter().any(|violation| violation.path == entry.path))
        .map(|entry| format!("tidy-allow.toml: {} needs no exception from {rule}", entry.path));
    let forbidden = found
        .iter()
        .filter(|violation| !entries.iter().any(|entry| entry.path == violation.path))
        .map(|violation| format!("{}: {}", violation.path, violation.message));
    let all: Vec<String> = forbidden.chain(unneeded).collect();
    assert!(all.is_empty(), "{} violations of {rule}:\n  {}\n", all.len(), all.join("\n  "));
}
