//! Diagnostics for people at a terminal: the source line with marks under it.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::text::diagnostic::{Diagnostic, Severity};
use crate::text::source::{Source, Sources, Span};

/// Columns before lines are cut: wide enough for code, narrow enough for a split window.
const TERM_WIDTH: usize = 120;

/// Bytes of one line that are shown at most; a file of one enormous line must not become an enormous message.
const WINDOW_BYTES_MAX: usize = 4096;

/// The diagnostic as several lines without a final newline, with ANSI colours when `color` is set.
pub fn terminal(diagnostic: &Diagnostic, sources: &Sources, color: bool) -> String {
    let mut group = level(diagnostic.severity)
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code)
        .elements(snippets(diagnostic, sources));
    group = tail(group, diagnostic);
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(TERM_WIDTH).render(&[group])
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    }
}

fn tail<'a>(mut group: Group<'a>, diagnostic: &'a Diagnostic) -> Group<'a> {
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

/// One snippet for each place. Places are shown apart even in one file: each is cut out of its text by
/// itself, so the cost of a message does not grow with the file.
fn snippets<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a Sources,
) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let main = diagnostic.span.and_then(|span| snippet(span, None, sources));
    let others = diagnostic.labels.iter().filter_map(|(span, text)| snippet(*span, Some(text), sources));
    main.into_iter().chain(others).collect()
}

fn snippet<'a>(
    span: Span,
    label: Option<&'a str>,
    sources: &'a Sources,
) -> Option<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let source = sources.get(span.source)?;
    let window = Window::around(source, span)?;
    let kind = if label.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
    let line = sources.locate(Span { end: span.start, ..span }).line;
    let shown = Snippet::source(window.text)
        .path(&*source.path)
        .line_start(line as usize)
        .annotation(kind.span(window.start..window.end).label(label));
    Some(shown)
}

/// The first line of a span with the part of the span that lies in it.
struct Window<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl Window<'_> {
    fn around(source: &Source, span: Span) -> Option<Window<'_>> {
        let at = floor(&source.text, span.start as usize);
        let (before, after) = (source.text.get(..at)?, source.text.get(at..)?);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let start = floor(&source.text, start.max(at.saturating_sub(WINDOW_BYTES_MAX)));
        let end = after.find('\n').map_or(source.text.len(), |newline| at + newline);
        let end = floor(&source.text, end.min(at + WINDOW_BYTES_MAX));
        let last = floor(&source.text, (span.end as usize).clamp(at, end));
        Some(Window { text: source.text.get(start..end)?, start: at - start, end: last - start })
    }
}

/// The nearest character boundary at or before a byte.
fn floor(text: &str, byte: usize) -> usize {
    text.floor_char_boundary(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, diagnostic: impl Fn(&dyn Fn(u32, u32) -> Span) -> Diagnostic) -> String {
        let mut sources = Sources::new();
        let source = sources.add("shop/a.twf", text);
        let span = |start, end| Span { source, start, end };
        terminal(&diagnostic(&span), &sources, false)
    }

    #[test]
    fn the_line_is_shown_with_marks_labels_and_help() {
        let out = shown("workflow A():\n    activty B()\nworkflow A():\n", |span| {
            Diagnostic::error("SYNTAX", span(18, 25), "unknown statement `activty`")
                .label(span(9, 10), "first here")
                .note("statements start with a keyword")
                .help("did you mean `activity`?")
        });
        insta::assert_snapshot!(out);
    }

    #[test]
    fn spans_at_the_end_and_outside_of_the_text_are_shown_too() {
        for (start, end) in [(3, 3), (2, 90), (80, 90), (0, 0)] {
            let out = shown("aä\n", |span| Diagnostic::warning("W", span(start, end), "odd"));
            assert!(out.contains("warning[W]: odd"), "{out}");
        }
        assert!(shown("", |span| Diagnostic::info("I", span(0, 0), "empty")).contains("empty"));
    }

    #[test]
    fn colours_only_when_asked_for() {
        let diagnostic = Diagnostic::error("E", None, "bad");
        assert!(terminal(&diagnostic, &Sources::new(), true).contains('\u{1b}'));
        assert_eq!(terminal(&diagnostic, &Sources::new(), false), "error[E]: bad");
    }

    #[test]
    fn one_enormous_line_gives_a_small_message() {
        let text = "x".repeat(1_000_000);
        let out = shown(&text, |span| Diagnostic::error("E", span(500_000, 500_001), "bad"));
        assert!(out.len() < 20_000, "{}", out.len());
    }
}
