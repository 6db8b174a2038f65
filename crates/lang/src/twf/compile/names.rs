//! Which names a piece of a workflow binds: the ground for deciding what is shared and what belongs to a branch.

use crate::twf::ast::{
    AwaitAll, Bind, Block, Call, ForHead, Handler, Ident, LValue, RaceCase, RaceKind, StateItem, Stmt,
    StmtKind, Workflow,
};

/// Collects bound names in source order, each once.
#[derive(Default)]
pub(crate) struct Names {
    found: Vec<String>,
    /// Whether to look into the bodies of fan-outs, which have variables of their own.
    into_fan_outs: bool,
}

impl Names {
    /// All names that a workflow binds anywhere, parameters and fan-outs included; not the parameters of handlers.
    pub(super) fn of_workflow(workflow: &Workflow) -> Vec<String> {
        let mut names = Names { found: Vec::new(), into_fan_outs: true };
        workflow.params.iter().for_each(|param| names.add(&param.name));
        for item in &workflow.state {
            match item {
                StateItem::Condition(name) | StateItem::Init(name, _) => names.add(name),
            }
        }
        for handler in &workflow.handlers {
            let own = Names::of_handler(handler);
            let mut inner = Names { found: Vec::new(), into_fan_outs: true };
            inner.block(&handler.body);
            inner.found.retain(|name| !own.contains(name));
            inner.found.into_iter().for_each(|name| names.push(name));
        }
        if let Some(block) = &workflow.on_cancel {
            names.block(block);
        }
        names.block(&workflow.body);
        names.found
    }

    /// All names that a body binds, fan-outs included.
    pub(super) fn of_body(params: impl Iterator<Item = String>, body: &Block) -> Vec<String> {
        let mut names = Names { found: Vec::new(), into_fan_outs: true };
        params.for_each(|name| names.push(name));
        names.block(body);
        names.found
    }

    /// The names that belong to one call of a handler: its parameters and what its loops go over.
    pub(crate) fn of_handler(handler: &Handler) -> Vec<String> {
        let mut names = Names::default();
        handler.params.iter().for_each(|param| names.add(&param.name));
        names.loops(&handler.body);
        names.found
    }

    /// The names that the body of a fan-out binds, not those of fan-outs inside it.
    pub(crate) fn of_branch(body: &Block) -> Vec<String> {
        let mut names = Names::default();
        names.block(body);
        names.found
    }

    fn push(&mut self, name: String) {
        if !self.found.contains(&name) {
            self.found.push(name);
        }
    }

    fn add(&mut self, name: &Ident) {
        self.push(name.name.to_string());
    }

    fn bind(&mut self, bind: Option<&Bind>) {
        match bind {
            Some(Bind::Place(place)) => self.place(place),
            Some(Bind::Tuple(names)) => names.iter().for_each(|name| self.add(name)),
            None => {}
        }
    }

    /// Writing into a value does not bind the variable that holds it.
    fn place(&mut self, place: &LValue) {
        if place.path.is_empty() {
            self.add(&place.root);
        }
    }

    fn block(&mut self, block: &Block) {
        for stmt in block {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Call(_, bind) | StmtKind::Await(_, bind) | StmtKind::AwaitEach(_, bind) => {
                self.bind(bind.as_ref());
            }
            StmtKind::Promise(name, _) => self.add(name),
            StmtKind::Assign(place, _, _) => self.place(place),
            StmtKind::AwaitAll(all) => self.all(all),
            StmtKind::AwaitOne(cases) => cases.iter().for_each(|case| self.case(case)),
            _ => self.control(stmt),
        }
    }

    fn control(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::If(_, then, otherwise) => {
                self.block(then);
                self.block(otherwise);
            }
            StmtKind::Switch(_, cases, otherwise) => {
                for case in cases {
                    self.block(&case.body);
                }
                self.block(otherwise);
            }
            StmtKind::For(head, body) => {
                self.head(head);
                self.block(body);
            }
            StmtKind::Try(guarded) => {
                self.block(&guarded.body);
                guarded.catch_name.iter().for_each(|name| self.add(name));
                guarded.catch.iter().chain(&guarded.finally).for_each(|block| self.block(block));
            }
            _ => {}
        }
    }

    fn head(&mut self, head: &ForHead) {
        match head {
            ForHead::Each(first, second, _) => {
                self.add(first);
                if let Some(second) = second {
                    self.add(second);
                }
            }
            ForHead::Await(name, _) => self.add(name),
            ForHead::Forever | ForHead::While(_) => {}
        }
    }

    fn all(&mut self, all: &AwaitAll) {
        self.bind(all.bind.as_ref());
        match &all.each {
            Some((name, _)) if self.into_fan_outs => {
                self.add(name);
                self.block(&all.body);
            }
            Some(_) => {}
            None => {
                let fans_out = |stmt: &&Stmt| is_fan_out(stmt) && !self.into_fan_outs;
                let kept: Vec<&Stmt> = all.body.iter().filter(|stmt| !fans_out(stmt)).collect();
                for stmt in kept {
                    self.stmt(stmt);
                }
            }
        }
    }

    fn case(&mut self, case: &RaceCase) {
        match &case.kind {
            RaceKind::Target(_, bind) => self.bind(bind.as_ref()),
            RaceKind::All(all) => self.all(all),
            RaceKind::Fail(name) => name.iter().for_each(|name| self.add(name)),
        }
        self.block(&case.body);
    }

    /// What loops outside of fan-outs go over.
    fn loops(&mut self, block: &Block) {
        for stmt in block {
            if let StmtKind::For(head, _) = &stmt.kind {
                self.head(head);
            }
            for inner in blocks_of(stmt) {
                self.loops(inner);
            }
        }
    }
}

/// Whether a statement directly inside `await all:` runs once for each element.
pub(crate) fn is_fan_out(stmt: &Stmt) -> bool {
    matches!(&stmt.kind, StmtKind::For(ForHead::Each(..), _))
}

/// The blocks directly inside a statement, but for those of fan-outs.
pub(super) fn blocks_of(stmt: &Stmt) -> Vec<&Block> {
    match &stmt.kind {
        StmtKind::If(_, then, otherwise) => vec![then, otherwise],
        StmtKind::Switch(_, cases, otherwise) => {
            cases.iter().map(|case| &case.body).chain(std::iter::once(otherwise)).collect()
        }
        StmtKind::For(_, body) => vec![body],
        StmtKind::Try(guarded) => {
            std::iter::once(&guarded.body).chain(&guarded.catch).chain(&guarded.finally).collect()
        }
        StmtKind::AwaitOne(cases) => cases.iter().map(|case| &case.body).collect(),
        _ => Vec::new(),
    }
}

/// Whether a body has a statement, at any depth, for which the test holds.
pub(crate) fn any_stmt(block: &Block, test: &dyn Fn(&Stmt) -> bool) -> bool {
    block.iter().any(|stmt| {
        let inside_all = match &stmt.kind {
            StmtKind::AwaitAll(all) => any_stmt(&all.body, test),
            StmtKind::AwaitOne(cases) => cases.iter().any(|case| match &case.kind {
                RaceKind::All(all) => any_stmt(&all.body, test),
                _ => false,
            }),
            _ => false,
        };
        test(stmt) || inside_all || blocks_of(stmt).into_iter().any(|inner| any_stmt(inner, test))
    })
}

/// Whether the options of a call hold an entry with this key.
pub(super) fn has_option(call: &Call, key: &str) -> bool {
    call.options.iter().any(|entry| entry.key.name == key)
}
