//! The way control takes: one pass over each body that tells which statements end it, where it waits, and what its
//! loops do. All rules about paths read its result.

use super::scope::Scope;
use super::{Checker, loops};
use crate::text::diagnostic::Diagnostic;
use crate::twf::ast::{
    AwaitAll, Block, CloseKind, Expr, ExprKind, ForHead, RaceCase, RaceKind, Stmt, StmtKind, SwitchCase,
    Target, TryStmt,
};

/// What happens somewhere in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks(u16);

impl Marks {
    /// A `break` of the loop that the block is in.
    pub(super) const BREAKS: Marks = Marks(1);
    /// Such a `break` that does not depend on a message of somebody else.
    pub(super) const BREAKS_FREELY: Marks = Marks(1 << 1);
    /// The whole body is left: `return`, `close`, `raise`.
    pub(super) const EXITS: Marks = Marks(1 << 2);
    /// The body is left, and that does not depend on a message of somebody else.
    pub(super) const EXITS_FREELY: Marks = Marks(1 << 3);
    /// The history begins anew.
    pub(super) const CONTINUES_AS_NEW: Marks = Marks(1 << 4);
    /// Something is waited for.
    pub(super) const WAITS: Marks = Marks(1 << 5);
    /// A variable or condition changes.
    pub(super) const CHANGES: Marks = Marks(1 << 6);
    /// `return` with a value.
    pub(super) const ANSWERS: Marks = Marks(1 << 7);
    /// `return` without a value.
    pub(super) const RETURNS_NOTHING: Marks = Marks(1 << 8);
    /// A line could not be read: it may do anything.
    pub(super) const TORN: Marks = Marks(1 << 9);
    /// A loop in it has been reported as `BUSY_LOOP`.
    pub(super) const BUSY: Marks = Marks(1 << 10);

    pub(super) fn has(self, any: Marks) -> bool {
        self.0 & any.0 != 0
    }

    pub(super) const fn and(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Marks) -> Marks {
        Marks(self.0 & !other.0)
    }
}

/// The ways through a block or statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ways {
    /// Whether what comes after it can be reached.
    pub(super) falls: bool,
    pub(super) marks: Marks,
}

impl Ways {
    pub(super) const THROUGH: Ways = Ways { falls: true, marks: Marks(0) };

    const fn through(marks: Marks) -> Ways {
        Ways { falls: true, marks }
    }

    const fn ends(marks: Marks) -> Ways {
        Ways { falls: false, marks }
    }

    /// One of two blocks is taken.
    fn or(self, other: Ways) -> Ways {
        Ways { falls: self.falls || other.falls, marks: self.marks.and(other.marks) }
    }

    /// One block is taken after the other. What stands where nothing leads does nothing.
    fn then(self, next: Ways) -> Ways {
        if self.falls {
            return Ways { falls: next.falls, marks: self.marks.and(next.marks) };
        }
        let torn = if next.marks.has(Marks::TORN) { Marks::TORN } else { Marks::default() };
        Ways { falls: false, marks: self.marks.and(torn) }
    }
}

/// Which rules a body is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Documentation: only `break` and `continue` are judged.
    Sketch,
    /// It runs.
    Full,
}

/// What is around a statement that `break` and `continue` could act on. Branches run side by side: none of them can
/// leave a loop around all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    Loop,
    /// One branch for each element.
    FanOut,
}

/// What was found on the way through a body.
pub(super) struct Found {
    pub(super) ways: Ways,
    /// Loops that only a message of somebody else ends; wrong unless the workflow continues as new somewhere.
    pub(super) endless: Vec<Diagnostic>,
}

/// The pass over one body.
pub(super) struct Flow<'c, 'a> {
    pub(super) checker: &'c mut Checker<'a>,
    depth: Depth,
    scope: Option<&'c Scope<'a>>,
    /// How many loops are open.
    loops: u32,
    around: Around,
    /// Reports about `break` and `continue`; void when a line could not be read, which may have been the header.
    strays: Vec<Diagnostic>,
    pub(super) endless: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    /// Follows the ways through a body, reporting what is wrong with them. A body without a scope is documentation.
    pub(super) fn flow(&mut self, block: &'a Block, scope: Option<&Scope<'a>>) -> Found {
        let depth = if scope.is_some() { Depth::Full } else { Depth::Sketch };
        let mut flow = Flow {
            checker: self,
            depth,
            scope,
            loops: 0,
            around: Around::Nothing,
            strays: Vec::new(),
            endless: Vec::new(),
        };
        let ways = flow.block(block);
        let Flow { strays, endless, .. } = flow;
        if !ways.marks.has(Marks::TORN) {
            self.out.extend(strays);
        }
        Found { ways, endless }
    }
}

