//! The editor of lines: what Tab offers.

use std::ffi::OsString;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::words;
use crate::cli::complete;

/// Most lines that are remembered.
const HISTORY_LINES_MAX: usize = 10_000;

/// Completes lines that begin with these words.
pub(super) struct Lines {
    before: Vec<OsString>,
}

/// An editor for a terminal.
pub(super) fn editor(before: &[OsString]) -> Result<Editor<Lines, FileHistory>, Error> {
    let config = Config::builder().history_ignore_space(true).completion_type(CompletionType::List);
    let config = config.max_history_size(HISTORY_LINES_MAX).map_err(|error| failed(&error))?.build();
    let mut editor = Editor::with_config(config).map_err(|error| failed(&error))?;
    editor.set_helper(Some(Lines { before: before.to_vec() }));
    Ok(editor)
}

/// A terminal that cannot be read.
pub(super) fn failed(error: &ReadlineError) -> Error {
    Error::new(&code::STOPPING, format!("the terminal cannot be used: {error}"))
        .help("pipe the lines in, or use another terminal")
}

impl Helper for Lines {}
impl Highlighter for Lines {}
impl Validator for Lines {}
impl Hinter for Lines {
    type Hint = String;
}

impl Completer for Lines {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..at).unwrap_or(line);
        let Some((words, last)) = words::unfinished(typed) else { return Ok((at, Vec::new())) };
        Ok((typed.len() - last.len(), self.offers(words, last)))
    }
}

impl Lines {
    fn offers(&self, words: Vec<String>, last: &str) -> Vec<Pair> {
        let own: &[&str] = if words.is_empty() { &["exit", "help"] } else { &[] };
        let before = self.before.iter().cloned().chain(words.into_iter().map(OsString::from));
        let mut found = complete::candidates(before.chain([last.into()]).collect());
        found
            .extend(own.iter().filter(|it| it.starts_with(last)).map(|it| ((*it).to_owned(), String::new())));
        // Flags come when they are asked for; a list of them all would hide the commands.
        found.retain(|(value, _)| last.starts_with('-') || !value.starts_with('-'));
        let pair = |(value, help): (String, String)| Pair {
            display: if help.is_empty() { value.clone() } else { format!("{value:<24} {help}") },
            replacement: value,
        };
        found.into_iter().map(pair).collect()
    }
}
