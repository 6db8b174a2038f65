//! Completion: what may come next on a line, asked of the commands, and of the server or project that is reachable.
//!
//! A shell asks by running this binary with `COMPLETE` set. The answer comes within a moment or not at all, and whatever
//! goes wrong, nothing is printed: an error in the middle of a line that somebody types would be worse than no help.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::StyledStr;
use clap::{Arg, Args, Command, CommandFactory as _, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};
use clap_complete::env::Shells;
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;
use nexus_kernel::task;
use serde_json::json;

use crate::cli::line::message::Handler;
use crate::cli::line::{self, Aim, Noun};
use crate::cli::{Cli, Format};
use crate::client::{Client, described};
use crate::output::Output;
use crate::profile::{self, LOCAL, Profiles};

/// The variable that asks for completion.
const VARIABLE: &str = "COMPLETE";

/// How long a server or a project has to answer. People type on after that.
const PATIENCE: Duration = Duration::from_millis(300);

/// Stands for the program in the script for bash.
const PROGRAM: &str = "NEXUS_PROGRAM";

/// How many of the newest runs are offered.
const RUNS_MAX: u64 = 20;

/// Flags.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// The shells that can be completed in.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    /// `source <(nexus completion bash)` in ~/.bashrc
    Bash,
    /// `source <(nexus completion zsh)` in ~/.zshrc
    Zsh,
    /// `nexus completion fish | source` in ~/.config/fish/config.fish
    Fish,
    /// `nexus completion powershell | Out-String | Invoke-Expression` in $PROFILE
    Powershell,
    /// `eval (nexus completion elvish | slurp)` in ~/.elvish/rc.elv
    Elvish,
}

/// Prints the few lines by which a shell asks this binary.
pub fn completion(args: &CompletionArgs, output: Output) -> Result<(), Error> {
    let value = args.shell.to_possible_value();
    let name = value.as_ref().map_or("bash", |value| value.get_name());
    let shells = Shells::builtins();
    let shell = shells.completer(name).ok_or_else(|| Error::internal("a shell is not known"))?;
    let mut script = Vec::new();
    // The script for bash quotes the program twice, which fails for a path with a space: it is put in afterwards.
    let program = match args.shell {
        Shell::Bash => PROGRAM.to_owned(),
        _ => program(),
    };
    let written = shell.write_registration(VARIABLE, "nexus", "nexus", &program, &mut script);
    written.map_err(|error| Error::internal(error.to_string()))?;
    let script =
        String::from_utf8_lossy(&script).replace(&format!("\"{PROGRAM}\""), &quoted(&self::program()));
    output.raw(&script);
    Ok(())
}

/// A path as a shell of the Bourne family reads it, whatever it holds.
fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', r"'\''"))
}

/// What a shell is to run: the name by which this binary was found, else its place.
fn program() -> String {
    let name = std::env::args_os().next().unwrap_or_default();
    if Path::new(&name).components().count() == 1 {
        return name.to_string_lossy().into_owned();
    }
    let place = std::env::current_exe().unwrap_or_else(|_| name.into());
    place.to_string_lossy().into_owned()
}

/// Answers a shell, when this process was started for that.
pub fn answer(words: &[OsString]) -> bool {
    let asked = std::env::var_os(VARIABLE).is_some_and(|shell| !shell.is_empty() && shell != "0");
    if !asked {
        return false;
    }
    // The line to be completed stands behind `--`.
    let begin = words.iter().position(|word| word == "--").map_or(words.len(), |at| at + 1);
    let line: Vec<OsString> = words.get(begin..).unwrap_or_default().to_vec();
    let folder = std::env::current_dir().ok();
    // There is nobody to tell what went wrong.
    let _ = CompleteEnv::with_factory(|| command(&line)).try_complete(words.to_vec(), folder.as_deref());
    true
}

/// What may stand in the place of the last word of a line, with what it means.
pub fn candidates(line: Vec<OsString>) -> Vec<(String, String)> {
    let mut command = command(&line);
    let last = line.len().saturating_sub(1);
    let folder = std::env::current_dir().ok();
    let found = complete(&mut command, line, last, folder.as_deref()).unwrap_or_default();
    let told = |it: &CompletionCandidate| {
        let help = it.get_help().map(ToString::to_string).unwrap_or_default();
        (it.get_value().to_string_lossy().into_owned(), help.lines().next().unwrap_or_default().to_owned())
    };
    found.iter().map(told).collect()
}

/// The commands as this line sees them: with the flags of the operation that it names.
fn command(line: &[OsString]) -> Command {
    let root = Cli::command();
    let aim = Arc::new(line::aim(&root, line));
    let found = aim.noun.filter(|_| aim.is_complete()).and_then(|noun| Some((noun, operation(&aim)?)));
    let root = match found {
        Some((noun, operation)) => {
            let flags = line::flags_of(&root, noun, &operation.input);
            line::with_flags(root, noun, &operation, &flags)
        }
        None => root,
    };
    with_completers(root, &aim)
}

