//! `nexus shell`: one line after the other, with history and completion; from a pipe, a script.
//!
//! A line is what would be typed after `nexus`. The shell's own `--server`, `--profile`, `--project`, `--session` and
//! `--format` hold for every line that does not say otherwise.

mod editor;
pub mod words;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::Path;

use clap::{Args, ValueEnum as _};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use rustyline::Editor;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::cli::line::{self, Refused};
use crate::cli::{Command, Format, Global};
use crate::client::Client;
use crate::output::Output;
use crate::profile;
use editor::Lines;

/// How long the session of a shell lives after the last line that used it.
const SESSION_TTL: &str = "12h";

/// The file of lines in the state folder.
const HISTORY: &str = "history";

/// What the shell itself understands.
const HELP: &str =
    "Every line is a command as after `nexus`: run Checkout --order-id 7, run list, call run.list --limit 5.
Tab completes commands, workflows, their flags and runs; --help after a command shows what it takes.
exit, or control-D, leaves. A line that begins with a space is not remembered.";

/// Flags.
#[derive(Debug, Args)]
pub struct ShellArgs {
    /// From a pipe: go on after a line that failed; the shell still exits with the code of the first one
    #[arg(long)]
    keep_going: bool,
}

/// Takes lines until the end.
pub async fn shell(global: &Global, args: &ShellArgs, output: Output) -> Result<(), Error> {
    let mut shell = Shell { before: before(global), output };
    if !std::io::stdin().is_terminal() {
        return shell.script(args.keep_going).await;
    }
    let own = if global.session.is_none() { own_session(global, output).await } else { None };
    if let Some(id) = &own {
        shell.before.push(format!("--session={id}").into());
        output.note(&format!("session {id}"));
    }
    output.note("help shows how, exit leaves");
    let done = shell.talk().await;
    if let Some(id) = own {
        end_session(global, &id, output).await;
    }
    done
}

/// The words before those of each line.
fn before(global: &Global) -> Vec<OsString> {
    let format = global.format.to_possible_value().filter(|_| global.format != Format::Table);
    let format = format.map(|it| it.get_name().to_owned());
    let ca = global.ca.as_ref().map(|file| file.display().to_string());
    let given = [
        ("server", &global.server),
        ("profile", &global.profile),
        ("ca", &ca),
        ("session", &global.session),
        ("format", &format),
    ];
    let given = given.iter().filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?).into()));
    let project: [OsString; 2] = ["--project".into(), global.project.clone().into_os_string()];
    ["nexus".into()].into_iter().chain(given).chain(project).collect()
}

/// A session of the shell's own, where a server keeps it. Without a server there is nobody who would.
async fn own_session(global: &Global, output: Output) -> Option<String> {
    let client = Client::remote(global).await.ok()?;
    match client.verb("session.create", json!({ "ttl": SESSION_TTL })).await {
        Ok(made) => made.get("session_id").and_then(Json::as_str).map(ToOwned::to_owned),
        Err(error) => {
            output.error(&error);
            None
        }
    }
}

/// The session goes with the shell. One that cannot be ended ends by itself.
async fn end_session(global: &Global, id: &str, output: Output) {
    let Ok(client) = Client::remote(global).await else { return };
    match client.verb("session.delete", json!({ "session_id": id })).await {
        Err(error) if error.code() != &code::SESSION_UNKNOWN => output.error(&error),
        _ => {}
    }
}

struct Shell {
    before: Vec<OsString>,
    output: Output,
}

/// What a line came to.
enum Told {
    Done,
    Failed(Error),
    Leave,
}

