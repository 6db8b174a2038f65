//! Diagnostics as workflow commands: lines that GitHub shows beside the changed code of a pull request.

use std::fmt::Write as _;

use crate::text::diagnostic::{Diagnostic, Severity};
use crate::text::source::{Location, Sources};

/// `::error file=..,line=..,endLine=..,col=..,endColumn=..,title=CODE::message`, with the help in the message.
///
/// Columns are given when the place lies on one line, for others they have no meaning there; what has no place has a
/// title alone.
pub fn github(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let command = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let place = diagnostic.span.map_or_else(String::new, |span| {
        format!("{},", place(&sources.locate(span), &sources.locate_end(span)))
    });
    let mut message = diagnostic.message.clone();
    for note in &diagnostic.notes {
        message.push_str("\nnote: ");
        message.push_str(note);
    }
    if let Some(help) = &diagnostic.help {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
    format!("::{command} {place}title={}::{}", property(diagnostic.code), data(&message))
}

fn place(start: &Location, end: &Location) -> String {
    let mut text = format!("file={},line={},endLine={}", property(&start.path), start.line, end.line);
    if start.line == end.line {
        let _ = write!(text, ",col={},endColumn={}", start.column, end.column);
    }
    text
}

/// Text after the second `::`: what would end the line is written by its number.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which a comma or colon would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::Span;

    #[test]
    fn a_place_on_one_line_has_columns() {
        let mut sources = Sources::new();
        let source = sources.add("shop/a,b:c%.twf", "one\nt\u{e4}wo\nthree\n");
        let span = Span { source, start: 5, end: 7 };
        let found = Diagnostic::error("CODE", span, "100% wrong:\r\nsee, here").note("true").help("do");
        assert_eq!(
            github(&found, &sources),
            "::error file=shop/a%2Cb%3Ac%25.twf,line=2,endLine=2,col=2,endColumn=3,title=CODE::\
             100%25 wrong:%0D%0Asee, here%0Anote: true%0Ahelp: do"
        );
    }

    #[test]
    fn a_place_on_several_lines_has_none_and_a_project_has_no_place() {
        let mut sources = Sources::new();
        let source = sources.add("a.twf", "one\ntwo\n");
        let span = Span { source, start: 1, end: 5 };
        let found = Diagnostic::warning("CODE", span, "odd");
        assert_eq!(github(&found, &sources), "::warning file=a.twf,line=1,endLine=2,title=CODE::odd");
        let found = Diagnostic::info("CODE", None, "odd");
        assert_eq!(github(&found, &sources), "::notice title=CODE::odd");
    }
}
