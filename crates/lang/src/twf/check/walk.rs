//! Ways through the tree.

use crate::text::source::Span;
use crate::twf::ast::{
    Arg, AwaitAll, Bind, Block, Call, Definition, Expr, ExprKind, ForHead, Ident, LValue, OptionEntry,
    OptionValue, PathStep, RaceCase, RaceKind, SendTarget, ServiceOperation, Stmt, StmtKind, SwitchCase,
    Target,
};

/// The blocks of a definition that run: an activity's body is documentation.
pub(in crate::twf) fn bodies(definition: &Definition) -> Vec<&Block> {
    match definition {
        Definition::Workflow(it) => {
            let handled = it.handlers.iter().flat_map(|it| std::iter::once(&it.body).chain(&it.validator));
            std::iter::once(&it.body).chain(handled).chain(&it.on_cancel).collect()
        }
        Definition::Service(it) => {
            let bodies = it.operations.iter().filter_map(|it| match it {
                ServiceOperation::Sync { body, .. } => body.as_ref(),
                ServiceOperation::Async { .. } => None,
            });
            bodies.collect()
        }
        _ => Vec::new(),
    }
}

/// Every statement of a block and of the blocks in it, outer ones first.
pub(crate) fn each<'a>(block: &'a [Stmt], visit: &mut dyn FnMut(&'a Stmt)) {
    for stmt in block {
        visit(stmt);
        for inner in blocks(stmt) {
            each(inner, visit);
        }
    }
}

/// The blocks directly in a statement. None of these ways through the tree allocates: they are taken for every
/// statement of a project, several times.
pub(in crate::twf) fn blocks(stmt: &Stmt) -> impl Iterator<Item = &Block> {
    let mut cases: &[SwitchCase] = &[];
    let fixed = match &stmt.kind {
        StmtKind::AwaitAll(all) => [Some(&all.body), None, None],
        StmtKind::If(_, then, otherwise) => [Some(then), Some(otherwise), None],
        StmtKind::Switch(_, some, otherwise) => {
            cases = some;
            [Some(otherwise), None, None]
        }
        StmtKind::For(_, body) => [Some(body), None, None],
        StmtKind::Try(it) => [Some(&it.body), it.catch.as_ref(), it.finally.as_ref()],
        _ => [None, None, None],
    };
    let raced = race(stmt).iter().map(|case| match &case.kind {
        RaceKind::All(all) => &all.body,
        _ => &case.body,
    });
    raced.chain(cases.iter().map(|case| &case.body)).chain(fixed.into_iter().flatten())
}

/// The cases of an `await one:`, of other statements none.
fn race(stmt: &Stmt) -> &[RaceCase] {
    if let StmtKind::AwaitOne(cases) = &stmt.kind { cases } else { &[] }
}

/// What a statement waits for or starts, with where the value goes.
pub(super) fn targets(stmt: &Stmt) -> impl Iterator<Item = (&Target, Option<&Bind>)> {
    let own = match &stmt.kind {
        StmtKind::Promise(_, target) | StmtKind::PromiseInto(_, target) => Some((target, None)),
        StmtKind::Await(target, bind) => Some((target, bind.as_ref())),
        _ => None,
    };
    let raced = race(stmt).iter().filter_map(|case| match &case.kind {
        RaceKind::Target(target, bind) => Some((target, bind.as_ref())),
        _ => None,
    });
    own.into_iter().chain(raced)
}

/// The calls that a statement makes, with where their results go.
pub(crate) fn calls(stmt: &Stmt) -> impl Iterator<Item = (&Call, Option<&Bind>)> {
    let own = match &stmt.kind {
        StmtKind::Call(call, bind) => Some((&**call, bind.as_ref())),
        StmtKind::Detach(call) | StmtKind::ReturnWorkflow(call) => Some((&**call, None)),
        _ => None,
    };
    let awaited = targets(stmt).filter_map(|(target, bind)| match target {
        Target::Call(call) | Target::Detached(call) => Some((&**call, bind)),
        _ => None,
    });
    own.into_iter().chain(awaited)
}

/// The binds of a statement.
pub(super) fn binds(stmt: &Stmt) -> impl Iterator<Item = &Bind> {
    let own = match &stmt.kind {
        StmtKind::Call(_, bind) | StmtKind::AwaitEach(_, bind) | StmtKind::Await(_, bind) => bind.as_ref(),
        StmtKind::AwaitAll(all) => all.bind.as_ref(),
        _ => None,
    };
    let raced = race(stmt).iter().filter_map(|case| match &case.kind {
        RaceKind::Target(_, bind) => bind.as_ref(),
        RaceKind::All(all) => all.bind.as_ref(),
        RaceKind::Fail(_) => None,
    });
    own.into_iter().chain(raced)
}