impl Shell {
    /// Lines from a terminal. What fails is told, and does not end it.
    async fn talk(&mut self) -> Result<(), Error> {
        let mut editor = editor::editor(&self.before)?;
        let history = profile::state_folder().map(|folder| folder.join(HISTORY));
        if let Some(history) = &history {
            let _ = editor.load_history(history); // there is none yet, or it cannot be read: it begins anew
        }
        loop {
            // Typing blocks; the tasks of this process go on elsewhere.
            match block_in_place(|| editor.readline("nexus> ")) {
                Ok(text) => {
                    let _ = editor.add_history_entry(text.as_str()); // a line is carried out, remembered or not
                    match self.line(&text).await {
                        Told::Leave => break,
                        Told::Failed(error) => self.output.error(&error),
                        Told::Done => {}
                    }
                }
                Err(ReadlineError::Interrupted) => {} // control-C gives up the line, not the shell
                Err(ReadlineError::Eof) => break,
                Err(error) => return Err(editor::failed(&error)),
            }
        }
        if let Some(history) = history {
            self.remember(&mut editor, &history);
        }
        Ok(())
    }

    fn remember(&self, editor: &mut Editor<Lines, FileHistory>, history: &Path) {
        let folder = history.parent().unwrap_or(history);
        let kept = profile::private_folder(folder).is_ok() && editor.save_history(history).is_ok();
        if !kept {
            self.output.note(&format!("the lines cannot be remembered in {}", history.display()));
        }
    }

    /// Lines from a pipe. The first one that fails ends it, unless it is to go on; its code is that of the shell.
    async fn script(&mut self, keep_going: bool) -> Result<(), Error> {
        let mut first: Option<Error> = None;
        // A line is read when the one before is done: whoever writes them may wait for answers.
        for (number, text) in (1_usize..).zip(std::io::stdin().lines()) {
            let text = text.map_err(|error| {
                Error::new(&code::SHELL_LINE, format!("line {number} cannot be read: {error}"))
                    .help("lines are text in UTF-8")
            })?;
            match self.line(&text).await {
                Told::Leave => break,
                Told::Done => {}
                Told::Failed(error) => {
                    self.output.error(&error);
                    let told = Error::new(error.code(), format!("line {number} failed: {}", text.trim()))
                        .help("what went wrong is told above");
                    if !keep_going {
                        return Err(told);
                    }
                    first.get_or_insert(told);
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Carries one line out.
    async fn line(&mut self, text: &str) -> Told {
        let words = match words::split(text) {
            Ok(words) => words,
            Err(error) => return Told::Failed(error),
        };
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => return Told::Done,
            ["exit" | "quit"] => return Told::Leave,
            ["help"] => {
                self.output.note(HELP);
                return Told::Done;
            }
            _ => {}
        }
        let line = self.whole(words);
        let find = |aim: &line::Aim| block_in_place(|| Handle::current().block_on(line::operation(aim)));
        let cli = match line::read(&line, find) {
            Ok(cli) if matches!(cli.command, Command::Shell(_)) => return Told::Done, // one is enough
            Ok(cli) => cli,
            Err(Refused::Error(error)) => return Told::Failed(error),
            Err(Refused::Clap(said)) => return self.said(&said),
        };
        let output = Output::new(cli.global.format);
        match Box::pin(cli.execute(output)).await {
            Ok(()) => Told::Done,
            Err(error) => Told::Failed(error),
        }
    }

    /// A line with what holds for all of them, but for what it says itself.
    fn whole(&self, words: Vec<String>) -> Vec<OsString> {
        let says =
            |name: &str| words.iter().any(|word| word == name || word.starts_with(&format!("{name}=")));
        let names_place = says("--server") || says("--profile");
        let is_kept = |word: &&OsString| {
            let word = word.to_string_lossy();
            match word.split_once('=').map(|(name, _)| name) {
                Some("--server" | "--profile") => !names_place,
                Some("--ca") => !names_place && !says("--ca"),
                Some(name @ ("--session" | "--format")) => !says(name),
                _ => true,
            }
        };
        let before: Vec<OsString> = self.before.iter().filter(is_kept).cloned().collect();
        before.into_iter().chain(words.into_iter().map(OsString::from)).collect()
    }

    /// What clap says: help is no failure.
    fn said(&self, said: &clap::Error) -> Told {
        let text = said.render().to_string();
        if !said.use_stderr() {
            self.output.raw(&text);
            return Told::Done;
        }
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
        let help = tip.unwrap_or("--help after a command shows what it takes");
        Told::Failed(Error::new(&code::BAD_REQUEST, message).help(help))
    }
}
