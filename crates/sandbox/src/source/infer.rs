//! What a function needs to have been granted, as far as its text tells. Advice, never enforcement: the host checks every
//! call against what was granted, whatever is found here.

use std::collections::HashSet;

use super::graph::Graph;
use super::trace::{Callee, How, Text, Use};
use super::unit::{Export, Unit};
use crate::api::{CALLS, HostCall};
use crate::capability::{Capability, Kind};

/// The parameter that a function gets its context in.
const CONTEXT: usize = 1;
/// Most functions that a context is followed through.
const STEPS_MAX: usize = 500;

/// A place in a file as written: path, line and column from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Relative to the project.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

/// An exported function, as its text tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The exported name.
    pub name: String,
    /// Where it is defined.
    pub place: Place,
    /// Its parameters; one that takes its argument apart has no name.
    pub parameters: Vec<(Option<String>, Place)>,
    /// What it needs.
    pub needs: Vec<Need>,
    /// Where its context goes out of sight: there it may need anything.
    pub blind: Vec<Place>,
}

/// A capability that a call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// As narrow as the text tells.
    pub capability: Capability,
    /// The call, as scripts write it.
    pub call: &'static str,
    /// Whether its scope could not be seen, so that the capability is wider than what is needed.
    pub is_guess: bool,
    /// Where it is called.
    pub place: Place,
}

/// The exported functions of the file that a graph begins with.
pub(crate) fn functions(graph: &Graph) -> Vec<Function> {
    let names = graph.names(0, &mut HashSet::new());
    let mut found: Vec<Function> =
        names.into_iter().filter_map(|(name, owner)| function(graph, owner, name)).collect();
    found.sort_by(|a, b| a.place.cmp(&b.place));
    found
}

fn function(graph: &Graph, owner: usize, name: String) -> Option<Function> {
    let (id, local) = graph.definition(owner, &name, STEPS_MAX)?;
    let unit = graph.units.get(id)?;
    let function = unit.functions.iter().find(|function| function.name == local)?;
    let mut walk = Walk { graph, needs: Vec::new(), blind: Vec::new(), seen: HashSet::new() };
    walk.function(id, &local, CONTEXT);
    walk.blind.sort_unstable();
    walk.blind.dedup();
    let parameters =
        function.parameters.iter().map(|parameter| (parameter.name.clone(), place(unit, parameter.at)));
    Some(Function {
        name,
        place: place(unit, function.at),
        parameters: parameters.collect(),
        needs: walk.needs,
        blind: walk.blind,
    })
}

fn place(unit: &Unit, at: usize) -> Place {
    let (line, column) = unit.origin.place(at);
    Place { file: unit.origin.path.clone(), line, column }
}

impl Graph {
    /// Where an export is defined: the module and its variable.
    fn definition(&self, id: usize, name: &str, steps: usize) -> Option<(usize, String)> {
        let steps = steps.checked_sub(1)?;
        let unit = self.units.get(id)?;
        match unit.exports.get(name) {
            Some(Export::Local(local)) => Some((id, local.clone())),
            Some(Export::From(request, name)) => self.definition(self.linked(id, *request)?, name, steps),
            Some(Export::Space(_)) => None,
            None => {
                let mut stars = unit.stars.iter().filter_map(|request| self.linked(id, *request));
                stars.find_map(|to| self.definition(to, name, steps))
            }
        }
    }
}

/// Follows a context from function to function.
struct Walk<'g> {
    graph: &'g Graph,
    needs: Vec<Need>,
    blind: Vec<Place>,
    seen: HashSet<(usize, String, usize)>,
}

