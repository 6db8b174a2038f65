//! `{parameters}` in names of the deployment and in the options under them.
//!
//! A name with a hole stands for a family: one namespace for each tenant, for example. The same word in two holes is
//! the same parameter.

use super::Checker;
use super::body::Body;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::{Span, offset};
use crate::twf::ast::{EndpointDef, Expr, ExprKind, Ident, NamespaceDef, OptionEntry, OptionValue};

impl<'a> Checker<'a> {
    /// The parameters in a namespace and its endpoints.
    pub(super) fn templates(&mut self, namespace: &'a NamespaceDef) {
        let own: Vec<&str> = params(&namespace.name.name).collect();
        for (_, options) in &namespace.workers {
            self.bound(options, &own, &namespace.name);
        }
        for endpoint in &namespace.endpoints {
            let mut all = own.clone();
            all.extend(params(&endpoint.name.name));
            self.bound(&endpoint.options, &all, &endpoint.name);
            self.superset(endpoint, &own, namespace);
        }
    }

    /// An endpoint is known by its name alone, so each member of a family needs one of its own.
    fn superset(&mut self, endpoint: &'a EndpointDef, own: &[&str], namespace: &'a NamespaceDef) {
        let has: Vec<&str> = params(&endpoint.name.name).collect();
        let missing: Vec<String> =
            own.iter().filter(|name| !has.contains(name)).map(|name| format!("{{{name}}}")).collect();
        if missing.is_empty() {
            return;
        }
        let holes = missing.join("-");
        let message = format!("the endpoint `{}` lacks `{holes}` of its namespace", endpoint.name.name);
        let end = Span { start: endpoint.name.span.end, ..endpoint.name.span };
        let found = Diagnostic::error("ENDPOINT_PARAM_NOT_SUPERSET", endpoint.name.span, message)
            .label(namespace.name.span, "one namespace for each value of it")
            .note("endpoints are known in the whole cluster by their names, so all of the family would share this one")
            .help(format!("call it `{}-{holes}`", endpoint.name.name))
            .fix(end, format!("-{holes}"), "add it to the name");
        self.report(found);
    }

    fn bound(&mut self, options: &'a [OptionEntry], known: &[&str], owner: &Ident) {
        for entry in options {
            match &entry.value {
                OptionValue::Expr(value) => self.bound_value(value, known, owner),
                OptionValue::Block(inner) => self.bound(inner, known, owner),
            }
        }
    }

    fn bound_value(&mut self, value: &'a Expr, known: &[&str], owner: &Ident) {
        match &value.kind {
            ExprKind::Str(text) => {
                for name in params(text).filter(|name| !known.contains(name)) {
                    let message = format!("no name around here has the parameter `{{{name}}}`");
                    let found =
                        Diagnostic::error("UNBOUND_TEMPLATE_PARAM", self.within(value.span, name), message)
                            .label(owner.span, "the name that the options belong to");
                    let found = match known {
                        [] => found.help(format!("put `{{{name}}}` into the name of the namespace")),
                        _ => found.help(format!("there is `{{{}}}`", known.join("}` and `{"))),
                    };
                    self.report(found);
                }
            }
            ExprKind::List(items) => items.iter().for_each(|item| self.bound_value(item, known, owner)),
            _ => {}
        }
    }

    /// `{name}` within a string; the whole string when escapes hide it.
    fn within(&self, string: Span, name: &str) -> Span {
        let hole = format!("{{{name}}}");
        let Some(at) = self.sources.slice(string).find(&hole) else { return string };
        let start = string.start.saturating_add(offset(at));
        Span { start, end: start.saturating_add(offset(hole.len())), ..string }
    }

    /// The parameters of an endpoint in a call: each is a variable, or one of the caller's own namespace.
    pub(super) fn called_template(&mut self, body: &Body<'a>, endpoint: &'a Ident) {
        for name in params(&endpoint.name) {
            let is_family = body.homes.iter().any(|home| params(home.namespace).any(|it| it == name));
            if body.scope.has_value(name) || is_family {
                continue;
            }
            let message = format!("nothing binds `{{{name}}}` of this endpoint when the call is made");
            let found = Diagnostic::warning("UNBOUND_TEMPLATE_PARAM", endpoint.span, message)
                .help(format!("assign a variable `{name}`, for example as a parameter of the workflow"));
            self.report(found);
        }
    }
}

/// The names in the holes of a text: `{name}`, nothing else in the braces.
pub(super) fn params(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        is_name.then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_in_braces_are_parameters() {
        let all: Vec<&str> = params("a-{org}-{re gion}-{x1}{}{2}{open").collect();
        assert_eq!(all, ["org", "x1"]);
    }
}
