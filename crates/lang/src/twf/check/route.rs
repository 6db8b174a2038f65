//! Which worker gets a task: whether anybody on its queue registers what is called.
//!
//! The queue of a call is that of its options, else of the defaults of what it calls, else the caller's own.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Checker;
use super::body::Body;
use super::index::{Found, Index, Placement, address};
use super::topology::text;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::twf::ast::{Activity, Call, ExprKind, OptionEntry, OptionValue, QName, Worker, Workflow};
use crate::twf::options::OptionScope;

/// A namespace and a queue in it, with a worker on it.
#[derive(Clone, Copy)]
pub(super) struct Home<'a> {
    pub(super) namespace: &'a str,
    pub(super) queue: Option<&'a str>,
    pub(super) worker: &'a Worker,
}

/// Who serves what where.
#[derive(Default)]
pub(super) struct Routes<'a> {
    /// Where a workflow, activity or service runs, by the address of its definition.
    homes: HashMap<usize, Vec<Home<'a>>>,
    /// Queues with what they serve, in any namespace.
    anywhere: HashSet<(&'a str, usize)>,
    /// The same for each namespace.
    inside: HashSet<(&'a str, &'a str, usize)>,
}

impl<'a> Routes<'a> {
    /// Reads the placements of an index.
    pub(super) fn new(index: &Index<'a>) -> Routes<'a> {
        let mut routes = Routes::default();
        for placement in &index.placements {
            let worker = placement.worker;
            let home = Home {
                namespace: &placement.namespace.name.name,
                queue: text(placement.options, OptionScope::Worker, "task_queue"),
                worker,
            };
            for definition in registered(index, placement) {
                routes.homes.entry(definition).or_default().push(home);
                if let Some(queue) = home.queue {
                    routes.anywhere.insert((queue, definition));
                    routes.inside.insert((home.namespace, queue, definition));
                }
            }
        }
        routes
    }

    /// Where a definition runs.
    pub(super) fn homes<T>(&self, definition: &T) -> &[Home<'a>] {
        self.homes.get(&address(definition)).map_or(&[], Vec::as_slice)
    }

    /// Whether a queue of a namespace serves a definition.
    pub(super) fn serves<T>(&self, namespace: &str, queue: &str, definition: &T) -> bool {
        self.inside.contains(&(namespace, queue, address(definition)))
    }

    /// Whether a definition is registered by a worker that is placed.
    pub(super) fn is_placed(&self, definition: usize) -> bool {
        self.homes.contains_key(&definition)
    }
}

/// The addresses of what a placed worker registers.
fn registered(index: &Index<'_>, placement: &Placement<'_>) -> Vec<usize> {
    let (file, worker) = (placement.file, placement.worker);
    let mut all = Vec::new();
    for name in &worker.workflows {
        if let Found::Here(found, _) = index.find(file, name, |it| &it.workflows) {
            all.push(address(found));
        }
    }
    for name in &worker.activities {
        if let Found::Here(found, _) = index.find(file, name, |it| &it.activities) {
            all.push(address(found));
        }
    }
    for name in &worker.services {
        if let Found::Here(found, _) = index.find(file, name, |it| &it.services) {
            all.push(address(found));
        }
    }
    all
}

/// What is called, as far as its way matters.
pub(super) struct Routed<'a> {
    word: &'static str,
    name: &'a QName,
    address: usize,
    defaults: &'a [OptionEntry],
    scopes: (OptionScope, OptionScope),
}

impl<'a> Routed<'a> {
    pub(super) fn activity(name: &'a QName, activity: &'a Activity) -> Routed<'a> {
        let scopes = (OptionScope::ActivityCall, OptionScope::ActivityDefaults);
        Routed { word: "activity", name, address: address(activity), defaults: &activity.defaults, scopes }
    }

    pub(super) fn workflow(name: &'a QName, workflow: &'a Workflow) -> Routed<'a> {
        let scopes = (OptionScope::WorkflowCall, OptionScope::WorkflowDefaults);
        Routed { word: "workflow", name, address: address(workflow), defaults: &workflow.defaults, scopes }
    }
}

/// The queue that a call names.
enum Named<'a> {
    /// None: the caller's own is meant.
    No,
    Queue(&'a str, Span),
    /// One that is known only when it runs.
    Computed,
}

impl<'a> Checker<'a> {
    /// Whether a worker on the queue of a call registers what is called. Callers that no worker registers have no
    /// queue, which is reported where they are defined.
    pub(super) fn route(&mut self, body: &Body<'a>, call: &'a Call, to: &Routed<'a>) {
        if body.homes.is_empty() {
            return;
        }
        let own = |word: &str| body.scope.has_value(word);
        let named = match queue_of(&call.options, to.scopes.0, own) {
            Named::No => queue_of(to.defaults, to.scopes.1, |_| false),
            named => named,
        };
        match named {
            Named::Computed => {}
            Named::Queue(queue, span) => self.explicit(body, call, to, (queue, span)),
            Named::No => self.implicit(body, call, to),
        }
    }

