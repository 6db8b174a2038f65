//! Results that nobody uses: bound to a name that is never read, dropped, or lost with the branch of a fan-out.

use std::collections::HashMap;

use super::body::Body;
use super::index::Found;
use super::{Checker, walk};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::twf::ast::{
    AwaitAll, Bind, Block, Call, Callee, Ident, RaceKind, Stmt, StmtKind, Target, Type, Workflow,
};

/// Where the results of a body go.
#[derive(Default)]
pub(super) struct Uses<'a> {
    /// Names that take the result of a call, with the place of the call.
    bound: Vec<(&'a Ident, Span)>,
    /// Names bound in a branch of a fan-out, with how often the branch reads them.
    lost: Vec<Lost<'a>>,
    /// Whether the statements run for their effects: what they give back has no use.
    is_cleanup: bool,
    /// Whether the last bound value of a branch is collected.
    is_collected: bool,
    /// Whether a fan-out is open; names bound in it are judged as its results.
    is_branch: bool,
}

/// A name bound in a branch.
struct Lost<'a> {
    name: &'a Ident,
    fan: Span,
    reads_inside: u32,
    is_each: bool,
}

impl Uses<'_> {
    /// Runs over statements whose results have no use.
    pub(super) fn cleanup(&mut self, over: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.is_cleanup, true);
        over(self);
        self.is_cleanup = outer;
    }
}

impl<'a> Checker<'a> {
    /// Notes where the results of a statement go, and checks the blocks in it.
    pub(super) fn results_of(&mut self, body: &Body<'a>, stmt: &'a Stmt, uses: &mut Uses<'a>) {
        match &stmt.kind {
            StmtKind::Call(call, None) => self.dropped(body, call, uses),
            StmtKind::Call(call, Some(bind)) | StmtKind::Await(Target::Call(call), Some(bind)) => {
                uses.take(call, bind);
            }
            StmtKind::AwaitAll(all) => return self.all(body, stmt.span, all, uses),
            StmtKind::AwaitOne(cases) => {
                for case in cases {
                    match &case.kind {
                        RaceKind::All(all) => self.all(body, case.span, all, uses),
                        RaceKind::Target(Target::Call(call), Some(bind)) => {
                            uses.take(call, bind);
                            self.block(body, &case.body, uses);
                        }
                        RaceKind::Target(..) | RaceKind::Fail(_) => self.block(body, &case.body, uses),
                    }
                }
                return;
            }
            StmtKind::Try(it) => {
                self.block(body, &it.body, uses);
                uses.cleanup(|uses| {
                    for block in it.catch.iter().chain(&it.finally) {
                        self.block(body, block, uses);
                    }
                });
                return;
            }
            _ => {}
        }
        for inner in walk::blocks(stmt) {
            self.block(body, inner, uses);
        }
    }

    /// `await all:`: loops directly in it fan out, as does the whole block over its own elements.
    fn all(&mut self, body: &Body<'a>, span: Span, all: &'a AwaitAll, uses: &mut Uses<'a>) {
        let outer = (uses.is_collected, uses.is_branch);
        uses.is_collected |= all.bind.is_some();
        if all.each.is_some() {
            self.fan_out(body, (span, true), &all.body, uses);
        } else {
            for stmt in &all.body {
                if let StmtKind::For(crate::twf::ast::ForHead::Each(..), inner) = &stmt.kind {
                    self.stmt(body, stmt);
                    self.fan_out(body, (stmt.span, false), inner, uses);
                } else {
                    self.block(body, std::slice::from_ref(stmt), uses);
                }
            }
        }
        (uses.is_collected, uses.is_branch) = outer;
    }

    fn fan_out(
        &mut self,
        body: &Body<'a>,
        (fan, is_each): (Span, bool),
        block: &'a Block,
        uses: &mut Uses<'a>,
    ) {
        let mut names: Vec<&'a Ident> = Vec::new();
        if !uses.is_collected {
            walk::each(block, &mut |stmt| results_bound(stmt, &mut names));
        }
        let before: Vec<u32> = names.iter().map(|name| body.scope.reads(&name.name)).collect();
        let outer = std::mem::replace(&mut uses.is_branch, true);
        self.block(body, block, uses);
        uses.is_branch = outer;
        for (name, before) in names.into_iter().zip(before) {
            let reads_inside = body.scope.reads(&name.name).saturating_sub(before);
            uses.lost.push(Lost { name, fan, reads_inside, is_each });
        }
    }

