//! What the handler of a panel needs to have been granted, as far as its text tells: reads and writes of its state, events,
//! commands to the view, extensions. Advice for those who declare capabilities; the host checks every call all the same.

use std::collections::BTreeMap;

use oxc_allocator::Allocator;
use oxc_parser::{ParseOptions, Parser};
use oxc_semantic::SemanticBuilder;
use oxc_span::SourceType;

use super::map::Origin;
use super::trace::{Callee, How, Text, Tracer, Use};
use super::{depth, edit, on_large_stack, parse};
use crate::compile::JsError;

/// Methods that change what they are called on.
const MUTATING: &[&str] = &[
    "push",
    "pop",
    "shift",
    "unshift",
    "splice",
    "sort",
    "reverse",
    "fill",
    "copyWithin",
    "set",
    "delete",
    "add",
    "clear",
];
/// Methods of `$state` itself.
const STATE_METHODS: &[&str] = &["get", "set", "delete", "has", "keys", "update"];
/// Commands to the view that name a component first.
const VIEW_METHODS: &[&str] = &["setFilter", "scrollTo", "focus", "command", "getElementById"];
/// What `$ext` has beside extensions; it needs nothing.
const EXT_UTILITIES: &[&str] = &["exists", "methods", "list"];

/// What a handler needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PanelNeeds {
    /// Tokens such as `state:write:count`, each with the line and column (from 1) of its first use.
    pub tokens: BTreeMap<String, (u32, u32)>,
    /// Where a key, event, component or extension is not named by the text (`DYNAMIC_STATE_ACCESS`): the token there
    /// is the wildcard of its type.
    pub dynamic: Vec<(u32, u32)>,
}

/// Reads off what a handler needs. `text` is the body of an async function; `is_state` says whether a key is declared,
/// because a declared key hides the method of `$state` with its name.
pub fn panel_needs(
    file: &str,
    text: &str,
    is_state: impl Fn(&str) -> bool + Sync,
) -> Result<PanelNeeds, Vec<JsError>> {
    if let Some(at) = depth::too_deep(text) {
        let place = Some(edit::place(text, at));
        return Err(vec![JsError::new(file, place, "the code is nested too deeply to be read")]);
    }
    on_large_stack(|| examine(file, text, &is_state)).unwrap_or_else(|| {
        Err(vec![JsError::of_sandbox(file, "reading the handler failed inside of the parser")])
    })
}

fn examine(file: &str, text: &str, is_state: &dyn Fn(&str) -> bool) -> Result<PanelNeeds, Vec<JsError>> {
    let origin = Origin { path: file.to_owned(), js: text.to_owned(), tokens: None };
    let allocator = Allocator::default();
    let options = ParseOptions { allow_return_outside_function: true, ..ParseOptions::default() };
    // A module may wait at its top, as a handler may.
    let parsed = Parser::new(&allocator, text, SourceType::mjs()).with_options(options).parse();
    if parsed.diagnostics.has_errors() {
        return Err(parse::errors(&parsed.diagnostics, &origin));
    }
    let semantic = SemanticBuilder::new().with_build_nodes(true).build(&parsed.program).semantic;
    let mut found = Found { origin: &origin, is_state, needs: PanelNeeds::default() };
    for name in ["$state", "$emit", "$ext", "$view", "NexusAPI"] {
        for one in Tracer::new(semantic.scoping(), semantic.nodes()).of_global(name) {
            match (name, one.path.split_first()) {
                ("NexusAPI", Some((inner, rest))) => {
                    found.take(inner, &Use { path: rest.to_vec(), ..one.clone() });
                }
                ("NexusAPI", None) => {
                    for it in ["$state", "$emit", "$ext", "$view"] {
                        found.take(it, &one);
                    }
                }
                _ => found.take(name, &one),
            }
        }
    }
    Ok(found.needs)
}

struct Found<'f> {
    origin: &'f Origin,
    is_state: &'f dyn Fn(&str) -> bool,
    needs: PanelNeeds,
}

