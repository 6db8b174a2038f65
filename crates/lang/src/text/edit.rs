//! Changing a text: fixes of diagnostics, applied together.

use std::collections::BTreeMap;

use crate::text::diagnostic::{Edit, Fix};

/// Rounds of [`settle`] at most: old forms inside old forms take one round a level.
pub const ROUNDS_MAX: usize = 200;

/// A text after fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// Titles of the fixes that were applied, in the order of their places.
    pub applied: Vec<String>,
    /// How many were left out: they overlap one that was applied, or point outside of the text.
    pub left_out: usize,
}

/// Applies fixes to the text they were made for. A fix is applied as a whole or not at all; of two that overlap the
/// earlier one is.
pub fn apply<'f>(text: &str, fixes: impl IntoIterator<Item = &'f Fix>) -> Edited {
    let mut fixes: Vec<&Fix> = fixes.into_iter().collect();
    fixes.sort_by_key(|fix| fix.edits.iter().map(|edit| edit.span.start).min());
    let mut taken = Taken::default();
    let mut applied = Vec::new();
    let mut left_out = 0;
    for fix in fixes {
        if taken.take(text, fix) {
            applied.push(fix.title.clone());
        } else {
            left_out += 1;
        }
    }
    Edited { text: taken.write(text), applied, left_out }
}

/// A text that has no fixes left, or has had as many rounds as it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The new text.
    pub text: String,
    /// How many fixes were applied.
    pub fixes: usize,
    /// Whether fixes were left when the rounds were over.
    pub is_unfinished: bool,
}

/// Applies the fixes that `find` sees in a text, then those that it sees in the new text, until it sees none.
pub fn settle(text: &str, mut find: impl FnMut(&str) -> Vec<Fix>) -> Settled {
    let mut settled = Settled { text: text.to_string(), fixes: 0, is_unfinished: false };
    for _ in 0..ROUNDS_MAX {
        let fixes = find(&settled.text);
        if fixes.is_empty() {
            return settled;
        }
        let edited = apply(&settled.text, &fixes);
        settled.fixes += edited.applied.len();
        // Fixes that change nothing would be found for ever.
        if edited.text == settled.text {
            break;
        }
        settled.text = edited.text;
    }
    settled.is_unfinished = true;
    settled
}

/// Places that will be replaced, by where they begin. Nothing begins twice at one place: which of two insertions comes
/// first would be anybody's guess.
#[derive(Default)]
struct Taken<'f> {
    by_start: BTreeMap<usize, (usize, &'f str)>,
}

impl<'f> Taken<'f> {
    /// Takes the places of a fix, all of them or none.
    fn take(&mut self, text: &str, fix: &'f Fix) -> bool {
        let mut done = Vec::with_capacity(fix.edits.len());
        for edit in &fix.edits {
            let Some(start) = self.take_one(text, edit) else {
                for start in done {
                    self.by_start.remove(&start);
                }
                return false;
            };
            done.push(start);
        }
        !done.is_empty()
    }

    fn take_one(&mut self, text: &str, edit: &'f Edit) -> Option<usize> {
        let (start, end) = (edit.span.start as usize, edit.span.end as usize);
        text.get(start..end)?;
        let before = self.by_start.range(..=start).next_back();
        let after = self.by_start.range(start..).next();
        let is_free = before.is_none_or(|(from, (to, _))| *to <= start && *from < start)
            && after.is_none_or(|(from, _)| end <= *from);
        is_free.then(|| {
            self.by_start.insert(start, (end, &edit.replacement));
            start
        })
    }

    fn write(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (start, (end, replacement)) in &self.by_start {
            out.push_str(text.get(at..*start).unwrap_or(""));
            out.push_str(replacement);
            at = *end;
        }
        out.push_str(text.get(at..).unwrap_or(""));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::{SourceId, Span, offset};

    fn fix(edits: &[(u32, u32, &str)]) -> Fix {
        let edit = |(start, end, text): &(u32, u32, &str)| Edit {
            span: Span { source: SourceId(0), start: *start, end: *end },
            replacement: (*text).to_string(),
        };
        Fix { title: edits[0].2.to_string(), edits: edits.iter().map(edit).collect(), is_guess: false }
    }

    #[test]
    fn fixes_are_applied_from_the_first_place_and_together() {
        let fixes = [fix(&[(6, 7, "G")]), fix(&[(0, 1, "A"), (2, 3, "C")]), fix(&[(4, 4, "+")])];
        let edited = apply("abcdefgh", &fixes);
        assert_eq!((edited.text.as_str(), edited.left_out), ("AbCd+efGh", 0));
        assert_eq!(edited.applied, ["A", "+", "G"]);
    }

    #[test]
    fn of_two_that_overlap_the_earlier_one_is_applied_and_the_other_left_out_whole() {
        let fixes = [fix(&[(2, 5, "X"), (7, 8, "Y")]), fix(&[(0, 3, "Z")]), fix(&[(5, 6, "W")])];
        let edited = apply("abcdefgh", &fixes);
        assert_eq!((edited.text.as_str(), edited.left_out), ("ZdeWgh", 1));
        // Two insertions at one place, an insertion inside, one at either end.
        assert_eq!(apply("ab", &[fix(&[(1, 1, "x")]), fix(&[(1, 1, "y")])]).text, "axb");
        assert_eq!(apply("abcd", &[fix(&[(1, 3, "x")]), fix(&[(2, 2, "y")])]).text, "axd");
        assert_eq!(apply("abcd", &[fix(&[(1, 3, "x")]), fix(&[(3, 3, "y")])]).text, "axyd");
    }

    #[test]
    fn places_outside_of_the_text_are_left_out() {
        let fixes = [fix(&[(0, 1, "A"), (9, 10, "B")]), fix(&[(1, 2, "C")]), fix(&[(2, 1, "D")])];
        let edited = apply("ä", &fixes);
        assert_eq!((edited.text.as_str(), edited.left_out), ("ä", 3));
    }

    #[test]
    fn fixing_goes_on_until_nothing_is_left() {
        let shorten = |text: &str| match text.find("aa") {
            Some(at) => vec![fix(&[(offset(at), offset(at + 2), "a")])],
            None => Vec::new(),
        };
        let settled = settle("aaaaab", shorten);
        assert_eq!((settled.text.as_str(), settled.fixes, settled.is_unfinished), ("ab", 4, false));
        let endless = settle("a", |_| vec![fix(&[(0, 0, "a")])]);
        assert!(endless.is_unfinished && endless.text.len() == ROUNDS_MAX + 1);
        assert!(settle("a", |_| vec![fix(&[(0, 1, "a")])]).is_unfinished);
    }
}
