//! What a person or a program sees: data on standard output, everything else on standard error.
//!
//! This is the one place of the command line where values become bytes. A reader that goes away (`| head`) ends the
//! output silently.

mod error;
mod timeline;
mod value;

use std::io::{self, IsTerminal, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use nexus_kernel::Json;
use nexus_kernel::error::Error;

use crate::cli::Format;
use value::Layout;

/// Where output goes and how it looks.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    format: Format,
    color: bool,
}

impl Output {
    /// Output in a format; coloured only for a terminal that has not refused it.
    pub fn new(format: Format) -> Output {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Output { format, color: io::stderr().is_terminal() && !refused }
    }

    /// Whether data is for programs.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether findings are for GitHub.
    pub fn is_github(&self) -> bool {
        self.format == Format::Github
    }

    /// Whether standard error may be coloured.
    pub fn has_color(&self) -> bool {
        self.color
    }

    /// Data: text as it is.
    pub fn text(&self, text: &str) {
        line(&mut io::stdout().lock(), text.trim_end());
    }

    /// Whether standard output may be coloured.
    pub fn has_color_on_stdout(&self) -> bool {
        self.color && io::stdout().is_terminal()
    }

    /// Data: text with exactly the newlines it has.
    pub fn raw(&self, text: &str) {
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }

    /// Data: a JSON value.
    pub fn json(&self, value: &Json) {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        line(&mut io::stdout().lock(), &text);
    }

    /// Data: whatever an operation answers. People see a list of objects as rows and an object as fields.
    pub fn value(&self, value: &Json) {
        if self.is_json() {
            return self.json(value);
        }
        match value::layout(value) {
            Layout::Rows(headings, rows) => {
                self.table(&headings.iter().map(String::as_str).collect::<Vec<_>>(), rows);
            }
            Layout::Json => self.json(value),
        }
    }

    /// Data: rows under headings, as wide as the terminal allows.
    pub fn table(&self, headings: &[&str], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(headings.iter().map(|heading| (*heading).to_owned()).collect::<Vec<_>>());
        for row in rows {
            table.add_row(row);
        }
        for row in table.lines() {
            line(&mut io::stdout().lock(), row.trim());
        }
    }

    /// Data: the events of a run as a timeline.
    pub fn timeline(&self, history: &Json) {
        for row in self.timeline_lines(history) {
            line(&mut io::stdout().lock(), &row);
        }
    }

    /// Data: a page that takes the place of the one before, on a terminal; elsewhere the pages follow each other.
    pub fn page(&self, text: &str) {
        let mut out = io::stdout().lock();
        if io::stdout().is_terminal() {
            let _ = write!(out, "\u{1b}[H\u{1b}[2J"); // the reader has gone away: `line` has no more to say either
        }
        line(&mut out, text.trim_end());
    }

    /// The events of a run as lines of a timeline, in colour where standard output shows it.
    pub fn timeline_lines(&self, history: &Json) -> Vec<String> {
        timeline::lines(history, io::stdout().is_terminal() && self.color)
    }

    /// A remark for people.
    pub fn note(&self, text: &str) {
        line(&mut io::stderr().lock(), text);
    }

    /// A remark that the next one takes the place of.
    pub fn status(&self, text: &str) {
        let _ = write!(io::stderr().lock(), "\r\u{1b}[2K{text}");
    }

    /// An error, with everything that helps to mend it.
    pub fn error(&self, problem: &Error) {
        let text = if self.is_json() { error::json(problem) } else { error::text(problem, self.color) };
        line(&mut io::stderr().lock(), &text);
    }
}

/// A reader that has gone away wants no more lines, and there is nobody to tell.
fn line(to: &mut impl Write, text: &str) {
    let _ = writeln!(to, "{text}");
}

/// So many of something, by its name in the singular.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
