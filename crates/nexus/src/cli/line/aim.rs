//! What a command line is about, found without understanding all of it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Arg, Command};

use crate::cli::{Format, Global};

/// The commands that are about one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    /// `nexus run WORKFLOW`
    Run,
    /// `nexus call VERB`
    Call,
    /// `nexus bench WORKFLOW`
    Bench,
    /// `nexus validate WORKFLOW`
    Validate,
}

impl Noun {
    /// The command's name.
    pub fn name(self) -> &'static str {
        match self {
            Noun::Run => "run",
            Noun::Call => "call",
            Noun::Bench => "bench",
            Noun::Validate => "validate",
        }
    }

    /// The argument that names the operation.
    pub(super) fn target(self) -> &'static str {
        match self {
            Noun::Run | Noun::Bench | Noun::Validate => "workflow",
            Noun::Call => "operation",
        }
    }

    fn named(name: &str) -> Option<Noun> {
        [Noun::Run, Noun::Call, Noun::Bench, Noun::Validate].into_iter().find(|noun| noun.name() == name)
    }
}

/// What a line is about, as far as it concerns operations.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Aim {
    /// The command, when it is one that takes an operation.
    pub noun: Option<Noun>,
    /// The operation's name.
    pub target: Option<String>,
    /// Whether the line has flags that the command has not, or asks for help.
    pub needs_schema: bool,
    /// `--server`
    pub server: Option<String>,
    /// `--profile`
    pub profile: Option<String>,
    /// `--project`
    pub project: Option<PathBuf>,
    /// `--format`
    pub format: Option<String>,
}

impl Aim {
    /// The flags of every command, as far as they say where operations are.
    pub fn global(&self) -> Global {
        Global {
            server: self.server.clone(),
            profile: self.profile.clone(),
            session: None,
            project: self.project.clone().unwrap_or_else(|| PathBuf::from(".")),
            format: Format::Table,
            verbose: false,
        }
    }
}

/// Looks a line over. The first word is the program's name. An unknown flag is taken to have no value of its own, so
/// an operation is named before its flags.
pub fn aim(root: &Command, words: &[OsString]) -> Aim {
    let mut scan = Scan { root, command: root, aim: Aim::default(), is_over: false };
    let mut words = words.iter().skip(1).peekable();
    while let Some(word) = words.next() {
        let next = words.peek().map(|next| next.as_os_str());
        if scan.word(word, next) {
            words.next();
        }
    }
    scan.aim
}

struct Scan<'a> {
    root: &'a Command,
    command: &'a Command,
    aim: Aim,
    /// Whether `--` was there.
    is_over: bool,
}

impl<'a> Scan<'a> {
    /// Takes one word; says whether the next one is its value.
    fn word(&mut self, word: &OsStr, next: Option<&OsStr>) -> bool {
        let Some(word) = word.to_str() else { return false };
        if self.is_over || word == "-" || !word.starts_with('-') {
            self.positional(word);
            return false;
        }
        if word == "--" {
            self.is_over = true;
            return false;
        }
        match word.strip_prefix("--") {
            Some(long) => self.long(long, next),
            None => self.short(word.trim_start_matches('-'), next),
        }
    }

    fn positional(&mut self, word: &str) {
        if self.aim.noun.is_some() && self.aim.target.is_some() {
            return; // the value of a flag that is not known yet
        }
        match self.command.find_subcommand(word) {
            Some(found) => {
                self.command = found;
                self.aim.noun = if self.aim.noun.is_none() { Noun::named(found.get_name()) } else { None };
            }
            None if self.aim.noun.is_some() => self.aim.target = Some(word.to_owned()),
            None => {}
        }
    }

    fn long(&mut self, flag: &str, next: Option<&OsStr>) -> bool {
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        if name == "help" {
            self.aim.needs_schema = true;
        }
        let Some(arg) = self.find(|arg| has_long(arg, name)) else {
            self.aim.needs_schema |= !matches!(name, "help" | "version");
            return false;
        };
        if !takes_value(arg) {
            return false;
        }
        self.remember(arg.get_id().as_str(), value.or_else(|| next?.to_str()));
        value.is_none()
    }

    /// `-f`, `-fVALUE`, `-f VALUE`, or several flags without values.
    fn short(&mut self, flags: &str, next: Option<&OsStr>) -> bool {
        for (at, letter) in flags.char_indices() {
            if letter == 'h' {
                self.aim.needs_schema = true;
            }
            let Some(arg) = self.find(|arg| arg.get_short() == Some(letter)) else { continue };
            if takes_value(arg) {
                let rest = flags.get(at + letter.len_utf8()..).filter(|rest| !rest.is_empty());
                self.remember(arg.get_id().as_str(), rest.or_else(|| next?.to_str()));
                return rest.is_none();
            }
        }
        false
    }

    fn find(&self, fits: impl Fn(&Arg) -> bool) -> Option<&'a Arg> {
        let (command, root) = (self.command, self.root);
        command.get_arguments().chain(root.get_arguments()).find(|arg| fits(arg))
    }

    fn remember(&mut self, id: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        match id {
            "server" => self.aim.server = Some(value.to_owned()),
            "profile" => self.aim.profile = Some(value.to_owned()),
            "project" => self.aim.project = Some(PathBuf::from(value)),
            "format" => self.aim.format = Some(value.to_owned()),
            _ => {}
        }
    }
}

fn has_long(arg: &Arg, name: &str) -> bool {
    let aliases = arg.get_all_aliases().unwrap_or_default();
    arg.get_long() == Some(name) || aliases.contains(&name)
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory as _;

    fn of(line: &str) -> Aim {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        aim(&Cli::command(), &words)
    }

    #[test]
    fn an_operation_is_named_by_two_commands() {
        let found = of("nexus run Checkout --order-id 7");
        assert_eq!(found.noun, Some(Noun::Run));
        assert_eq!(found.target.as_deref(), Some("Checkout"));
        assert!(found.needs_schema);
        let found = of("nexus call run.list --limit 5");
        assert_eq!((found.noun, found.target.as_deref()), (Some(Noun::Call), Some("run.list")));
    }

    #[test]
    fn known_flags_need_no_schema() {
        let found = of("nexus --project shop run --id 7 Checkout -i a=1 --async");
        assert_eq!(found.target.as_deref(), Some("Checkout"));
        assert_eq!(found.project, Some(PathBuf::from("shop")));
        assert!(!found.needs_schema);
        assert!(of("nexus run Checkout -h").needs_schema);
        assert!(of("nexus run Checkout --server=http://h --dry").needs_schema);
        assert_eq!(of("nexus run Checkout --dry --server http://h").server.as_deref(), Some("http://h"));
    }

    #[test]
    fn verbs_of_runs_and_other_commands_are_no_operations() {
        assert_eq!(of("nexus run list --limit 5").target, None);
        assert_eq!(of("nexus run show run_1").noun, None);
        assert_eq!(of("nexus workflow show Checkout").noun, None);
        assert_eq!(of("nexus").noun, None);
    }
}