impl<'a> Flow<'_, 'a> {
    /// Statements one after the other. The first that no way leads to is reported.
    fn block(&mut self, block: &'a [Stmt]) -> Ways {
        let mut all = Ways::THROUGH;
        let mut end: Option<&Stmt> = None;
        for stmt in block {
            if let Some(last) = end.take() {
                self.unreachable(last, stmt);
            }
            let fell = all.falls;
            all = all.then(self.stmt(stmt));
            end = (fell && !all.falls).then_some(stmt);
        }
        all
    }

    fn unreachable(&mut self, last: &Stmt, next: &Stmt) {
        if self.depth == Depth::Full {
            let diagnostic = Diagnostic::warning("UNREACHABLE_CODE", next.span, "this line is never reached")
                .label(last.span, "nothing goes on after this");
            self.checker.report(diagnostic);
        }
    }

    fn stmt(&mut self, stmt: &'a Stmt) -> Ways {
        match &stmt.kind {
            StmtKind::If(_, then, otherwise) => self.block(then).or(self.block(otherwise)),
            StmtKind::Switch(_, cases, otherwise) => self.switch(cases, otherwise),
            StmtKind::Try(it) => self.guarded(it),
            StmtKind::For(head, body) => self.repeated(stmt, head, body),
            StmtKind::AwaitAll(all) => self.all(all),
            StmtKind::AwaitOne(cases) => self.race(cases),
            StmtKind::Break | StmtKind::Continue => self.loop_exit(stmt),
            _ => plain(stmt),
        }
    }

    fn switch(&mut self, cases: &'a [SwitchCase], otherwise: &'a Block) -> Ways {
        let mut ways = self.block(otherwise);
        for case in cases {
            ways = ways.or(self.block(&case.body));
        }
        ways
    }

    fn guarded(&mut self, it: &'a TryStmt) -> Ways {
        let mut ways = self.block(&it.body);
        if let Some(catch) = &it.catch {
            ways = ways.or(self.block(catch));
        }
        let Some(finally) = &it.finally else { return ways };
        let last = self.block(finally);
        Ways { falls: ways.falls && last.falls, marks: ways.marks.and(last.marks) }
    }

    /// Branches run side by side, so that none comes after another.
    fn all(&mut self, all: &'a AwaitAll) -> Ways {
        let outer = std::mem::replace(&mut self.around, Around::Nothing);
        let mut marks = Marks::default();
        if all.each.is_some() {
            self.around = Around::FanOut;
            marks = self.block(&all.body).marks;
        } else {
            for branch in &all.body {
                marks = marks.and(self.branch(branch).marks);
            }
        }
        self.around = outer;
        // A branch cannot leave a loop around all of them; that was reported.
        let marks = marks.without(Marks::BREAKS.and(Marks::BREAKS_FREELY));
        let waits = if all.body.is_empty() { Marks::default() } else { Marks::WAITS };
        Ways::through(marks.and(waits))
    }

    /// A branch of `await all:`. A loop over elements is a branch for each, so its rounds are no rounds.
    fn branch(&mut self, stmt: &'a Stmt) -> Ways {
        match &stmt.kind {
            StmtKind::For(ForHead::Each(..), body) => {
                self.around = Around::FanOut;
                Ways::through(self.block(body).marks)
            }
            _ => {
                self.around = Around::Nothing;
                self.stmt(stmt)
            }
        }
    }

    fn race(&mut self, cases: &'a [RaceCase]) -> Ways {
        let mut all: Option<Ways> = None;
        let mut timers = Vec::new();
        for case in cases {
            let ways = self.case(case);
            if let RaceKind::Target(Target::Timer(duration), _) = &case.kind {
                timers.push((case, duration, ways));
            }
            all = Some(all.map_or(ways, |all| all.or(ways)));
        }
        if self.loops > 0 && self.depth == Depth::Full {
            loops::restarted(self.checker, &timers);
        }
        let all = all.unwrap_or(Ways::THROUGH);
        Ways { marks: all.marks.and(Marks::WAITS), ..all }
    }

    fn case(&mut self, case: &'a RaceCase) -> Ways {
        match &case.kind {
            RaceKind::All(all) => self.all(all),
            RaceKind::Target(target, _) if self.is_message(target) => {
                let ways = self.block(&case.body);
                let free = Marks::BREAKS_FREELY.and(Marks::EXITS_FREELY);
                Ways { marks: ways.marks.without(free), ..ways }
            }
            RaceKind::Target(..) | RaceKind::Fail(_) => self.block(&case.body),
        }
    }

    /// Whether only somebody else ends the wait: by a message, or by what a handler does.
    fn is_message(&self, target: &Target) -> bool {
        let promised = |name: &str| self.scope.and_then(|scope| scope.promises.get(name).copied());
        match target {
            Target::Signal(_) | Target::Update(_) | Target::Predicate(_) => true,
            Target::Name(name) => {
                promised(&name.name).is_none_or(|it| matches!(it, Target::Signal(_) | Target::Update(_)))
            }
            Target::Timer(_)
            | Target::Call(_)
            | Target::Detached(_)
            | Target::Place(_)
            | Target::AllHandlersFinished(_) => false,
        }
    }

    fn repeated(&mut self, stmt: &'a Stmt, head: &'a ForHead, body: &'a Block) -> Ways {
        self.loops += 1;
        let outer = std::mem::replace(&mut self.around, Around::Loop);
        let inner = self.block(body);
        self.around = outer;
        self.loops -= 1;
        let mut marks = inner.marks;
        if matches!(head, ForHead::Await(..)) {
            marks = marks.and(Marks::WAITS);
        }
        if self.depth == Depth::Full {
            marks = marks.and(loops::judge(self, stmt, head, body, inner.marks));
        }
        let is_left = !is_endless(head) || marks.has(Marks::BREAKS.and(Marks::TORN));
        let marks = marks.without(Marks::BREAKS.and(Marks::BREAKS_FREELY));
        Ways { falls: is_left, marks }
    }

    fn loop_exit(&mut self, stmt: &Stmt) -> Ways {
        let is_break = stmt.kind == StmtKind::Break;
        let has_loop = match self.around {
            Around::Nothing => false,
            // It ends the branch of its element.
            Around::FanOut => !is_break,
            Around::Loop => true,
        };
        if !has_loop {
            let word = if is_break { "break" } else { "continue" };
            let message = format!("`{word}` outside of a loop");
            let help = if is_break { "`return` or `close` ends what is not a loop" } else { "leave it out" };
            self.strays.push(Diagnostic::error("BREAK_OUTSIDE_LOOP", stmt.span, message).help(help));
        }
        let leaves = Marks::BREAKS.and(Marks::BREAKS_FREELY);
        Ways::ends(if is_break { leaves } else { Marks::default() })
    }
}

