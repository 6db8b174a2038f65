//! Exceptions, each with a reason, counted.

use std::sync::LazyLock;

use super::repo;

/// Rules that may have exceptions.
const RULES: &[&str] =
    &["file_lines", "function_lines", "forbidden_call", "module_doc", "serialize", "machine_path", "host"];

/// One exception.
pub(crate) struct Entry {
    rule: String,
    /// The file it is for.
    pub(crate) path: String,
    reason: String,
}

struct Allowed {
    count: i64,
    entries: Vec<Entry>,
}

static ALLOWED: LazyLock<Allowed> = LazyLock::new(|| {
    let table: toml::Table = repo::text("tidy-allow.toml").parse().expect("tidy-allow.toml is TOML");
    let text = |entry: &toml::Value, key: &str| {
        entry
            .get(key)
            .and_then(toml::Value::as_str)
            .unwrap_or_else(|| panic!("{entry:?} has no {key}"))
            .to_owned()
    };
    let list = table.get("allow").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let entries = list
        .iter()
        .map(|entry| Entry {
            rule: text(entry, "rule"),
            path: text(entry, "path"),
            reason: text(entry, "reason"),
        })
        .collect();
    Allowed { count: table.get("count").and_then(toml::Value::as_integer).unwrap_or(0), entries }
});

/// The exceptions from a rule.
pub(crate) fn entries(rule: &str) -> Vec<&'static Entry> {
    assert!(RULES.contains(&rule), "{rule} has no exceptions: add it to RULES");
    ALLOWED.entries.iter().filter(|entry| entry.rule == rule).collect()
}

#[test]
fn exceptions_are_counted_and_have_reasons() {
    let allowed = &*ALLOWED;
    assert_eq!(
        i64::try_from(allowed.entries.len()),
        Ok(allowed.count),
        "`count` in tidy-allow.toml is wrong"
    );
    for entry in &allowed.entries {
        assert!(RULES.contains(&entry.rule.as_str()), "{}: there is no rule {}", entry.path, entry.rule);
        assert!(entry.reason.len() >= 20, "{}: {:?} is no reason", entry.path, entry.reason);
    }
}
