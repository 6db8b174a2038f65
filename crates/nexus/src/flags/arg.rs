//! Flags as arguments of clap: what help and completion show, and what was given on the command line.
//!
//! Values are read by [`super::value`] afterwards, not by clap: errors must name what the schema wants, and must not
//! repeat a secret.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::input::{Given, Said};
use super::shape::{Kind, Shape};
use super::{Flag, value};

/// Ids of these arguments begin like this, so that they meet no other.
const PREFIX: &str = "field:";

/// Adds the flags to a command, under a heading of their own.
pub fn add(command: Command, flags: &[Flag], heading: &str) -> Command {
    flags.iter().fold(command, |command, flag| {
        let command = command.arg(positive(flag, heading));
        match &flag.negative {
            None => command,
            Some(negative) => command.arg(
                Arg::new(format!("{PREFIX}no:{}", flag.name))
                    .long(negative.clone())
                    .action(ArgAction::SetTrue)
                    .overrides_with(format!("{PREFIX}{}", flag.name))
                    .help_heading(heading.to_owned())
                    .help(format!("The opposite of {}", flag.shown()))
                    .hide(true),
            ),
        }
    })
}

fn positive(flag: &Flag, heading: &str) -> Arg {
    let arg = Arg::new(format!("{PREFIX}{}", flag.name)).long(flag.name.clone());
    let arg = arg.help_heading(heading.to_owned()).help(short_help(flag)).long_help(long_help(flag));
    let arg = match &flag.alias {
        Some(alias) => arg.alias(alias.clone()),
        None => arg,
    };
    let action = if flag.is_repeatable() { ArgAction::Append } else { ArgAction::Set };
    let arg = arg.action(action).value_name(value_name(&flag.shape)).hide_possible_values(true);
    let arg = arg.value_parser(Loose(choices(&flag.shape))).allow_negative_numbers(true);
    if flag.shape.kind == Kind::Boolean {
        return arg.num_args(0..=1).require_equals(true).default_missing_value("true");
    }
    arg.num_args(1)
}

/// What was given of these flags.
pub fn given(flags: &[Flag], matches: &ArgMatches) -> Given {
    let said = |flag: &Flag| {
        let texts = matches.get_many::<String>(&format!("{PREFIX}{}", flag.name));
        if let Some(texts) = texts {
            return Some((flag.clone(), Said::Values(texts.cloned().collect())));
        }
        let is_no = flag.negative.is_some() && matches.get_flag(&format!("{PREFIX}no:{}", flag.name));
        is_no.then(|| (flag.clone(), Said::No))
    };
    Given(flags.iter().filter_map(said).collect())
}

/// A text whatever it is, with the values that help and completion offer.
#[derive(Clone)]
struct Loose(Vec<PossibleValue>);

impl TypedValueParser for Loose {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        if self.0.is_empty() { None } else { Some(Box::new(self.0.iter().cloned())) }
    }
}

fn choices(shape: &Shape) -> Vec<PossibleValue> {
    match &shape.kind {
        Kind::Choice(values) => values.iter().map(|it| PossibleValue::new(value::shown(it))).collect(),
        Kind::List(item) => choices(item),
        Kind::Boolean => vec![PossibleValue::new("true"), PossibleValue::new("false")],
        _ => Vec::new(),
    }
}

/// What stands for a value in help.
pub fn value_name(shape: &Shape) -> String {
    match &shape.kind {
        Kind::Text(word) => (*word).to_owned(),
        Kind::Integer => "INTEGER".to_owned(),
        Kind::Number => "NUMBER".to_owned(),
        Kind::Boolean => "true|false".to_owned(),
        Kind::Choice(values) => {
            let all = values.iter().map(value::shown).collect::<Vec<_>>().join("|");
            if all.len() <= NAME_MAX { all } else { "CHOICE".to_owned() }
        }
        Kind::List(item) => value_name(item),
        Kind::Map(_) => "NAME=VALUE".to_owned(),
        Kind::Object => "JSON".to_owned(),
        Kind::Union(types) => types.iter().map(|it| it.name().to_uppercase()).collect::<Vec<_>>().join("|"),
        Kind::Any => "JSON|TEXT".to_owned(),
    }
}

/// A list of choices that is longer than this stands below the flag rather than beside it.
const NAME_MAX: usize = 32;

/// The first line of what a field means, with what else one must know.
fn short_help(flag: &Flag) -> String {
    let first = flag.doc.lines().next().unwrap_or_default();
    [first.to_owned(), remarks(flag)]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn long_help(flag: &Flag) -> String {
    let parts = [flag.doc.clone(), remarks(flag)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn remarks(flag: &Flag) -> String {
    let mut remarks = Vec::new();
    if flag.deprecated {
        remarks.push("deprecated".to_owned());
    }
    if flag.required {
        let around = flag.name.rsplit_once('.').filter(|_| flag.path.len() > 1);
        remarks.push(
            around.map_or_else(|| "required".to_owned(), |(object, _)| format!("required in --{object}")),
        );
    }
    match &flag.shape.kind {
        Kind::List(_) => remarks.push("repeatable".to_owned()),
        Kind::Map(_) => remarks.push("repeatable, or JSON".to_owned()),
        Kind::Object if !flag.secret => remarks.push("or its fields one by one".to_owned()),
        Kind::Choice(values) if value_name(&flag.shape) == "CHOICE" => {
            remarks
                .push(format!("one of {}", values.iter().map(value::shown).collect::<Vec<_>>().join(", ")));
        }
        _ => {}
    }
    if let Some(negative) = &flag.negative {
        remarks.push(if flag.shape.kind == Kind::Boolean {
            format!("or --{negative}")
        } else {
            format!("--{negative} for null")
        });
    }
    if let Some(default) = flag.default.as_ref().filter(|default| !flag.secret && !default.is_null()) {
        remarks.push(format!("default: {}", value::shown(default)));
    }
    if flag.secret {
        remarks.push("secret: give @FILE, or - to type it unseen".to_owned());
    }
    if remarks.is_empty() { String::new() } else { format!("[{}]", remarks.join("; ")) }
}
