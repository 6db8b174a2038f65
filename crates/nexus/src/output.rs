//! What a person or a program sees: data on standard output, everything else on standard error.
//!
//! This is the one place of the command line where values become bytes. A reader that goes away (`| head`) ends the
//! output silently.

mod error;
pub(crate) mod linked;
pub mod progress;
mod timeline;
mod value;

use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table};
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use tokio::sync::watch;

use crate::cli::Format;
pub(crate) use timeline::HEAD_LINES;
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
        matches!(self.format, Format::Json | Format::Yaml | Format::Raw)
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
        data(text.trim_end());
    }

    /// Whether standard output may be coloured.
    pub fn has_color_on_stdout(&self) -> bool {
        self.color && io::stdout().is_terminal()
    }

    /// Data: text with exactly the newlines it has.
    pub fn raw(&self, text: &str) {
        note_reader(io::stdout().lock().write_all(text.as_bytes()));
    }

    /// Data: a JSON value.
    pub fn json(&self, value: &Json) {
        data(self.whole(value).trim_end());
    }

    fn whole(self, value: &Json) -> String {
        match self.format {
            Format::Yaml => value::yaml(value),
            Format::Raw => value::raw(value),
            _ => serde_json::to_string_pretty(value).unwrap_or_default(),
        }
    }

    /// Data: one of many values that come one after the other, each on a line of its own, or as a document of YAML.
    pub fn item(&self, value: &Json) {
        data(&self.one(value));
    }

    fn one(self, value: &Json) -> String {
        match self.format {
            Format::Yaml => format!("---\n{}", value::yaml(value).trim_end()),
            Format::Raw => value::raw(value),
            _ => value.to_string(),
        }
    }

    /// Events of a run while somebody waits for its result: beside the data, in the form of the data.
    pub fn news(&self, history: &Json, events: &[Json], is_first: bool) {
        let mut err = io::stderr().lock();
        if self.is_json() {
            return events.iter().for_each(|event| line(&mut err, &self.one(event)));
        }
        let head = if is_first { 0 } else { HEAD_LINES };
        timeline::lines(history, self.color).iter().skip(head).for_each(|row| line(&mut err, row));
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
        let count = headings.len();
        // A name or an id that is broken over two lines cannot be copied; texts can be.
        let is_whole =
            |column: usize| rows.iter().all(|row| row.get(column).is_none_or(|cell| !cell.contains(' ')));
        let whole: Vec<usize> = (0..count).filter(|column| is_whole(*column)).collect();
        for row in rows {
            table.add_row(row);
        }
        if let Some(width) = width() {
            table.set_width(width);
            for column in whole {
                if let Some(column) = table.column_mut(column) {
                    column.set_constraint(ColumnConstraint::ContentWidth);
                }
            }
        }
        for row in table.lines() {
            data(row.trim());
        }
    }

    /// Data: the events of a run as a timeline.
    pub fn timeline(&self, history: &Json) {
        for row in self.timeline_lines(history) {
            data(&row);
        }
    }

    /// Data: the events of runs that belong together as one timeline.
    pub(crate) fn linked(self, linked: &linked::Linked) {
        for row in linked.lines(io::stdout().is_terminal() && self.color) {
            data(&row);
        }
    }

    /// Data: a page that takes the place of the one before, on a terminal; elsewhere the pages follow each other.
    pub fn page(&self, text: &str) {
        let mut out = io::stdout().lock();
        if io::stdout().is_terminal() {
            let _ = write!(out, "\u{1b}[H\u{1b}[2J"); // the reader has gone away: `line` has no more to say either
        }
        note_reader(writeln!(out, "{}", text.trim_end()));
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

    /// Something that is no error, told like one.
    pub fn warning(&self, problem: &Error) {
        line(&mut io::stderr().lock(), error::warning(problem, self.color).trim_end());
    }

    /// An error, with everything that helps to mend it.
    pub fn error(&self, problem: &Error) {
        let text = match self.format {
            Format::Json => error::json(problem).to_string(),
            Format::Yaml => value::yaml(&error::json(problem)),
            _ => error::text(problem, self.color),
        };
        line(&mut io::stderr().lock(), text.trim_end());
    }
}

/// A reader that has gone away wants no more lines, and there is nobody to tell.
fn line(to: &mut impl Write, text: &str) {
    let _ = writeln!(to, "{text}");
}

/// How wide the terminal is that standard output goes to, when it goes to one.
fn width() -> Option<u16> {
    let out = io::stdout();
    let size = if out.is_terminal() { rustix::termios::tcgetwinsize(&out).ok() } else { None };
    size.map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// One line of data, or several.
fn data(text: &str) {
    note_reader(writeln!(io::stdout().lock(), "{text}"));
}

/// Set once whoever reads standard output has gone away.
static READER_IS_GONE: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

fn note_reader(written: io::Result<()>) {
    if written.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        READER_IS_GONE.send_replace(true);
    }
}

/// Waits until whoever reads standard output (`| head`) has gone away: there is nothing left to do for a command that
/// only prints.
pub async fn reader_gone() {
    // The sender is never dropped.
    let _ = READER_IS_GONE.subscribe().wait_for(|is_gone| *is_gone).await;
}

/// So many of something, by its name in the singular.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
