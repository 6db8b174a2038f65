//! Changes to a text, and the way back from the changed text to the one as it was.

/// Replaces `start..end` (bytes of the text as it was) by something else.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) put: Put,
}

/// What is put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Put {
    /// This text.
    Text(String),
    /// What another module exports under a name; the whole object of its exports without one.
    Export { dep: usize, name: Option<String>, form: Form },
    /// The promise of an `import(...)`.
    Later { dep: usize },
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// An expression.
    Plain,
    /// What is called: the exports must not become `this`.
    Called,
    /// The same at the start of a statement, where a bracket could go on with the statement before.
    Started,
    /// `{ name }` becomes `{ name: value }`.
    Shorthand(String),
}

/// A stretch of changed text: where it begins there, and where what it was made from begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) to: usize,
    pub(crate) from: usize,
    pub(crate) is_copy: bool,
}

/// Makes the changes. `render` says what is put in. Changes inside of an earlier one are part of it and left out.
pub(crate) fn apply(text: &str, edits: &[Edit], render: impl Fn(&Put) -> String) -> (String, Vec<Stretch>) {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.start, usize::MAX - edit.end));
    let mut out = String::with_capacity(text.len() + edits.len() * 8);
    let mut stretches = Vec::with_capacity(edits.len() * 2 + 1);
    let mut at = 0;
    for edit in sorted {
        if edit.start < at {
            continue;
        }
        stretches.push(Stretch { to: out.len(), from: at, is_copy: true });
        out.push_str(text.get(at..edit.start).unwrap_or_default());
        stretches.push(Stretch { to: out.len(), from: edit.start, is_copy: false });
        out.push_str(&render(&edit.put));
        at = edit.end;
    }
    stretches.push(Stretch { to: out.len(), from: at, is_copy: true });
    out.push_str(text.get(at..).unwrap_or_default());
    (out, stretches)
}

/// The byte of the text as it was that a byte of the changed text comes from.
pub(crate) fn origin(stretches: &[Stretch], at: usize) -> usize {
    let next = stretches.partition_point(|stretch| stretch.to <= at);
    let Some(stretch) = next.checked_sub(1).and_then(|index| stretches.get(index)) else { return 0 };
    if stretch.is_copy { stretch.from + (at - stretch.to) } else { stretch.from }
}

/// Line and column (in characters) of a byte, both from 1.
pub(crate) fn place(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// The byte of a line and column (in characters), both from 1.
pub(crate) fn byte(text: &str, line: u32, column: u32) -> usize {
    let lines_before = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let start: usize = text.split_inclusive('\n').take(lines_before).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let column = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edits(text: &str, cuts: &[(usize, usize, String)]) -> Vec<Edit> {
        let edit = |(start, len, put): &(usize, usize, String)| {
            let start = start % (text.len() + 1);
            Edit { start, end: (start + len).min(text.len()), put: Put::Text(put.clone()) }
        };
        cuts.iter().map(edit).collect()
    }

    fn text_of(put: &Put) -> String {
        match put {
            Put::Text(text) => text.clone(),
            _ => String::new(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_copied_byte_is_found_again(
            text in "[a-z\n]{0,60}",
            cuts in prop::collection::vec((0_usize..60, 0_usize..5, "[A-Z]{0,4}"), 0..8),
        ) {
            let (out, stretches) = apply(&text, &edits(&text, &cuts), text_of);
            for (at, byte) in out.bytes().enumerate() {
                if byte.is_ascii_lowercase() {
                    prop_assert_eq!(text.as_bytes()[origin(&stretches, at)], byte);
                }
            }
        }

        #[test]
        fn places_and_bytes_are_each_other_s_inverse(text in "[aä\n]{0,40}", at in 0_usize..40) {
            let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let (line, column) = place(&text, at);
            prop_assert_eq!(byte(&text, line, column), at);
        }
    }
}
