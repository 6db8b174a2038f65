//! Names of flags: the field's name in small letters with dashes, and what happens when that name is taken.

use std::collections::BTreeSet;

/// The names given so far.
pub(super) struct Names<'a> {
    taken: &'a BTreeSet<String>,
    whole: &'a str,
    given: BTreeSet<String>,
}

impl<'a> Names<'a> {
    /// Names in `taken` are the command's own; `whole` is what the input itself is called.
    pub(super) fn new(taken: &'a BTreeSet<String>, whole: &'a str) -> Names<'a> {
        Names { taken, whole, given: BTreeSet::new() }
    }

    /// The name of a field, and its own spelling when that is free too. A field whose name has no letter or digit,
    /// or whose names are all taken, has no flag.
    pub(super) fn of(&mut self, path: &[String]) -> Option<(String, Option<String>)> {
        let parts: Vec<String> = path.iter().map(|part| kebab(part)).collect();
        if parts.iter().any(String::is_empty) {
            return None;
        }
        let (dotted, raw) = (parts.join("."), path.join("."));
        let is_plain = is_plain(&raw);
        let name = self.take(&dotted).or_else(|| self.take(&raw).filter(|_| is_plain));
        let name = name.or_else(|| self.take(&format!("{}.{dotted}", self.whole)));
        let name = name.or_else(|| self.take(&format!("{}.{raw}", self.whole)).filter(|_| is_plain))?;
        let alias = if is_plain { self.take(&raw) } else { None };
        Some((name, alias))
    }

    /// The name itself, when nobody has it yet.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let is_free = !self.taken.contains(name) && self.given.insert(name.to_owned());
        is_free.then(|| name.to_owned())
    }
}

/// Whether a shell and a flag can hold it as it is.
fn is_plain(name: &str) -> bool {
    let fits = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    name.starts_with(char::is_alphanumeric) && name.chars().all(fits)
}

/// `orderId`, `order_id` and `Order ID` as `order-id`.
pub fn kebab(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut made = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        // A word begins at a capital after a small letter, and at the last capital of several before a small letter.
        let begins_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || before.is_uppercase() && after.is_some_and(|after| after.is_lowercase())
            });
        if (begins_word || !letter.is_alphanumeric()) && !made.is_empty() && !made.ends_with('-') {
            made.push('-');
        }
        if letter.is_alphanumeric() {
            made.extend(letter.to_lowercase());
        }
    }
    made.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_becomes_small_letters_with_dashes() {
        for (name, expected) in [
            ("orderId", "order-id"),
            ("order_id", "order-id"),
            ("Order ID", "order-id"),
            ("HTTPServer", "http-server"),
            ("v2Beta", "v2-beta"),
            ("__x__", "x"),
            ("a.b", "a-b"),
            ("--force", "force"),
            ("größe", "größe"),
            ("§", ""),
        ] {
            assert_eq!(kebab(name), expected);
        }
    }

    #[test]
    fn only_plain_spellings_are_kept_beside() {
        let taken = BTreeSet::new();
        let mut names = Names::new(&taken, "input");
        let of = |names: &mut Names<'_>, name: &str| names.of(&[name.to_owned()]);
        assert_eq!(of(&mut names, "orderId"), Some(("order-id".into(), Some("orderId".into()))));
        assert_eq!(of(&mut names, "a b"), Some(("a-b".into(), None)));
        assert_eq!(of(&mut names, "plain"), Some(("plain".into(), None)));
        assert_eq!(of(&mut names, "=="), None);
    }
}