impl Found<'_> {
    fn take(&mut self, name: &str, one: &Use) {
        match name {
            "$state" => self.state(one),
            "$emit" => self.emit(one),
            "$ext" => self.ext(one),
            "$view" => self.view(one),
            _ => {}
        }
    }

    fn need(&mut self, one: &Use, kind: &str, name: Option<&str>) {
        let place = self.origin.place(one.at);
        if name.is_none() && !self.needs.dynamic.contains(&place) {
            self.needs.dynamic.push(place);
        }
        let token = format!("{kind}:{}", name.unwrap_or("*"));
        self.needs.tokens.entry(token).or_insert(place);
    }

    fn state(&mut self, one: &Use) {
        let Some(key) = one.path.first() else {
            // The whole state goes somewhere.
            self.need(one, "state:read", None);
            return self.need(one, "state:write", None);
        };
        let is_method = one.path.len() == 1 && STATE_METHODS.contains(&key.as_str()) && !(self.is_state)(key);
        if let (true, How::Called(arguments)) = (is_method, &one.how) {
            let named = exact(arguments.first());
            return match key.as_str() {
                // Asking for all keys is a right of its own, and no guess.
                "keys" => self.all_keys(one),
                "get" | "has" => self.need(one, "state:read", named),
                "update" => {
                    self.need(one, "state:read", named);
                    self.need(one, "state:write", named);
                }
                _ => self.need(one, "state:write", named),
            };
        }
        let (reads, writes) = match &one.how {
            How::Written => (one.path.len() > 1, true),
            How::Called(_) => {
                let method = one.path.last().filter(|_| one.path.len() > 1);
                (true, method.is_some_and(|method| MUTATING.contains(&method.as_str())))
            }
            // Whoever gets a part of the state can change it.
            How::Passed { to: Callee::Symbol(_) | Callee::Unknown, .. } | How::Dynamic => (true, true),
            How::Bound | How::Read => (true, false),
        };
        if reads {
            self.need(one, "state:read", Some(key));
        }
        if writes {
            self.need(one, "state:write", Some(key));
        }
    }

    fn all_keys(&mut self, one: &Use) {
        let place = self.origin.place(one.at);
        self.needs.tokens.entry("state:read:*".to_owned()).or_insert(place);
    }

    fn emit(&mut self, one: &Use) {
        match (one.path.as_slice(), &one.how) {
            ([], How::Called(arguments)) => self.need(one, "events:emit", exact(arguments.first())),
            ([name], _) => self.need(one, "events:emit", Some(name)),
            _ => self.need(one, "events:emit", None),
        }
    }

    fn ext(&mut self, one: &Use) {
        match one.path.first() {
            Some(name) if EXT_UTILITIES.contains(&name.as_str()) && one.path.len() == 1 => {}
            Some(name) => self.need(one, "ext", Some(name)),
            None => self.need(one, "ext", None),
        }
    }

    fn view(&mut self, one: &Use) {
        match (one.path.as_slice(), &one.how) {
            ([method], How::Called(arguments)) if VIEW_METHODS.contains(&method.as_str()) => {
                self.need(one, "view:update", exact(arguments.first()));
            }
            ([_], How::Bound) => {}
            _ => self.need(one, "view:update", None),
        }
    }
}

fn exact(argument: Option<&Text>) -> Option<&str> {
    match argument {
        Some(Text::Exact(name)) => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> String {
        let needs = panel_needs("panel.nxml", text, |key| key == "items").unwrap();
        let mut shown: Vec<String> = needs.tokens.into_keys().collect();
        shown.extend(std::iter::repeat_n("DYNAMIC".to_owned(), needs.dynamic.len()));
        shown.join(" ")
    }

    #[test]
    fn every_form_of_access_is_seen() {
        for (text, expected) in [
            ("return $state.a", "state:read:a"),
            ("if ($state.a === 1) return", "state:read:a"),
            ("$state.a = 1", "state:write:a"),
            ("$state.a += 1", "state:write:a"),
            ("$state.a++", "state:write:a"),
            ("delete $state['a']", "state:write:a"),
            ("[$state.a, $state.b] = [1, 2]", "state:write:a state:write:b"),
            ("({ x: $state.a } = { x: 1 })", "state:write:a"),
            ("for ($state.a of [1]) ;", "state:write:a"),
            ("$state.a.b.c = 1", "state:read:a state:write:a"),
            ("$state.a.push(1)", "state:read:a state:write:a"),
            ("$state.items.sort()", "state:read:items state:write:items"),
            ("return $state.a.map((x) => x)", "state:read:a"),
            ("save($state.a)", "state:read:a state:write:a"),
            ("const { a, b: c } = $state; c.push(1)", "state:read:a state:read:b state:write:b"),
            ("const list = $state.a; list.push(1)", "state:read:a state:write:a"),
            ("const k = 'a'; return $state[k]", "state:read:a"),
            ("return $state[$args.key]", "state:read:* state:write:* DYNAMIC"),
            ("save($state)", "state:read:* state:write:* DYNAMIC"),
            ("$state.set('a', $state.get('b'))", "state:read:b state:write:a"),
            ("$state.update('a', (x) => x)", "state:read:a state:write:a"),
            ("return $state.keys()", "state:read:*"),
            ("const $state = {}; $state.a = 1", ""),
            ("$emit('order:placed', 1); $emit.toast('hi')", "events:emit:order:placed events:emit:toast"),
            ("$emit(name)", "events:emit:* DYNAMIC"),
            ("return await $ext.http.get('x')", "ext:http"),
            ("if ($ext.exists('http')) return", ""),
            ("return $ext[name].get()", "ext:* DYNAMIC"),
            ("$view.setFilter('table', 1); $view.focus(id)", "view:update:* view:update:table DYNAMIC"),
            ("NexusAPI.$state.a = 1", "state:write:a"),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }

    #[test]
    fn places_are_those_of_the_handler() {
        let needs = panel_needs("p.nxml", "const x = 1;\n  $state.a = x;", |_| true).unwrap();
        assert_eq!(needs.tokens["state:write:a"], (2, 3));
        let errors = panel_needs("p.nxml", "const x = ;", |_| true).unwrap_err();
        assert_eq!((errors[0].line, errors[0].column), (1, 11));
    }
}