    fn explicit(&mut self, body: &Body<'a>, call: &'a Call, to: &Routed<'a>, (queue, span): (&'a str, Span)) {
        if self.index.routes.anywhere.contains(&(queue, to.address)) {
            return self.reachable(body, call, to, Some(queue));
        }
        let message =
            format!("no worker on the queue `{queue}` registers the {} `{}`", to.word, to.name.name.name);
        let found = Diagnostic::error("EXPLICIT_ROUTING_MISMATCH", call.span, message)
            .label(span, "this queue is named");
        let found = match self.other_queue(to) {
            Some(other) => {
                let found = found.help(format!("workers on the queue `{other}` register it"));
                found.fix(span, format!("\"{other}\""), format!("name the queue `{other}`"))
            }
            None => found.help("register it in a worker on that queue"),
        };
        self.report(found);
    }

    fn implicit(&mut self, body: &Body<'a>, call: &'a Call, to: &Routed<'a>) {
        let mut queues = BTreeSet::new();
        let mut is_served = true;
        for home in &body.homes {
            let Some(queue) = home.queue.filter(|queue| queues.insert(*queue)) else { continue };
            if self.index.routes.anywhere.contains(&(queue, to.address)) {
                continue;
            }
            is_served = false;
            let name = &to.name.name.name;
            let message =
                format!("no worker on the caller's queue `{queue}` registers the {} `{name}`", to.word);
            let found = Diagnostic::error("IMPLICIT_ROUTING_MISMATCH", call.span, message)
                .label(home.worker.name.span, "this worker runs the caller on that queue");
            let help = match self.other_queue(to) {
                Some(other) => format!("register it here, or say `task_queue: \"{other}\"` under `options:`"),
                None => format!("register it by `{} {name}`", to.word),
            };
            let found = self.register(found.help(help), home.worker, to);
            self.report(found);
        }
        if is_served {
            self.reachable(body, call, to, None);
        }
    }

    /// Some worker serves the queue, though none in the namespace that the task stays in.
    fn reachable(&mut self, body: &Body<'a>, call: &'a Call, to: &Routed<'a>, named: Option<&'a str>) {
        let routes = &self.index.routes;
        let lost = body.homes.iter().find_map(|home| {
            let queue = named.or(home.queue)?;
            let is_here = routes.inside.contains(&(home.namespace, queue, to.address));
            (!is_here).then_some((home.namespace, queue))
        });
        let Some((namespace, queue)) = lost else { return };
        let message = format!(
            "in the namespace `{namespace}` no worker on the queue `{queue}` registers the {} `{}`",
            to.word, to.name.name.name
        );
        let found = Diagnostic::warning("DISPATCH_NO_REACHABLE_DEPLOYMENT", call.span, message)
            .note("a task never leaves the namespace of its run; only Nexus calls do")
            .help("place such a worker in that namespace, or make it a Nexus operation");
        self.report(found);
    }

    /// A queue that serves what is called.
    fn other_queue(&self, to: &Routed<'a>) -> Option<&'a str> {
        self.index.routes.homes.get(&to.address)?.iter().find_map(|home| home.queue)
    }

    /// Offers to add what is called to a worker.
    fn register(&self, found: Diagnostic, worker: &'a Worker, to: &Routed<'a>) -> Diagnostic {
        let entries = worker.workflows.iter().chain(&worker.activities);
        let Some(last) = entries.map(|it| it.name.span).max_by_key(|span| span.end) else { return found };
        let line = Span { start: last.start, end: last.start, ..last };
        let Some(after) = self.line_after(last) else { return found };
        let Some(indent) = self.line_indent(line) else { return found };
        let name = match &to.name.package {
            Some(package) => format!("{}.{}", package.name, to.name.name.name),
            None => to.name.name.name.to_string(),
        };
        let entry = format!("{indent}{} {name}\n", to.word);
        found.fix(after, entry, format!("register `{name}` in `{}`", worker.name.name))
    }

    /// The blanks that the line of a place begins with.
    pub(super) fn line_indent(&self, at: Span) -> Option<&'a str> {
        let text: &'a str = &self.sources.get(at.source)?.text;
        let before = text.get(..at.start as usize)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(start..)?;
        line.get(..line.len() - line.trim_start_matches([' ', '\t']).len())
    }
}

/// The queue of some options. A bare word is a variable when there is one of that name, else it is text.
fn queue_of(options: &[OptionEntry], scope: OptionScope, is_variable: impl Fn(&str) -> bool) -> Named<'_> {
    let is_it = |entry: &&OptionEntry| scope.key(&entry.key.name).is_some_and(|key| key.name == "task_queue");
    let Some(entry) = options.iter().rfind(is_it) else { return Named::No };
    let OptionValue::Expr(value) = &entry.value else { return Named::Computed };
    match &value.kind {
        ExprKind::Str(queue) if !queue.contains('{') => Named::Queue(queue, value.span),
        ExprKind::Name(queue) if !is_variable(queue) => Named::Queue(queue, value.span),
        _ => Named::Computed,
    }
}