/// The expressions directly in a statement, those of the blocks in it left out.
pub(super) fn exprs<'a>(stmt: &'a Stmt, visit: &mut dyn FnMut(&'a Expr)) {
    match &stmt.kind {
        StmtKind::AwaitAll(all) => each_items(all, visit),
        StmtKind::AwaitEach(value, _)
        | StmtKind::If(value, ..)
        | StmtKind::Raise(value)
        | StmtKind::Reject(value)
        | StmtKind::Return(Some(value))
        | StmtKind::Expr(value)
        | StmtKind::For(ForHead::While(value) | ForHead::Each(_, _, value) | ForHead::Await(_, value), _) => {
            visit(value);
        }
        StmtKind::Switch(value, cases, _) => {
            visit(value);
            cases.iter().flat_map(|case| &case.values).for_each(&mut *visit);
        }
        StmtKind::Send(to, _, arguments) => {
            receiver(to, visit);
            args(arguments, visit);
        }
        StmtKind::Cancel(to) => receiver(to, visit),
        StmtKind::Close(_, arguments) | StmtKind::Heartbeat(arguments) => args(arguments, visit),
        StmtKind::Assign(place, _, value) => {
            indexes(place, visit);
            visit(value);
        }
        StmtKind::PromiseInto(place, _) => indexes(place, visit),
        _ => {}
    }
    for bind in binds(stmt) {
        if let Bind::Place(place) = bind {
            indexes(place, visit);
        }
    }
    for (target, _) in targets(stmt) {
        match target {
            Target::Timer(value) | Target::Predicate(value) => visit(value),
            Target::Place(place) => indexes(place, visit),
            _ => {}
        }
    }
    for case in race(stmt) {
        if let RaceKind::All(all) = &case.kind {
            each_items(all, visit);
        }
    }
    for (call, _) in calls(stmt) {
        args(&call.args, visit);
        options(&call.options, visit);
    }
}

fn each_items<'a>(all: &'a AwaitAll, visit: &mut dyn FnMut(&'a Expr)) {
    if let Some((_, items)) = &all.each {
        visit(items);
    }
}

fn receiver<'a>(to: &'a SendTarget, visit: &mut dyn FnMut(&'a Expr)) {
    if let SendTarget::External(_, arguments) = to {
        args(arguments, visit);
    }
}

fn args<'a>(args: &'a [Arg], visit: &mut dyn FnMut(&'a Expr)) {
    for arg in args {
        visit(&arg.value);
    }
}

fn indexes<'a>(place: &'a LValue, visit: &mut dyn FnMut(&'a Expr)) {
    for step in &place.path {
        if let PathStep::Index(index) = step {
            visit(index);
        }
    }
}

/// The values of options, without bare words and texts: they are checked with their keys, and their gaps.
fn options<'a>(entries: &'a [OptionEntry], visit: &mut dyn FnMut(&'a Expr)) {
    for entry in entries {
        match &entry.value {
            OptionValue::Expr(value) => match &value.kind {
                ExprKind::Name(_) | ExprKind::Str(_) => {}
                ExprKind::List(items) => {
                    items.iter().filter(|it| !matches!(it.kind, ExprKind::Str(_))).for_each(&mut *visit);
                }
                _ => visit(value),
            },
            OptionValue::Block(inner) => options(inner, visit),
        }
    }
}

/// The options whose value is a bare word, with that word; `workflow_id_reuse_policy: REJECT_DUPLICATE` and
/// the like included.
pub(super) fn bare_words(entries: &[OptionEntry]) -> Vec<(&Ident, &str, Span)> {
    let mut all = Vec::new();
    for entry in entries {
        match &entry.value {
            OptionValue::Expr(value) => {
                if let ExprKind::Name(word) = &value.kind {
                    all.push((&entry.key, word.as_str(), value.span));
                }
            }
            OptionValue::Block(inner) => all.extend(bare_words(inner)),
        }
    }
    all
}

/// The expressions directly in an expression.
fn parts<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match &expr.kind {
        ExprKind::List(items) => items.iter().for_each(visit),
        ExprKind::Object(_, fields) => fields.iter().for_each(|(_, value)| visit(value)),
        ExprKind::Field(base, _)
        | ExprKind::OptField(base, _)
        | ExprKind::Neg(base)
        | ExprKind::Not(base) => {
            visit(base);
        }
        ExprKind::Lambda(_, inner) => visit(inner),
        ExprKind::Index(left, right) | ExprKind::Binary(_, left, right) => {
            visit(left);
            visit(right);
        }
        ExprKind::If(condition, then, otherwise) => {
            visit(condition);
            visit(then);
            visit(otherwise);
        }
        ExprKind::Call(callee, arguments) => {
            visit(callee);
            args(arguments, visit);
        }
        _ => {}
    }
}

/// Every name that an expression reads, parameters of lambdas in it included.
pub(super) fn names_read<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a str)) {
    match &expr.kind {
        ExprKind::Name(name) => visit(name),
        ExprKind::Call(callee, arguments) if matches!(callee.kind, ExprKind::Name(_)) => {
            args(arguments, &mut |value| names_read(value, visit));
        }
        _ => parts(expr, &mut |part| names_read(part, visit)),
    }
}

/// The functions and methods that an expression calls.
pub(super) fn names_called<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a str)) {
    calls_in(expr, &mut |callee, _| match &callee.kind {
        ExprKind::Name(name) => visit(name),
        ExprKind::Field(_, name) | ExprKind::OptField(_, name) => visit(&name.name),
        _ => {}
    });
}

/// Every call in an expression: what is called, with which arguments.
pub(super) fn calls_in<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr, &'a [Arg])) {
    if let ExprKind::Call(callee, arguments) = &expr.kind {
        visit(callee, arguments);
    }
    parts(expr, &mut |part| calls_in(part, visit));
}
