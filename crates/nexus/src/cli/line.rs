//! The command line as it was typed: read with the flags of the one operation that it is about.
//!
//! The commands are known when this binary is built, the operations when a server or a project has been asked. A line
//! is therefore looked over first ([`aim`]); only when it names an operation and has flags that no command has, or asks
//! for help, is the operation's schema fetched. Everything is then read by clap in one go.

mod aim;
mod help;
pub mod message;
mod noun;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::Arc;

use clap::{Args as _, Command, CommandFactory as _, FromArgMatches as _};
use nexus_kernel::Json;
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;

use crate::cli::bench::BenchArgs;
use crate::cli::call::CallArgs;
use crate::cli::run::{MessageArgs, StartArgs, UpdateArgs, UpdateWithStartArgs, WithStartArgs};
use crate::cli::short::ValidateArgs;
use crate::cli::{Cli, Command as Chosen};
use crate::client::{Client, described};
use crate::flags::{self, Flag, arg};
pub use aim::{Aim, aim};
pub use noun::{Message, Noun};

/// Why a line cannot be carried out.
#[derive(Debug)]
pub enum Refused {
    /// Clap has something to say: what is wrong with the line, the help, or the version.
    Clap(Box<clap::Error>),
    /// The operation cannot be had.
    Error(Error),
}

impl From<clap::Error> for Refused {
    fn from(error: clap::Error) -> Refused {
        Refused::Clap(Box::new(error))
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Error(error)
    }
}

/// Reads a line whose operation, if it needs one, is looked up by `find`.
pub fn read(
    words: &[OsString],
    find: impl FnOnce(&Aim) -> Result<Arc<Operation>, Error>,
) -> Result<Cli, Refused> {
    let root = Cli::command();
    let aim = aim(&root, words);
    let found = match aim.noun {
        Some(noun) if aim.needs_schema && aim.is_complete() => Some((noun, find(&aim)?)),
        _ => None,
    };
    let Some((noun, operation)) = found else {
        let matches = root.try_get_matches_from(words)?;
        return Ok(Cli::from_arg_matches(&matches)?);
    };
    let flags = flags_of(&root, noun, &operation.input);
    let matches = with_flags(root, noun, &operation, &flags).try_get_matches_from(words)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    let inner = noun.path().iter().try_fold(&matches, |matches, name| matches.subcommand_matches(name));
    if let Some(matches) = inner {
        let given = arg::given(&flags, matches);
        match &mut cli.command {
            Chosen::Run(args) => args.take(given),
            Chosen::Call(args) => args.input.fields = given,
            Chosen::Bench(args) => args.input.fields = given,
            Chosen::Validate(args) => args.input.fields = given,
            _ => {}
        }
    }
    Ok(cli)
}

/// The operation, or the handler of a run, that a line names.
pub async fn operation(aim: &Aim) -> Result<Arc<Operation>, Error> {
    match (aim.noun, &aim.target, &aim.message) {
        (Some(Noun::Message(message)), Some(_), Some(name)) => message::operation(aim, message, name).await,
        (Some(noun), Some(target), _) => named(&catalogue(aim).await?, noun, target),
        _ => Err(Error::internal("a line names no operation")),
    }
}

/// The operations that a line may mean, but for handlers of runs: those of the server that is reachable from it, or of the project.
pub async fn catalogue(aim: &Aim) -> Result<Catalogue, Error> {
    let global = aim.global();
    described::catalogue(Client::operations(&global, aim.noun == Some(Noun::Call)).await?)
}

/// The operation that a line names.
pub fn named(catalogue: &Catalogue, noun: Noun, target: &str) -> Result<Arc<Operation>, Error> {
    match noun {
        Noun::Run | Noun::Bench | Noun::Validate | Noun::Message(_) => catalogue.workflow(target),
        Noun::Call => catalogue.verb(target).map_err(|error| match error.help_text() {
            Some(help) if help.starts_with("did you mean") => error,
            _ => error.help("`nexus call --help` says how to list them"),
        }),
    }
}

/// The flags of an operation beside those that the command has for itself.
pub fn flags_of(root: &Command, noun: Noun, schema: &Json) -> Vec<Flag> {
    let command = noun.path().iter().try_fold(root, |command, name| command.find_subcommand(name));
    let taken = command.map(|command| own_names(root, command)).unwrap_or_default();
    flags::of_schema_under(schema, &taken, noun.whole())
}

/// What is wrong with an input, told with the flags that people know instead of pointers into JSON.
pub fn with_flag_names(error: Error, noun: Noun, target: &str, schema: &Json) -> Error {
    if error.code() != &code::INPUT_INVALID {
        return error;
    }
    let flags = flags_of(&Cli::command(), noun, schema);
    let shown = |at: &str| {
        // A pointer into JSON, or the path of a parameter of a message.
        let path: Vec<String> = match at.strip_prefix('/') {
            Some(at) => at.split('/').map(|it| it.replace("~1", "/").replace("~0", "~")).collect(),
            None => at.split('.').map(ToOwned::to_owned).collect(),
        };
        flags.iter().find(|flag| flag.path == path).map_or_else(|| at.to_owned(), Flag::shown)
    };
    let told = Error::new(error.code(), error.message());
    let told = error.faults().iter().fold(told, |told, fault| told.fault(shown(&fault.at), &fault.message));
    told.help(format!("`nexus {} {target} --help` shows what it takes", noun.words()))
}

/// The long flags of a command, with those of every command.
fn own_names(root: &Command, command: &Command) -> BTreeSet<String> {
    let args = command.get_arguments().chain(root.get_arguments());
    let names = args.flat_map(|arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long().into_iter().chain(aliases).map(ToOwned::to_owned).collect::<Vec<_>>()
    });
    names.chain(["help".to_owned()]).collect()
}

/// The commands, with the one that is about an operation made for just that operation.
pub fn with_flags(root: Command, noun: Noun, operation: &Operation, flags: &[Flag]) -> Command {
    let made = |command: Command| {
        let bare = Command::new(command.get_name().to_owned());
        let bare = arg::add(bare, flags, help::INPUT_HEADING);
        let whole = match noun {
            Noun::Run => StartArgs::augment_args(bare),
            Noun::Call => CallArgs::augment_args(bare),
            Noun::Bench => BenchArgs::augment_args(bare),
            Noun::Validate => ValidateArgs::augment_args(bare),
            Noun::Message(Message::Signal | Message::Query) => MessageArgs::augment_args(bare),
            Noun::Message(Message::Update) => UpdateArgs::augment_args(bare),
            Noun::Message(Message::SignalWithStart) => WithStartArgs::augment_args(bare),
            Noun::Message(Message::UpdateWithStart) => UpdateWithStartArgs::augment_args(bare),
        };
        help::about(help::under_headings(whole), noun, operation, flags)
    };
    change(root, noun.path(), made)
}

/// Changes the command of a path.
fn change(command: Command, path: &[&str], made: impl FnOnce(Command) -> Command) -> Command {
    match path.split_first() {
        None => made(command),
        Some((first, rest)) => command.mut_subcommand(first, |inner| change(inner, rest, made)),
    }
}
