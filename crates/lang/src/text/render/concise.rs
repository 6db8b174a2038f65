//! One line a diagnostic, as compilers have always written it and editors read it.

use crate::text::diagnostic::Diagnostic;
use crate::text::source::Sources;

/// `path:line:col: error[CODE]: message`; without a place only from `error` on.
pub fn concise(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let what = format!("{}[{}]: {}", diagnostic.severity, diagnostic.code, diagnostic.message);
    match diagnostic.span {
        Some(span) => format!("{}: {what}", sources.locate(span)),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::Span;

    #[test]
    fn a_line_tells_place_weight_code_and_message() {
        let mut sources = Sources::new();
        let source = sources.add("a.twf", "one\ntwo\n");
        let span = Span { source, start: 5, end: 6 };
        let shown = concise(&Diagnostic::warning("CODE", span, "odd"), &sources);
        assert_eq!(shown, "a.twf:2:2: warning[CODE]: odd");
        assert_eq!(concise(&Diagnostic::error("CODE", None, "odd"), &sources), "error[CODE]: odd");
    }
}
