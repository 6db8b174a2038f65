//! What a line stands in.

use crate::ide::file::File;
use crate::twf::ast::HandlerKind;
use crate::twf::options::{OptionScope, OptionType};

/// A block, by the line it stands under.
#[derive(Debug, Clone)]
pub(super) struct Around {
    /// First byte of that line.
    pub(super) head: u32,
    /// The words and symbols of that line, as far as they are looked at.
    pub(super) words: Vec<String>,
}

/// How much of a header is looked at: calls in it are found by their first words.
const HEADER_TOKENS_MAX: usize = 8;

impl Around {
    pub(super) fn new(file: &File, head: u32, end: u32) -> Around {
        let words = file.tokens_in(head, end).take(HEADER_TOKENS_MAX).map(|it| file.word(it).to_string());
        Around { head, words: words.collect() }
    }

    pub(super) fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    /// The call that the line makes, by its first word.
    fn call(&self) -> Option<OptionScope> {
        self.words.iter().find_map(|word| match word.as_str() {
            "activity" => Some(OptionScope::ActivityCall),
            "workflow" | "child" => Some(OptionScope::WorkflowCall),
            "nexus" => Some(OptionScope::NexusCall),
            _ => None,
        })
    }
}

/// What may be written on a line of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Definitions.
    Top,
    /// Statements with effects. In the head of a workflow, handlers and other heads too.
    Durable { in_workflow: bool },
    /// Statements of a query or validator.
    Reads { is_validator: bool },
    /// Statements of an activity.
    Activity,
    /// Cases of `await one:`.
    Race,
    /// Cases of `switch`.
    Switch,
    /// Conditions and variables.
    State,
    /// What a worker registers.
    Worker,
    /// What a namespace places.
    Namespace,
    /// Operations.
    Service,
    /// Fields of a type.
    Type,
    /// `options:` and nothing else.
    Under,
    /// Keys of options.
    Options(OptionScope),
    /// Free-form data.
    Free,
}

/// What the blocks around a line allow on it.
pub(super) fn place(around: &[Around]) -> Place {
    let mut place = Place::Top;
    for (at, block) in around.iter().enumerate() {
        place = inside(place, block, at.checked_sub(1).and_then(|at| around.get(at)));
    }
    place
}

/// What a block allows that stands where `outer` is allowed.
fn inside(outer: Place, block: &Around, parent: Option<&Around>) -> Place {
    match (outer, block.word(0), block.word(1)) {
        (Place::Top, "workflow", _) => Place::Durable { in_workflow: true },
        (Place::Top, "activity", _) => Place::Activity,
        (Place::Top, "worker", _) => Place::Worker,
        (Place::Top, "namespace", _) => Place::Namespace,
        (Place::Top, "type", _) => Place::Type,
        (Place::Top, "nexus" | "nexus_service", _) => Place::Service,
        (Place::Top, "nexus_endpoint", _) => Place::Options(OptionScope::Endpoint),
        (Place::Service, _, _) => Place::Durable { in_workflow: false },
        (Place::Options(scope), key, _) => nested(scope, key),
        (Place::Free | Place::Top, ..) => Place::Free,
        (_, "options" | "default_options", _) => parent.map_or(Place::Free, options_of),
        (_, "state", ":") => Place::State,
        (Place::Durable { in_workflow: true }, "query", _) => Place::Reads { is_validator: false },
        (Place::Durable { .. }, "validator", ":") => Place::Reads { is_validator: true },
        (_, "await", "one") => Place::Race,
        (_, "switch", _) => Place::Switch,
        (Place::Namespace, ..) => Place::Under,
        (Place::Durable { .. }, first, second) if makes_call(first, second) => Place::Under,
        (Place::Durable { .. } | Place::Race | Place::Switch, ..) => Place::Durable { in_workflow: false },
        (same, ..) => same,
    }
}

/// Whether a statement has nothing but options under it.
fn makes_call(first: &str, second: &str) -> bool {
    match first {
        "activity" | "workflow" | "nexus" | "detach" | "spawn" | "child" | "promise" => true,
        "await" => second != "all",
        _ => false,
    }
}

fn nested(scope: OptionScope, key: &str) -> Place {
    match scope.key(key).map(|key| key.ty) {
        Some(OptionType::Block(scope)) => Place::Options(scope),
        _ => Place::Free,
    }
}

/// The options that stand under a line.
fn options_of(parent: &Around) -> Place {
    let is_header = |word: &str| parent.word(0) == word;
    let scope = if is_header("signal") || is_header("update") {
        OptionScope::Message
    } else if is_header("query") {
        OptionScope::Query
    } else if is_header("worker") {
        OptionScope::Worker
    } else if parent.word(1) == "endpoint" {
        OptionScope::Endpoint
    } else {
        match parent.call() {
            Some(scope) => scope,
            None => return Place::Free,
        }
    };
    Place::Options(scope)
}

/// Definitions have defaults where calls have options.
pub(super) fn defaults_of(around: &[Around], place: Place) -> Place {
    let is_default = around.len() == 2;
    match place {
        Place::Options(OptionScope::ActivityCall) if is_default => {
            Place::Options(OptionScope::ActivityDefaults)
        }
        Place::Options(OptionScope::WorkflowCall) if is_default => {
            Place::Options(OptionScope::WorkflowDefaults)
        }
        place => place,
    }
}

/// The handler that encloses a line, by kind and name.
pub(super) fn handler(around: &[Around]) -> Option<(HandlerKind, &str)> {
    let header = around.get(1)?;
    let kind = match header.word(0) {
        "signal" => HandlerKind::Signal,
        "query" => HandlerKind::Query,
        "update" => HandlerKind::Update,
        _ => return None,
    };
    Some((kind, header.word(1)))
}
