//! Every code that a diagnostic about a project can have: how grave, found by which stage, and whether a comment may
//! silence it.
//!
//! The codes of the language page, section 10, are kept word for word; the others are ours. Each has a page under
//! `docs/errors`.

mod table;

use crate::text::diagnostic::Severity;
pub use table::RULES;

/// Which stage finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleKind {
    /// Reading the text of one file.
    Parse,
    /// Looking up names.
    Resolve,
    /// Judging what was found.
    Validate,
    /// Following calls through the deployment.
    Graph,
    /// Looking for what is allowed and seldom meant.
    Lint,
    /// Joining workflows with what implements their activities.
    Project,
}

impl RuleKind {
    /// The word that people and programs read, for example `resolve`.
    pub fn word(self) -> &'static str {
        match self {
            RuleKind::Parse => "parse",
            RuleKind::Resolve => "resolve",
            RuleKind::Validate => "validate",
            RuleKind::Graph => "graph",
            RuleKind::Lint => "lint",
            RuleKind::Project => "project",
        }
    }
}

/// One code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable word, for example `UNDEFINED_ACTIVITY`.
    pub code: &'static str,
    /// The gravest that it is reported as; a few codes are weaker in places that cannot do harm.
    pub severity: Severity,
    /// Which stage finds it.
    pub kind: RuleKind,
    /// One line for people, lower case, without a full stop.
    pub title: &'static str,
    /// Whether `# twf:lint-ignore` silences it even where it is an error: what it says may be known to be wrong from
    /// outside of the files. Warnings and information can always be silenced.
    pub can_suppress: bool,
}

impl Rule {
    /// The rule of a code, by its exact spelling.
    pub fn find(code: &str) -> Option<&'static Rule> {
        let at = RULES.binary_search_by(|rule| rule.code.cmp(code)).ok()?;
        RULES.get(at)
    }

    /// All codes, for suggestions.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        RULES.iter().map(|rule| rule.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_unique_so_that_each_is_found() {
        assert!(RULES.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert!(RULES.iter().all(|rule| Rule::find(rule.code) == Some(rule)));
        assert_eq!(Rule::find("undefined_activity"), None);
    }

    #[test]
    fn titles_are_lines_for_people() {
        for rule in RULES {
            let first = rule.title.chars().next().unwrap();
            assert!(first.is_ascii_lowercase() || first == '`', "{}", rule.code);
            assert!(!rule.title.ends_with('.') && rule.title.len() < 90, "{}", rule.code);
        }
    }

    #[test]
    fn all_but_errors_can_be_suppressed() {
        for rule in RULES {
            assert!(rule.severity == Severity::Error || rule.can_suppress, "{}", rule.code);
            assert!(rule.kind != RuleKind::Parse || rule.severity != Severity::Error || !rule.can_suppress);
        }
    }
}
