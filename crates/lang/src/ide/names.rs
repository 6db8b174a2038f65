//! Every name in a file, with what it names as far as the file itself can tell.
//!
//! References are kept by path, not resolved: a file's names stay as they are while other files change.

mod body;
mod definition;
mod expr;
mod scope;

use std::collections::HashMap;

use crate::text::source::Span;
use crate::twf::ast::{HandlerKind, Ident, Name as Text, Target, Unit};
use crate::twf::options::OptionScope;
use scope::Scopes;

/// Types that every file knows, beside those of `type` blocks.
pub const PRIMITIVES: &[&str] =
    &["any", "bool", "bytes", "decimal", "duration", "int", "null", "string", "time", "timestamp"];

/// Names that have a value without being assigned: the run, the handled message, the caller of an operation.
pub const PSEUDO: &[&str] = &["caller", "signal", "update", "workflow"];

/// A name at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// Where; quotes left out.
    pub span: Span,
    /// The name as written.
    pub text: Text,
    /// What it names.
    pub name: Name,
    /// What it does there.
    pub role: Role,
    /// Whether it stands for a field and for the variable of the same name, as in `Order{id}`.
    pub is_short: bool,
}

/// What a name does where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Makes the name known.
    Definition,
    /// Gives a variable a value.
    Write,
    /// Uses it.
    Read,
}

/// `qualifier.name` as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Package leaf or alias.
    pub qualifier: Option<Text>,
    /// The symbol.
    pub name: Text,
}

/// Whose message it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// That of the definition with this number in the same file.
    Here(u32),
    /// That of a workflow.
    Workflow(Path),
    /// Nobody knows: the handle is no promise of a workflow.
    Unknown,
}

/// What takes arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callee {
    /// A workflow.
    Workflow(Path),
    /// An activity.
    Activity(Path),
    /// An operation of a service.
    Operation(Path, Text),
    /// A message.
    Message(HandlerKind, Owner, Text),
}

/// What a local name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Local {
    /// A variable.
    Variable,
    /// A parameter.
    Parameter,
    /// A promise.
    Promise,
    /// A condition.
    Condition,
}

/// What an occurrence names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A workflow, with the qualifier before it.
    Workflow(Option<Text>),
    /// An activity.
    Activity(Option<Text>),
    /// A worker of this package.
    Worker,
    /// A Nexus service.
    Service(Option<Text>),
    /// A namespace.
    Namespace,
    /// An endpoint, cluster-wide.
    Endpoint,
    /// A type or label.
    Type,
    /// A package, by its name in this file.
    Package,
    /// An operation of a service.
    Operation(Path),
    /// A signal, query or update.
    Message(HandlerKind, Owner),
    /// A name of one definition: the number of the definition, the scope in it, what it is.
    Local(u32, u32, Local),
    /// The name of an argument.
    Argument(Callee),
    /// A field of a named type.
    Field(Text),
    /// A field of a value whose type the file does not tell.
    Member,
    /// A field of the run: `workflow.id`.
    RunField,
    /// A name that is there without being assigned.
    Pseudo,
    /// A function of the language, called by its name or as a method.
    Function,
    /// The key of an option.
    Key(OptionScope),
    /// An annotation.
    Annotation,
}

/// All names of a file by place.
pub fn collect(unit: &Unit, text: &str) -> Vec<Occurrence> {
    let mut collector = Collector {
        text,
        out: Vec::new(),
        owner: 0,
        next_scope: 1,
        scopes: Scopes::default(),
        promises: HashMap::new(),
        words: Vec::new(),
        first: 0,
    };
    collector.unit(unit);
    let mut out = collector.out;
    out.sort_by_key(|it| (it.span.start, it.span.end));
    out
}

/// Walks the tree of a file.
struct Collector<'a> {
    text: &'a str,
    out: Vec<Occurrence>,
    /// The number of the definition that is being walked.
    owner: u32,
    next_scope: u32,
    scopes: Scopes,
    /// The promises of the definition, for signals to their runs.
    promises: HashMap<&'a str, &'a Target>,
    /// Names in options that are variables only if the definition has one of that name.
    words: Vec<usize>,
    /// Where the names of the definition begin.
    first: usize,
}

impl Collector<'_> {
    fn add(&mut self, ident: &Ident, name: Name, role: Role) {
        self.add_at(ident.span, &ident.name, name, role);
    }

    /// Adds a name when the text really has it there: the tree holds names of older spellings that nobody wrote.
    fn add_at(&mut self, span: Span, text: &str, name: Name, role: Role) {
        let written = self.text.get(span.start as usize..span.end as usize).unwrap_or("");
        let inner = Span { start: span.start + 1, end: span.end.saturating_sub(1), ..span };
        let span = match written {
            _ if written == text => span,
            _ if written.len() == text.len() + 2 && written.get(1..=text.len()) == Some(text) => inner,
            _ => return,
        };
        if !text.is_empty() {
            self.out.push(Occurrence { span, text: text.into(), name, role, is_short: false });
        }
    }

    fn local(&mut self, ident: &Ident, kind: Local, role: Role) {
        let scope =
            if role == Role::Read { self.scopes.of(&ident.name) } else { self.scopes.bind(&ident.name) };
        self.add(ident, Name::Local(self.owner, scope, kind), role);
    }

    /// Begins the names of a definition, or of one operation of a service.
    fn begin(&mut self, base: u32, next: u32) {
        self.scopes = Scopes::new(base);
        self.next_scope = next;
        self.promises.clear();
        self.first = self.out.len();
    }

    fn fresh_scope(&mut self) -> u32 {
        self.next_scope += 1;
        self.next_scope - 1
    }

    /// Ends the names of a definition: every local name learns what it is from where it is defined, and names
    /// without a definition are those of the language.
    fn end(&mut self) {
        let mut kinds: HashMap<(u32, Text), Local> = HashMap::new();
        for it in self.out.iter().skip(self.first).filter(|it| it.role != Role::Read) {
            if let Name::Local(_, scope, kind) = it.name {
                let known = kinds.entry((scope, it.text.clone())).or_insert(kind);
                *known = kind.max(*known);
            }
        }
        let has_run = !kinds.keys().any(|(_, name)| name == "workflow");
        for it in self.out.iter_mut().skip(self.first) {
            match &mut it.name {
                Name::Local(_, scope, kind) => match kinds.get(&(*scope, it.text.clone())) {
                    Some(known) => *kind = *known,
                    None if PSEUDO.contains(&it.text.as_str()) => it.name = Name::Pseudo,
                    None => {}
                },
                Name::RunField if !has_run => it.name = Name::Member,
                _ => {}
            }
        }
        self.drop_words(&kinds);
    }

    fn drop_words(&mut self, kinds: &HashMap<(u32, Text), Local>) {
        let words = std::mem::take(&mut self.words);
        let is_free = |it: &Occurrence| match it.name {
            Name::Local(_, scope, _) => !kinds.contains_key(&(scope, it.text.clone())),
            _ => false,
        };
        for at in words.into_iter().rev() {
            if self.out.get(at).is_some_and(is_free) {
                self.out.remove(at);
            }
        }
    }
}
