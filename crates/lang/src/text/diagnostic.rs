//! What is wrong with a text, as data: one type for every language and every renderer.

use std::fmt;

use crate::text::source::Span;

/// How bad it is, by falling weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used; what it says is likely not what was meant.
    Warning,
    /// For information, for example a spelling that has a newer form.
    Info,
}

impl Severity {
    /// The word that people and programs read: `error`, `warning`, `info`.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A change of the text that removes the diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What the change does, as an editor offers it.
    pub title: String,
    /// The places to change together; they do not overlap.
    pub edits: Vec<Edit>,
    /// Whether it guesses what was meant, so that only a person may take it: a name that is spelled nearly so.
    pub is_guess: bool,
}

/// One changed place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What to replace; empty to insert.
    pub span: Span,
    /// The text to put there.
    pub replacement: String,
}

/// One finding about a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable word for programs, for example `UNDEFINED_ACTIVITY`.
    pub code: &'static str,
    /// One line for people, without a full stop.
    pub message: String,
    /// The place it is about; none when it is about a whole project.
    pub span: Option<Span>,
    /// Further places with a remark each, for example the first of two definitions.
    pub labels: Vec<(Span, String)>,
    /// Background that is true whatever the reader does next.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// A change that an editor can make.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A diagnostic of any severity.
    pub fn new(
        severity: Severity,
        code: &'static str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic {
            severity,
            code,
            message: message.into(),
            span: span.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// An error.
    pub fn error(
        code: &'static str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::new(Severity::Error, code, span, message)
    }

    /// A warning.
    pub fn warning(
        code: &'static str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::new(Severity::Warning, code, span, message)
    }

    /// An information.
    pub fn info(code: &'static str, span: impl Into<Option<Span>>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Info, code, span, message)
    }

    /// Adds a further place with a remark.
    pub fn label(mut self, span: Span, remark: impl Into<String>) -> Diagnostic {
        self.labels.push((span, remark.into()));
        self
    }

    /// Adds background.
    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    /// Says what to do; replaces an earlier help.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// Says what to do when there is something to say.
    pub fn help_if(mut self, help: Option<String>) -> Diagnostic {
        self.help = help.or(self.help);
        self
    }

    /// Offers a change of the text at one place.
    pub fn fix(self, span: Span, replacement: impl Into<String>, title: impl Into<String>) -> Diagnostic {
        self.fix_all(vec![Edit { span, replacement: replacement.into() }], title)
    }

    /// Offers a change of the text at several places.
    pub fn fix_all(mut self, edits: Vec<Edit>, title: impl Into<String>) -> Diagnostic {
        self.fix = Some(Fix { title: title.into(), edits, is_guess: false });
        self
    }

    /// Marks the fix as a guess, which nothing applies unasked.
    pub fn guessed(mut self) -> Diagnostic {
        if let Some(fix) = &mut self.fix {
            fix.is_guess = true;
        }
        self
    }

    /// Whether this makes the file unusable.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Puts diagnostics into the order people read them: by file, place, then weight; equal ones once.
///
/// Diagnostics without a place come last: they are about what the files have in common.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by_key(|it| {
        let place = it.span.map_or((u32::MAX, u32::MAX), |span| (span.source.0, span.start));
        (place, it.severity, it.code)
    });
    diagnostics.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::SourceId;

    fn at(start: u32) -> Span {
        Span { source: SourceId(0), start, end: start + 1 }
    }

    #[test]
    fn builders_fill_every_field() {
        let made = Diagnostic::error("X", at(1), "no")
            .label(at(2), "there")
            .note("because")
            .help("do")
            .help_if(None)
            .fix(at(1), "y", "replace");
        assert!(made.is_error());
        assert_eq!(made.labels, [(at(2), "there".to_string())]);
        assert_eq!((made.notes.len(), made.help.as_deref()), (1, Some("do")));
        assert_eq!(made.fix.map(|fix| fix.edits[0].replacement.clone()), Some("y".to_string()));
    }

    #[test]
    fn sorting_goes_by_place_then_weight_and_drops_repeats() {
        let mut all = vec![
            Diagnostic::info("C", None, "whole"),
            Diagnostic::warning("B", at(5), "b"),
            Diagnostic::error("A", at(5), "a"),
            Diagnostic::error("A", at(5), "a"),
            Diagnostic::info("D", at(1), "d"),
        ];
        sort(&mut all);
        let codes: Vec<_> = all.iter().map(|it| it.code).collect();
        assert_eq!(codes, ["D", "A", "B", "C"]);
    }
}