/// Whether only `break` and the like end a loop.
pub(super) fn is_endless(head: &ForHead) -> bool {
    matches!(head, ForHead::Forever | ForHead::While(Expr { kind: ExprKind::Bool(true), .. }))
}

/// A statement without blocks.
fn plain(stmt: &Stmt) -> Ways {
    let exits = Marks::EXITS.and(Marks::EXITS_FREELY);
    match &stmt.kind {
        StmtKind::Close(CloseKind::ContinueAsNew, _) => Ways::ends(exits.and(Marks::CONTINUES_AS_NEW)),
        StmtKind::Return(Some(_)) => Ways::ends(exits.and(Marks::ANSWERS)),
        StmtKind::Return(None) => Ways::ends(exits.and(Marks::RETURNS_NOTHING)),
        StmtKind::Close(..) | StmtKind::ReturnWorkflow(_) | StmtKind::Raise(_) | StmtKind::Reject(_) => {
            Ways::ends(exits)
        }
        StmtKind::Call(..)
        | StmtKind::Detach(_)
        | StmtKind::Await(..)
        | StmtKind::AwaitEach(..)
        | StmtKind::Send(..) => Ways::through(Marks::WAITS),
        StmtKind::Assign(..) | StmtKind::SetCondition(..) => Ways::through(Marks::CHANGES),
        StmtKind::Expr(call) if !is_log(call) => Ways::through(Marks::CHANGES),
        StmtKind::Error => Ways::through(Marks::TORN),
        _ => Ways::THROUGH,
    }
}

/// `log(..)` is the one call that changes nothing for sure.
fn is_log(call: &Expr) -> bool {
    let ExprKind::Call(callee, _) = &call.kind else { return false };
    matches!(&callee.kind, ExprKind::Name(name) if name == "log")
}
