//! One file that has been read: what it imports, what it exports, and what must change in it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use oxc_semantic::SymbolId;

use super::edit::Edit;
use super::facts::Function;
use super::map::Origin;

/// One file.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) origin: Arc<Origin>,
    pub(crate) kind: Kind,
    /// Whether types were taken out of it.
    pub(crate) is_typed: bool,
    /// What it asks for, in order of the text.
    pub(crate) requests: Vec<Request>,
    /// Names that it imports: of which request, which name, and where.
    pub(crate) imports: Vec<(usize, String, usize)>,
    pub(crate) exports: BTreeMap<String, Export>,
    /// Requests all of whose exports it hands on.
    pub(crate) stars: Vec<usize>,
    pub(crate) edits: Vec<Edit>,
    /// Its functions, when it is no package's.
    pub(crate) functions: Vec<Function>,
    /// Imported variables: of which request, and which name; all of it without one.
    pub(crate) bound: HashMap<SymbolId, (usize, Option<String>)>,
    /// Where it waits outside of every function.
    pub(crate) awaits: Option<usize>,
    /// Whether it speaks of `global`, the name of the global object elsewhere.
    pub(crate) uses_global: bool,
}

impl Unit {
    /// A file of which nothing is known but where it comes from.
    pub(crate) fn new(origin: Arc<Origin>, kind: Kind) -> Unit {
        Unit {
            origin,
            kind,
            is_typed: false,
            requests: Vec::new(),
            imports: Vec::new(),
            exports: BTreeMap::new(),
            stars: Vec::new(),
            edits: Vec::new(),
            functions: Vec::new(),
            bound: HashMap::new(),
            awaits: None,
            uses_global: false,
        }
    }
}

/// What kind of module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// With `import` and `export`.
    Esm,
    /// With `require` and `module.exports`.
    Common,
    /// A value.
    Json,
}

/// A module that is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) specifier: String,
    /// The byte of the JavaScript where it is asked for.
    pub(crate) at: usize,
    pub(crate) way: Way,
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `import … from` or `export … from`: evaluated before the file itself.
    Import,
    /// `import(…)`.
    Later,
    /// `require(…)`; inside of a `try` it may fail when it runs.
    Require { may_fail: bool },
}

/// What an exported name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Export {
    /// A variable of the file.
    Local(String),
    /// What a request exports under a name.
    From(usize, String),
    /// All that a request exports, as an object.
    Space(usize),
}
