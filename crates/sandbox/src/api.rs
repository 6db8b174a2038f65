//! The host API as one table: what a script calls it, what it needs, what it costs, what crosses the border.
//!
//! Everything that speaks of the API is rendered from [`CALLS`] or compared with it by a test: the numbers in
//! `guest/prelude.js`, the TypeScript declarations, the table in `docs/sandbox.md`, and the test that every call is
//! denied unless granted.

mod calls;
mod render;
mod typescript;

pub use calls::CALLS;
pub use render::markdown;
pub use typescript::typescript;

use crate::capability::Kind;
use crate::op::Op;

/// One call that a script can make.
#[derive(Debug, Clone, Copy)]
pub struct HostCall {
    /// As scripts write it: `ctx.kv.get`, or `crypto.randomUUID` of a global.
    pub name: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// What it must have been granted; nothing when every function may.
    pub needs: Option<Needs>,
    /// What it counts towards the limit of host calls.
    pub units: u64,
    /// Its TypeScript signature, from the parameters on.
    pub signature: &'static str,
    /// JSON Schema of the argument as it crosses the border; empty when nothing does.
    pub argument: &'static str,
    /// JSON Schema of the answer as it crosses the border; empty when nothing does.
    pub answer: &'static str,
    /// A call, for tests and readers: an expression of a script that has `ctx`.
    pub example: &'static str,
    /// The operation behind it; nothing when the prelude has its own import.
    pub(crate) op: Option<Op>,
}

/// A capability that a call needs.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    pub(crate) kind: Kind,
    /// What its scope is, in words of the call; empty when it has none.
    pub scope: &'static str,
    /// The token that the call's example needs.
    pub example: &'static str,
}

impl Needs {
    /// The token's kind, such as `kv:read`.
    pub fn token(&self) -> &'static str {
        self.kind.token()
    }

    /// The token in words: `kv:read:` and what its scope is.
    fn in_words(&self) -> String {
        if self.scope.is_empty() {
            format!("`{}`", self.token())
        } else {
            format!("`{}:` {}", self.token(), self.scope)
        }
    }
}

impl HostCall {
    /// Number of the operation, as the guest passes it; nothing when the call is no operation.
    pub fn number(&self) -> Option<i32> {
        self.op.map(Op::number)
    }
}

/// The call that costs what an operation costs: several calls may be one operation.
pub(crate) fn units(op: Op) -> u64 {
    CALLS.iter().find(|call| call.op == Some(op)).map_or(1, |call| call.units)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use nexus_kernel::Json;

    use super::*;
    use crate::capability::{Capabilities, Capability};

    const PRELUDE: &str = include_str!("../guest/prelude.js");

    #[test]
    fn names_are_unique_and_every_operation_has_a_call() {
        let names: BTreeSet<&str> = CALLS.iter().map(|call| call.name).collect();
        assert_eq!(names.len(), CALLS.len());
        for op in Op::ALL {
            assert!(CALLS.iter().any(|call| call.op == Some(*op)), "{op:?} has no row");
        }
    }

    #[test]
    fn calls_of_one_operation_cost_the_same() {
        for call in CALLS {
            let Some(op) = call.op else { continue };
            assert_eq!(call.units, units(op), "{}", call.name);
        }
    }

    #[test]
    fn schemas_are_json_and_examples_make_the_call() {
        for call in CALLS {
            for schema in [call.argument, call.answer] {
                let is_fine =
                    schema.is_empty() || serde_json::from_str::<Json>(schema).is_ok_and(|it| it.is_object());
                assert!(is_fine, "{}: {schema}", call.name);
            }
            assert!(call.example.contains(call.name), "{}: {}", call.name, call.example);
            assert!(call.doc.ends_with('.') && call.signature.starts_with(['(', '<']), "{}", call.name);
        }
    }

    #[test]
    fn examples_need_what_the_row_says() {
        for (call, needs) in CALLS.iter().filter_map(|call| Some((call, call.needs?))) {
            let token =
                Capability::parse(needs.example).unwrap_or_else(|error| panic!("{}: {error}", call.name));
            assert!(token.to_string().starts_with(needs.token()), "{}", call.name);
        }
        assert!(
            Capabilities::parse(CALLS.iter().filter_map(|call| call.needs).map(|needs| needs.example))
                .is_ok()
        );
    }

    #[test]
    fn the_prelude_has_the_numbers_of_the_table() {
        let declared = PRELUDE.lines().map(str::trim).filter_map(|line| line.strip_prefix("const "));
        let upper = |name: &str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let pairs = declared.flat_map(|line| line.trim_end_matches(';').split(", ")).filter_map(|pair| {
            let (name, number) = pair.split_once(" = ")?;
            (upper(name) && name != "CAUSES_MAX").then_some((name.to_owned(), number.parse::<i32>().ok()?))
        });
        let pairs: BTreeMap<String, i32> = pairs.collect();
        let known: BTreeMap<String, i32> =
            Op::ALL.iter().map(|op| (screaming(&format!("{op:?}")), op.number())).collect();
        assert_eq!(pairs, known, "prelude.js and op.rs number the same operations");
    }

    fn screaming(name: &str) -> String {
        let mut made = String::new();
        for c in name.chars() {
            if c.is_ascii_uppercase() && !made.is_empty() {
                made.push('_');
            }
            made.push(c.to_ascii_uppercase());
        }
        made
    }

    #[test]
    fn the_page_shows_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sandbox.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (begin, end) = ("<!-- host API: rendered -->\n", "<!-- host API: end -->");
        let (head, rest) = page.split_once(begin).expect("docs/sandbox.md shows the host API");
        let (shown, tail) = rest.split_once(end).expect("docs/sandbox.md ends the host API");
        if shown == markdown() {
            return;
        }
        assert!(
            std::env::var_os("NEXUS_UPDATE_SCHEMAS").is_some(),
            "docs/sandbox.md is not what the table says"
        );
        std::fs::write(path, format!("{head}{begin}{}{end}{tail}", markdown())).unwrap();
    }
}
