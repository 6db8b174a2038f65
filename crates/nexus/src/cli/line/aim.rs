//! What a command line is about, found without understanding all of it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Arg, Command};

use super::noun::Noun;
use crate::cli::{Format, Global};

/// What a line is about, as far as it concerns operations.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Aim {
    /// The command, when it is one that takes an operation.
    pub noun: Option<Noun>,
    /// The operation's name; of a message, the run or the workflow that it is for.
    pub target: Option<String>,
    /// The message's name.
    pub message: Option<String>,
    /// `--namespace` of a message
    pub namespace: Option<String>,
    /// Whether the line has flags that the command has not, or asks for help.
    pub needs_schema: bool,
    /// `--server`
    pub server: Option<String>,
    /// `--profile`
    pub profile: Option<String>,
    /// `--ca`
    pub ca: Option<PathBuf>,
    /// `--project`
    pub project: Option<PathBuf>,
    /// `--format`
    pub format: Option<String>,
}

impl Aim {
    /// Whether everything is named that the command is about.
    pub fn is_complete(&self) -> bool {
        let is_given = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
        match self.noun {
            None => false,
            Some(Noun::Message(_)) => is_given(&self.target) && is_given(&self.message),
            Some(_) => is_given(&self.target),
        }
    }

    /// The flags of every command, as far as they say where operations are.
    pub fn global(&self) -> Global {
        Global {
            server: self.server.clone(),
            profile: self.profile.clone(),
            ca: self.ca.clone(),
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
    let mut scan = Scan { root, command: root, path: Vec::new(), aim: Aim::default(), is_over: false };
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
    /// The commands so far.
    path: Vec<&'a str>,
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
        let Some(noun) = self.aim.noun else { return self.subcommand(word) };
        match (noun, &self.aim.target, &self.aim.message) {
            (_, None, _) if self.command.find_subcommand(word).is_some() => self.subcommand(word),
            (_, None, _) => self.aim.target = Some(word.to_owned()),
            (Noun::Message(_), Some(_), None) => self.aim.message = Some(word.to_owned()),
            _ => {} // the value of a flag that is not known yet
        }
    }

    fn subcommand(&mut self, word: &str) {
        let Some(found) = self.command.find_subcommand(word) else { return };
        self.command = found;
        self.path.push(found.get_name());
        self.aim.noun = Noun::at(&self.path);
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
            "ca" => self.aim.ca = Some(PathBuf::from(value)),
            "project" => self.aim.project = Some(PathBuf::from(value)),
            "namespace" => self.aim.namespace = Some(value.to_owned()),
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
    use crate::cli::line::noun::Message;
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
        assert_eq!(of("nexus fn run greet --name Ada").noun, None, "a verb of another noun");
    }

    #[test]
    fn a_message_is_named_by_whom_it_is_for_and_itself() {
        let found = of("nexus run signal --namespace team order-7 approve --by Ada");
        assert_eq!(found.noun, Some(Noun::Message(Message::Signal)));
        let names = (found.target.as_deref(), found.message.as_deref(), found.namespace.as_deref());
        assert_eq!(names, (Some("order-7"), Some("approve"), Some("team")));
        assert!(found.needs_schema && found.is_complete());
        assert!(!of("nexus run query order-7 --help").is_complete());
        assert!(!of("nexus run update order-7 Take --input 7 --async").needs_schema);
        let found = of("nexus run signal-with-start Cart Add --id cart-1 --item tea");
        assert_eq!((found.target.as_deref(), found.message.as_deref()), (Some("Cart"), Some("Add")));
        assert_eq!(of("nexus batch signal Add --item tea").noun, None);
    }
}
