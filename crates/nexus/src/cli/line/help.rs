//! The help of one operation: what it does, its flags, examples, and whether to use it at all.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};
use nexus_kernel::operation::Operation;

use super::Noun;
use crate::cli::GLOBAL_HEADING;
use crate::flags::shape::Kind;
use crate::flags::{Flag, arg, spell};

/// Above the flags that stand for fields of the input.
pub(super) const INPUT_HEADING: &str = "Inputs";

/// Above the command's own flags.
const OWN_HEADING: &str = "Options";

/// Most flags that the usage line names.
const USAGE_FLAGS_MAX: usize = 4;

/// Flags without a heading would come before the inputs, which are what people look for. The version is that of the
/// binary, so that `--version` is free for a field.
pub(super) fn under_headings(command: Command) -> Command {
    // Last, wherever the others are: their places depend on how many there are.
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help).help_heading(GLOBAL_HEADING);
    let help = help.display_order(usize::MAX);
    command
        .mut_args(|arg| if arg.get_help_heading().is_none() { arg.help_heading(OWN_HEADING) } else { arg })
        .disable_version_flag(true)
        .disable_help_flag(true)
        .arg(help.help("Print help (-h is short)"))
}

/// Gives a command the words of its operation.
pub(super) fn about(command: Command, noun: Noun, operation: &Operation, flags: &[Flag]) -> Command {
    let title = if operation.title.is_empty() { &operation.name } else { &operation.title };
    let mut long = if operation.doc.is_empty() { title.clone() } else { flowing(&operation.doc) };
    let mut short = title.clone();
    if let Some(why) = &operation.contract.deprecated {
        let mark = format!("Deprecated: {why}");
        long = format!("{mark}\n\n{long}");
        short = format!("{short} (deprecated: {why})");
    }
    let name = shown(operation);
    let command = command.about(short).long_about(long).override_usage(usage(noun, &name, flags));
    let command = command.after_help(after(noun, &name, operation, flags));
    noun.targets().iter().fold(command, |command, target| command.mut_arg(target, |arg| arg.hide(true)))
}

/// Paragraphs without the line breaks of the file they were written in; lists and indented lines keep theirs.
fn flowing(doc: &str) -> String {
    let mut text = String::new();
    for line in doc.lines() {
        let is_own = line.is_empty() || line.starts_with([' ', '-', '*', '|', '\t']);
        if !text.is_empty() {
            text.push(if is_own || text.ends_with('\n') { '\n' } else { ' ' });
        }
        text.push_str(line);
        if is_own {
            text.push('\n');
            text.truncate(text.trim_end_matches('\n').len());
            text.push('\n');
        }
    }
    text.trim_end().to_owned()
}

/// The name under which an operation can be called whatever else there is.
fn shown(operation: &Operation) -> String {
    match &operation.namespace {
        Some(namespace) if namespace.as_str() != "default" => format!("{namespace}/{}", operation.name),
        _ => operation.name.clone(),
    }
}

fn usage(noun: Noun, name: &str, flags: &[Flag]) -> String {
    let required = flags.iter().filter(|flag| flag.required && flag.path.len() == 1);
    let mut usage = format!("nexus {} {name}", noun.words());
    if noun.whole() == "message" {
        usage.push_str(" --id <ID>");
    }
    for flag in required.take(USAGE_FLAGS_MAX) {
        // Writing to a string cannot fail.
        let value = match flag.shape.kind {
            Kind::Boolean => String::new(),
            _ => format!(" <{}>", arg::value_name(&flag.shape)),
        };
        let _ = write!(usage, " {}{value}", flag.shown());
    }
    usage + " [OPTIONS]"
}

fn after(noun: Noun, name: &str, operation: &Operation, flags: &[Flag]) -> String {
    let mut text = String::new();
    let begin = format!("  $ nexus {} {name}", noun.words());
    for example in &operation.contract.examples {
        let Some(input) = example.input.as_object() else { continue };
        let title = if example.title.is_empty() { String::new() } else { format!("  {}:\n", example.title) };
        let words = spell::line(&spell::words(flags, input));
        let _ = writeln!(text, "{title}{begin} {words}");
    }
    if !text.is_empty() {
        text.insert_str(0, "Examples:\n");
        text.push('\n');
    }
    let files =
        "Every value may be @FILE or - (standard input); @@ begins a text that begins with @. Flags win over";
    let rest = match noun {
        Noun::Message(_) => {
            let whole = noun.whole();
            format!(
                "{files}\n--{whole} JSON. A parameter whose flag belongs to the command is --{whole}.NAME."
            )
        }
        _ => format!(
            "{files}\n--input NAME=VALUE, and that over --json. A field whose flag belongs to the command is \
             --input.NAME."
        ),
    };
    text.push_str(&rest);
    text
}