fn operation(aim: &Arc<Aim>) -> Option<Arc<Operation>> {
    let aim = Arc::clone(aim);
    within(async move { line::operation(&aim).await })
}

/// Gives every argument that stands for something out there a way to ask for it.
fn with_completers(command: Command, aim: &Arc<Aim>) -> Command {
    let name = command.get_name().to_owned();
    let command = command.mut_args(|arg| match (name.as_str(), arg.get_id().as_str()) {
        (_, "workflow") | ("show", "name") => asking(arg, aim, |aim| operations(aim, true)),
        ("signal" | "query" | "update" | "signal-with-start" | "update-with-start", "name") => {
            asking(arg, aim, handlers)
        }
        (_, "operation") => asking(arg, aim, |aim| operations(aim, false)),
        (_, "run") | ("signal" | "query" | "update", "id") => asking(arg, aim, runs),
        (_, "profile") | ("use" | "remove", "name") => asking(arg, aim, |_| profiles()),
        _ => arg,
    });
    command.mut_subcommands(|inner| with_completers(inner, aim))
}

fn asking(arg: Arg, aim: &Arc<Aim>, ask: fn(&Arc<Aim>) -> Vec<CompletionCandidate>) -> Arg {
    let aim = Arc::clone(aim);
    arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
        let typed = typed.to_string_lossy().into_owned();
        let fits = |it: &CompletionCandidate| it.get_value().to_string_lossy().starts_with(&typed);
        ask(&aim).into_iter().filter(fits).collect::<Vec<_>>()
    }))
}

/// Names of workflows, or of verbs.
fn operations(aim: &Arc<Aim>, workflows: bool) -> Vec<CompletionCandidate> {
    let global = aim.global();
    let all = within(async move { described::catalogue(Client::operations(&global, !workflows).await?) });
    let Some(all) = all else { return Vec::new() };
    let all = all.snapshot();
    let wanted: Vec<&Arc<Operation>> = all.iter().filter(|it| it.is_workflow() == workflows).collect();
    let is_unique = |name: &str| wanted.iter().filter(|it| it.name == name).count() == 1;
    let of = |it: &&Arc<Operation>| {
        let name = if is_unique(&it.name) { it.name.clone() } else { it.id() };
        CompletionCandidate::new(name).help(Some(StyledStr::from(it.title.clone())))
    };
    wanted.iter().map(of).collect()
}

/// Names of the signals, queries or updates that the run or workflow before them declares.
fn handlers(aim: &Arc<Aim>) -> Vec<CompletionCandidate> {
    let Some(Noun::Message(message)) = aim.noun else { return Vec::new() };
    let aim = Arc::clone(aim);
    let found = within(async move { line::message::handlers(&aim, message).await }).unwrap_or_default();
    let of = |it: Handler| {
        let about = it.doc.lines().next().unwrap_or_default().to_owned();
        CompletionCandidate::new(it.name).help(Some(StyledStr::from(about)))
    };
    found.into_iter().map(of).collect()
}

/// The newest runs.
fn runs(aim: &Arc<Aim>) -> Vec<CompletionCandidate> {
    let global = aim.global();
    let found = within(async move {
        let client = Client::reading(&global, Output::new(Format::Json)).await?;
        let found = client.verb("run.list", json!({ "limit": RUNS_MAX })).await;
        client.close().await?;
        found
    });
    let runs = found.as_ref().and_then(|found| found.get("runs")?.as_array());
    let text = |run: &Json, name: &str| run.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let of = |(order, run): (usize, &Json)| {
        let about = format!("{} {} {}", text(run, "workflow"), text(run, "status"), text(run, "started_at"));
        // The newest come first, whatever their ids are.
        let candidate = CompletionCandidate::new(text(run, "run_id")).display_order(Some(order));
        candidate.help(Some(StyledStr::from(about)))
    };
    runs.into_iter().flatten().enumerate().map(of).collect()
}

fn profiles() -> Vec<CompletionCandidate> {
    let known = profile::file().and_then(|file| Profiles::read(&file)).unwrap_or_default();
    let own = CompletionCandidate::new(LOCAL).help(Some("the project itself".into()));
    let known = known
        .profiles
        .into_iter()
        .map(|(name, profile)| CompletionCandidate::new(name).help(Some(StyledStr::from(profile.url))));
    known.chain([own]).collect()
}

/// An answer that comes in time, and nothing otherwise. What is late is left behind.
fn within<T: Send + 'static>(ask: impl Future<Output = Result<T, Error>> + Send + 'static) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().ok()?;
    let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, task::spawn(ask)).await });
    runtime.shutdown_background();
    answer.ok()?.ok()?.ok()
}
