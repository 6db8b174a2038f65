//! The functions of the language: one table that the checker, the compiler and the interpreter share.
//!
//! All are deterministic. `x.f(a)` is `f(x, a)`, so every entry is a method too.

mod collection;
mod each;
mod number;
mod object;
mod signature;
mod text;
pub mod time;

use std::fmt;

use super::code::Expr;
use super::eval::Eval;
use super::fault::{Fault, Trouble};
use super::value::Value;
use crate::text::source::Span;

pub use signature::{Gives, Kinds, Parameter, SIGNATURES, Signature, signature};

/// A function over values.
pub type Plain = fn(&mut Eval<'_>, &[Value]) -> Result<Value, Trouble>;

/// A function that may call a lambda.
pub type Higher = fn(&mut Eval<'_>, &Call<'_>) -> Result<Value, Fault>;

/// How a builtin runs.
#[derive(Clone, Copy)]
pub enum Run {
    /// With evaluated arguments.
    Plain(Plain),
    /// With evaluated arguments and at most one lambda.
    Higher(Higher),
}

/// The arguments of a builtin that may call a lambda.
pub struct Call<'a> {
    /// The arguments that are values.
    pub values: Vec<Value>,
    /// The number of parameters and the body of the lambda.
    pub lambda: Option<(u32, &'a Expr)>,
    /// The whole call.
    pub span: Span,
}

/// One function.
#[derive(Clone, Copy)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Fewest arguments.
    pub min: usize,
    /// Most arguments.
    pub max: usize,
    /// What it does.
    pub run: Run,
}

impl fmt::Debug for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Builtin {
    /// Whether it can be called with this many arguments.
    pub fn takes(&self, args: usize) -> bool {
        (self.min..=self.max).contains(&args)
    }

    /// How many arguments it takes, for messages.
    pub fn arity(&self) -> String {
        match (self.min, self.max) {
            (min, max) if min == max => min.to_string(),
            (min, MANY) => format!("at least {min}"),
            (min, max) => format!("{min} to {max}"),
        }
    }
}

/// Any number of arguments.
const MANY: usize = usize::MAX;

const fn plain(name: &'static str, min: usize, max: usize, run: Plain) -> Builtin {
    Builtin { name, min, max, run: Run::Plain(run) }
}

const fn higher(name: &'static str, min: usize, max: usize, run: Higher) -> Builtin {
    Builtin { name, min, max, run: Run::Higher(run) }
}

macro_rules! functions {
    ($($name:literal $kind:ident($min:expr, $max:expr) $run:path;)*) => {
        /// The functions, by name.
        static TABLE: &[Builtin] = &[$($kind($name, $min, $max, $run)),*];

        /// Names that a program can call: the functions, and the calls that read a fact about the run.
        pub const NAMES: &[&str] = &["get_caller_info", "get_nexus_caller_info", $($name),*];
    };
}

functions! {
    "abs" plain(1, 1) number::abs;
    "all" higher(1, 2) each::all;
    "any" higher(1, 2) each::any;
    "append" plain(2, 2) collection::append;
    "bool" plain(1, 1) text::bool;
    "ceil" plain(1, 1) number::ceil;
    "chunk" plain(2, 2) collection::chunk;
    "clear" plain(1, 1) collection::clear;
    "contains" plain(2, 2) collection::contains;
    "copy" plain(1, 1) object::copy;
    "count" higher(1, 2) each::count;
    "date_add" plain(2, 2) time::date_add;
    "days" plain(1, 1) time::days;
    "decimal" plain(1, 1) number::decimal;
    "deprecate_patch" plain(1, 1) object::deprecate_patch;
    "duration" plain(1, 1) time::duration;
    "ends_with" plain(2, 2) text::ends_with;
    "entries" plain(1, 1) object::entries;
    "extend" plain(2, 2) collection::extend;
    "filter" higher(2, 2) each::filter;
    "find" higher(2, 2) each::find;
    "first" plain(1, 1) collection::first;
    "floor" plain(1, 1) number::floor;
    "format" plain(1, MANY) text::format;
    "get" plain(2, 3) object::get;
    "hash" plain(1, 1) text::hash;
    "history_length" plain(0, 0) time::history_length;
    "history_size" plain(0, 0) time::history_size;
    "hours" plain(1, 1) time::hours;
    "index_of" plain(2, 2) collection::index_of;
    "int" plain(1, 1) number::int;
    "join" plain(1, 2) text::join;
    "keys" plain(1, 1) object::keys;
    "last" plain(1, 1) collection::last;
    "len" plain(1, 1) collection::len;
    "log" plain(0, MANY) text::log;
    "lower" plain(1, 1) text::lower;
    "map" higher(2, 2) each::map;
    "matches" plain(2, 2) text::matches;
    "max" higher(1, MANY) each::max;
    "merge" plain(1, MANY) object::merge;
    "millis" plain(1, 1) time::millis;
    "min" higher(1, MANY) each::min;
    "minutes" plain(1, 1) time::minutes;
    "now" plain(0, 0) time::now;
    "parse_json" plain(1, 1) text::parse_json;
    "pass" plain(0, 0) object::pass;
    "patched" plain(1, 1) object::patched;
    "pop" plain(1, 2) collection::pop;
    "random" plain(0, 2) number::random;
    "range" plain(1, 3) collection::range;
    "remove" plain(2, 2) collection::remove;
    "replace" plain(3, 3) text::replace;
    "reversed" plain(1, 1) collection::reversed;
    "round" plain(1, 2) number::round;
    "seconds" plain(1, 1) time::seconds;
    "set_details" plain(1, 1) object::set_details;
    "set_memo" plain(1, 1) object::set_memo;
    "set_search_attributes" plain(1, 1) object::set_search_attributes;
    "slice" plain(2, 3) collection::slice;
    "sorted" higher(1, 3) each::sorted;
    "split" plain(1, 2) text::split;
    "starts_with" plain(2, 2) text::starts_with;
    "str" plain(1, 1) text::str;
    "string" plain(1, 1) text::str;
    "sum" higher(1, 2) each::sum;
    "timestamp" plain(1, 1) time::timestamp;
    "to_json" plain(1, 1) text::to_json;
    "trim" plain(1, 1) text::trim;
    "type" plain(1, 1) object::type_of;
    "unique" plain(1, 1) collection::unique;
    "upper" plain(1, 1) text::upper;
    "uuid" plain(0, 0) number::uuid;
    "values" plain(1, 1) object::values;
    "weeks" plain(1, 1) time::weeks;
    "zip" plain(2, 2) collection::zip;
}

/// The function with this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    TABLE.iter().find(|builtin| builtin.name == name)
}

/// The argument at a position; null when it was not given.
fn arg(args: &[Value], at: usize) -> &Value {
    args.get(at).unwrap_or(&Value::Null)
}

/// The refusal of an argument.
fn refuse(what: &str, wanted: &str, got: &Value) -> Trouble {
    Trouble::mismatch(format!("{what} needs {wanted}, got {}", got.kind()))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
