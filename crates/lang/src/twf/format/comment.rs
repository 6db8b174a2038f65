//! Comments as they are written out.

/// A comment with one blank after its `#`. Those that begin `#!` stay, for they are addressed to a shell.
pub(super) fn text(comment: &str) -> String {
    let rest = comment.trim_start_matches('#');
    let signs = comment.get(..comment.len() - rest.len()).unwrap_or("");
    let is_spaced = rest.starts_with(char::is_whitespace) || rest.starts_with('!') || rest.is_empty();
    if is_spaced { comment.to_string() } else { format!("{signs} {rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_blank_follows_the_sign() {
        for (given, expected) in [
            ("#x", "# x"),
            ("# x", "# x"),
            ("#  x", "#  x"),
            ("#", "#"),
            ("##x", "## x"),
            ("####", "####"),
            ("#!x", "#!x"),
            ("#twf: a=b", "# twf: a=b"),
        ] {
            assert_eq!(text(given), expected);
        }
    }
}
