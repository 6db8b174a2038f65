//! "Did you mean": the nearest of a set of known names.

use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;

/// Names longer than this are not compared: the distance is quadratic in their length.
const NAME_CHARS_MAX: usize = 64;

/// Names that are compared at most: a file of a hundred thousand wrong names must not take hours.
const NAMES_MAX: usize = 5_000;

/// The known name that is nearest to a wrong one, when it is near enough to be a slip of the hand.
///
/// Near enough is one edit for every three characters, at least one; a name that differs in case only always
/// counts.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.is_empty() || wrong.chars().count() > NAME_CHARS_MAX {
        return None;
    }
    let limit = (wrong.chars().count() / 3).max(1);
    known
        .into_iter()
        .take(NAMES_MAX)
        .filter(|name| *name != wrong && name.len() <= NAME_CHARS_MAX)
        .filter(|name| name.len().abs_diff(wrong.len()) <= limit)
        .map(|name| (score(wrong, name), name))
        .filter(|(score, _)| *score <= limit)
        .min()
        .map(|(_, name)| name)
}

/// The nearest name as a help line: ``did you mean `X`?``.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(wrong, known).map(|name| format!("did you mean `{name}`?"))
}

/// Adds the nearest name to a diagnostic, as help and as a change of the wrong one.
pub fn propose<'a>(
    diagnostic: Diagnostic,
    span: Span,
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    match nearest(wrong, known) {
        Some(name) => diagnostic.help(format!("did you mean `{name}`?")).fix(
            span,
            name,
            format!("change it to `{name}`"),
        ),
        None => diagnostic,
    }
}

fn score(a: &str, b: &str) -> usize {
    if a.eq_ignore_ascii_case(b) { 0 } else { distance(a, b) }
}

/// Edits (insert, delete, replace, swap of neighbours) that turn one name into the other.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut older: Vec<usize> = Vec::new();
    let mut old: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&old, j + 1) + 1).min(at(&row, j) + 1).min(at(&old, j) + usize::from(x != y));
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&older, j - 1) + 1);
            }
            row.push(best);
        }
        older = old;
        old = row;
    }
    old.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits_and_swaps() {
        for (a, b, expected) in
            [("", "", 0), ("a", "", 1), ("abc", "abd", 1), ("form", "from", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["ValidateOrder", "ChargeCard", "Ship"];
        assert_eq!(nearest("ValidatOrder", known), Some("ValidateOrder"));
        assert_eq!(nearest("chargecard", known), Some("ChargeCard"));
        assert_eq!(nearest("Shpi", known), Some("Ship"));
        assert_eq!(nearest("Refund", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(1000), known), None);
        assert_eq!(did_you_mean("Sihp", known).as_deref(), Some("did you mean `Ship`?"));
    }
}
