//! Findings about functions: parameters that do not fit how they are called, and capabilities that are missing or
//! needless. All of it is advice read off the text; what a function may do is decided at each call.

use std::collections::BTreeMap;

use nexus_lang::text::diagnostic::Severity;
use nexus_lang::twf::program::{ActivityInfo, Program};
use nexus_sandbox::source::{Function, Need, Place};
use nexus_sandbox::{Capabilities, Capability};

use super::Bindings;
use crate::config::FILE;
use crate::project::Project;

/// A finding about a script or what is granted to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub code: &'static str,
    /// How grave.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// All findings about the functions of a project.
pub fn findings(
    project: &Project,
    program: &Program,
    bindings: &Bindings,
    functions: &BTreeMap<String, Function>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for function in functions.values() {
        // Helpers that are exported as well are called by functions, which are granted what they need.
        let Some(activity) = program.activity(&function.name) else { continue };
        found.extend(parameters(activity, function));
        let granted = bindings.grants.of(&function.name);
        found.extend(function.needs.iter().filter_map(|need| missing(function, need, granted)));
        found.extend(function.blind.iter().map(|place| blind(function, place)));
    }
    found.extend(needless(project, functions));
    found.sort_by(|a, b| (&a.place, a.code, &a.message).cmp(&(&b.place, b.code, &b.message)));
    found.dedup();
    found
}

/// A function that takes the arguments of an activity one by one, and gets them as one object.
fn parameters(activity: &ActivityInfo, function: &Function) -> Option<Finding> {
    let declared: Vec<&str> = activity.params.iter().map(|param| param.name.as_str()).collect();
    let taken = &function.parameters;
    let (_, place) = taken.first()?;
    let is_named = |index: usize| {
        let name = taken.get(index).and_then(|(name, _)| name.as_deref());
        name.is_some() && name == declared.get(index).copied()
    };
    let fits_one_by_one = match declared.len() {
        0 => false,
        1 => taken.len() > 2,
        _ => taken.len() > 2 || is_named(0) || is_named(1),
    };
    if !fits_one_by_one {
        return None;
    }
    let name = &activity.name;
    let (how, wanted) = match declared.as_slice() {
        [only] => (format!("its argument {only} and the context"), format!("{name}({only}, ctx)")),
        several => {
            let names = several.join(", ");
            (format!("one object with {names}, and the context"), format!("{name}({{ {names} }}, ctx)"))
        }
    };
    Some(Finding {
        code: "SCRIPT_PARAMETERS",
        severity: Severity::Warning,
        place: place.clone(),
        message: format!("{name} takes its parameters one by one, and is called with {how}"),
        help: format!("write it as {wanted}"),
    })
}

fn missing(function: &Function, need: &Need, granted: &Capabilities) -> Option<Finding> {
    let is_enough = if need.is_guess {
        granted.tokens().any(|token| token.overlaps(&need.capability))
    } else {
        granted.cover(&need.capability)
    };
    if is_enough {
        return None;
    }
    let Function { name, .. } = function;
    let (token, call) = (need.capability.to_string(), need.call);
    let kind = token.trim_end_matches(":*");
    let (message, example) = if need.is_guess {
        (format!("{name} calls {call} and is granted no {kind} at all"), format!("{kind}:NAME"))
    } else {
        (format!("{name} calls {call} and is not granted {token}"), token.clone())
    };
    Some(Finding {
        code: "MISSING_CAPABILITY",
        severity: Severity::Warning,
        place: need.place.clone(),
        message,
        help: format!("in nexus.toml under [sandbox.functions.{name}]: capabilities = [\"{example}\"]"),
    })
}

fn blind(function: &Function, place: &Place) -> Finding {
    Finding {
        code: "DYNAMIC_CONTEXT",
        severity: Severity::Info,
        place: place.clone(),
        message: format!(
            "the context of {} goes out of sight here: what it needs is not known",
            function.name
        ),
        help: "call ctx.kv, ctx.http and the like by these names".to_owned(),
    }
}

/// Grants that no function uses, as far as the texts tell.
fn needless(project: &Project, functions: &BTreeMap<String, Function>) -> Vec<Finding> {
    let sandbox = &project.config.sandbox;
    let uses = |function: &Function, token: &Capability| {
        !function.blind.is_empty() || function.needs.iter().any(|need| token.overlaps(&need.capability))
    };
    let mut found = Vec::new();
    let mut tell = |token: &str, who: &str| {
        found.push(Finding {
            code: "UNUSED_CAPABILITY",
            severity: Severity::Info,
            place: in_config(project, token),
            message: format!("{who} {token}"),
            help: "remove it when the code is as it should be: less granted is less to lose".to_owned(),
        });
    };
    for token in &sandbox.capabilities {
        let Ok(read) = Capability::parse(token) else { continue };
        if !functions.values().any(|function| uses(function, &read)) {
            tell(token, "no function uses");
        }
    }
    for (name, config) in &sandbox.functions {
        let Some(function) = functions.get(name) else { continue };
        for token in &config.capabilities {
            if Capability::parse(token).is_ok_and(|read| !uses(function, &read)) {
                tell(token, &format!("{name} does not use"));
            }
        }
    }
    found
}

/// Where the configuration names a token.
fn in_config(project: &Project, token: &str) -> Place {
    let text = std::fs::read_to_string(project.root.join(FILE)).unwrap_or_default();
    let quoted = format!("\"{token}\"");
    let found = text.lines().zip(1_u32..).find_map(|(line, number)| {
        let at = line.find(&quoted)?;
        let column = line.get(..at).map_or(0, |before| before.chars().count());
        Some((number, u32::try_from(column + 1).unwrap_or(1)))
    });
    let (line, column) = found.unwrap_or((1, 1));
    Place { file: FILE.to_owned(), line, column }
}