    /// A call without `->` though its callee declares a result.
    fn dropped(&mut self, body: &Body<'a>, call: &'a Call, uses: &Uses<'a>) {
        if uses.is_cleanup || uses.is_collected {
            return;
        }
        let (name, result): (_, &[Type]) = match &call.callee {
            Callee::Activity(name) => match self.index.find(body.file, name, |it| &it.activities) {
                Found::Here(activity, _) => (name, &activity.result),
                _ => return,
            },
            Callee::Workflow(name) => match self.index.find(body.file, name, |it| &it.workflows) {
                Found::Here(workflow, _) => (name, &workflow.result),
                _ => return,
            },
            Callee::Nexus { .. } | Callee::NexusWorkflow { .. } => return,
        };
        if !result.is_empty() {
            let message = format!("the result of `{}` is dropped", name.name.name);
            let found = Diagnostic::info("UNUSED_RESULT", call.span, message)
                .help("bind it with `-> name` when it matters");
            self.report(found);
        }
    }

    /// Judges the names of a body once all of it has been read.
    pub(super) fn unused(&mut self, body: &Body<'a>, uses: Uses<'a>) {
        for (name, call) in uses.bound {
            if body.scope.reads(&name.name) == 0 && !name.name.starts_with('_') {
                let message = format!("`{}` is never read", name.name);
                // Older spellings have the name before the call: `r = activity A()`.
                let arrow = if name.span.start < call.start {
                    Span { end: call.start, ..name.span }
                } else {
                    Span { start: call.end, end: name.span.end, ..call }
                };
                let found = Diagnostic::info("UNUSED_RESULT", name.span, message)
                    .help(format!("leave out `-> {}` when the result does not matter", name.name))
                    .fix(arrow, "", format!("remove `-> {}`", name.name));
                self.report(found);
            }
        }
        if !uses.lost.is_empty() {
            self.lost(body, uses.lost);
        }
    }

    /// Names first bound in a branch are the branch's own, so whoever reads them elsewhere finds nothing.
    fn lost(&mut self, body: &Body<'a>, all: Vec<Lost<'a>>) {
        let bound = body.workflow.map(times_bound).unwrap_or_default();
        let mut here: HashMap<&str, u32> = HashMap::new();
        for it in &all {
            *here.entry(&it.name.name).or_default() += 1;
        }
        let mut found = Vec::new();
        for it in &all {
            let name = it.name.name.as_str();
            let total = body.scope.reads(name);
            let is_read_elsewhere =
                total > it.reads_inside && bound.get(name).is_none_or(|times| Some(times) <= here.get(name));
            if (it.reads_inside > 0 && !is_read_elsewhere) || name.starts_with('_') {
                continue;
            }
            let message = format!("each branch has a `{name}` of its own, which is gone after the branch");
            let head = if it.is_each { "await all (x in xs) -> results:" } else { "await all -> results:" };
            let diagnostic = Diagnostic::warning("UNCOLLECTED_RESULTS", it.name.span, message)
                .label(it.fan, "one branch for each element")
                .help(format!("`{head}` collects the last bound value of each branch; `-> item.field` keeps it in the element"));
            found.push(diagnostic);
        }
        self.out.extend(found);
    }
}

impl<'a> Uses<'a> {
    fn take(&mut self, call: &'a Call, bind: &'a Bind) {
        if let Bind::Place(place) = bind
            && place.path.is_empty()
            && !self.is_collected
            && !self.is_branch
        {
            self.bound.push((&place.root, call.span));
        }
    }
}

/// The names that take results of calls and of what is awaited.
fn results_bound<'a>(stmt: &'a Stmt, names: &mut Vec<&'a Ident>) {
    for bind in walk::binds(stmt) {
        if let Bind::Place(place) = bind
            && place.path.is_empty()
        {
            names.push(&place.root);
        }
    }
}

/// How often each name is bound or assigned in a workflow.
fn times_bound(workflow: &Workflow) -> HashMap<&str, u32> {
    let mut times: HashMap<&str, u32> = HashMap::new();
    let blocks = std::iter::once(&workflow.body).chain(workflow.handlers.iter().map(|it| &it.body));
    for block in blocks.chain(&workflow.on_cancel) {
        walk::each(block, &mut |stmt| {
            let mut names = Vec::new();
            results_bound(stmt, &mut names);
            if let StmtKind::Assign(place, ..) = &stmt.kind {
                names.push(&place.root);
            }
            for name in names {
                *times.entry(&name.name).or_default() += 1;
            }
        });
    }
    let params = workflow.params.iter().chain(workflow.handlers.iter().flat_map(|it| &it.params));
    for param in params {
        *times.entry(&param.name.name).or_default() += 1;
    }
    times
}