impl Walk<'_> {
    fn function(&mut self, id: usize, local: &str, index: usize) -> bool {
        let Some(unit) = self.graph.units.get(id) else { return false };
        let Some(function) = unit.functions.iter().find(|function| function.name == local) else {
            return false;
        };
        if self.seen.len() >= STEPS_MAX {
            return false;
        }
        if !self.seen.insert((id, local.to_owned(), index)) {
            return true;
        }
        // A parameter that is not there is not used.
        for found in function.parameters.get(index).map(|parameter| &parameter.uses).into_iter().flatten() {
            self.used(id, unit, found);
        }
        true
    }

    fn used(&mut self, id: usize, unit: &Unit, found: &Use) {
        let name = format!("ctx{}{}", if found.path.is_empty() { "" } else { "." }, found.path.join("."));
        let call = CALLS.iter().find(|call| call.name == name);
        match (&found.how, call) {
            (How::Called(arguments), Some(call)) => {
                self.needs.extend(needs(call, arguments, place(unit, found.at)));
            }
            (How::Passed { to, index }, _) if found.path.is_empty() => {
                let target = match to {
                    Callee::Symbol(symbol) => self.target(id, unit, *symbol),
                    Callee::Unknown => None,
                };
                if !target.is_some_and(|(to, local)| self.function(to, &local, *index)) {
                    self.blind.push(place(unit, found.at));
                }
            }
            (How::Bound, _) => {}
            _ if is_part_of_api(&name) => self.blind.push(place(unit, found.at)),
            _ => {}
        }
    }

    /// The function that a variable of a module means.
    fn target(&self, id: usize, unit: &Unit, symbol: oxc_semantic::SymbolId) -> Option<(usize, String)> {
        if let Some(function) = unit.functions.iter().find(|function| function.symbol == Some(symbol)) {
            return Some((id, function.name.clone()));
        }
        let (request, name) = unit.bound.get(&symbol)?;
        self.graph.definition(self.graph.linked(id, *request)?, name.as_deref()?, STEPS_MAX)
    }
}

/// Whether something that can need a capability lies at or under a name.
fn is_part_of_api(name: &str) -> bool {
    let is_at_or_under = |call: &&HostCall| {
        call.needs.is_some()
            && call.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    CALLS.iter().any(|call| is_at_or_under(&call))
}

/// What a call needs.
fn needs(call: &'static HostCall, arguments: &[Text], place: Place) -> Vec<Need> {
    let Some(needed) = call.needs else { return Vec::new() };
    let first = arguments.first().unwrap_or(&Text::Unknown);
    let need = |kind: Kind, scope: Option<String>| Need {
        is_guess: scope.is_none(),
        capability: Capability::of(kind, scope.unwrap_or_else(|| "*".to_owned())),
        call: call.name,
        place: place.clone(),
    };
    match call.name {
        _ if needed.scope.is_empty() => vec![Need { is_guess: false, ..need(needed.kind, None) }],
        "ctx.http" => vec![need(needed.kind, host(first))],
        "ctx.kv.list" => {
            vec![need(needed.kind, if arguments.is_empty() { Some("*".to_owned()) } else { under(first) })]
        }
        "ctx.kv.commit" => commit(first).into_iter().map(|(kind, scope)| need(kind, scope)).collect(),
        _ => vec![need(needed.kind, scope(first))],
    }
}

/// The scope that a name needs.
fn scope(text: &Text) -> Option<String> {
    match text {
        Text::Exact(name) => Some(name.clone()),
        Text::Prefix(head) => Some(format!("{head}*")),
        _ => None,
    }
}

/// The scope that all names under a prefix need.
fn under(text: &Text) -> Option<String> {
    match text {
        Text::Exact(head) | Text::Prefix(head) => Some(format!("{head}*")),
        _ => None,
    }
}

/// The host of a URL, with its port when that is unusual.
fn host(text: &Text) -> Option<String> {
    let (url, is_whole) = match text {
        Text::Exact(url) => (url, true),
        Text::Prefix(head) => (head, false),
        _ => return None,
    };
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#', '\\']);
    let authority = rest.get(..end.or_else(|| is_whole.then_some(rest.len()))?)?;
    let authority = authority.rsplit('@').next()?.to_ascii_lowercase();
    let usual = if scheme.eq_ignore_ascii_case("http") { ":80" } else { ":443" };
    let host = authority.strip_suffix(usual).unwrap_or(&authority);
    (!host.is_empty()).then(|| host.to_owned())
}

/// What a commit needs: for each key that is changed or checked.
fn commit(text: &Text) -> Vec<(Kind, Option<String>)> {
    let Text::Object(parts) = text else { return vec![(Kind::KvWrite, None)] };
    let mut needs = Vec::new();
    for (part, value) in parts {
        let kind = if part == "check" { Kind::KvRead } else { Kind::KvWrite };
        match value {
            Text::Object(entries) if part == "put" => {
                needs.extend(entries.iter().map(|(key, _)| (kind, Some(key.clone()))));
            }
            Text::List(entries) => needs.extend(entries.iter().map(|entry| (kind, scope(key_of(entry))))),
            _ => needs.push((kind, None)),
        }
    }
    needs
}

/// The key of an entry: itself, or its member of that name.
fn key_of(entry: &Text) -> &Text {
    match entry {
        Text::Object(members) => {
            members.iter().find(|(name, _)| name == "key").map_or(&Text::Unknown, |(_, value)| value)
        }
        other => other,
    }
}
