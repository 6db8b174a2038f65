//! Statements as lines.

use super::{Lines, expr, qname};
use crate::twf::ast::{
    AssignOp, AwaitAll, Bind, Call, Callee, CloseKind, ForHead, LValue, PathStep, RaceCase, RaceKind,
    SendTarget, Stmt, StmtKind, SwitchCase, Target, TryStmt,
};

impl Lines {
    pub(super) fn block(&mut self, block: &[Stmt]) {
        for stmt in block {
            self.stmt(&stmt.kind);
        }
    }

    fn stmt(&mut self, kind: &StmtKind) {
        match kind {
            StmtKind::Call(it, to) => self.with_options(&format!("{}{}", call(it), bind(to.as_ref())), it),
            StmtKind::Detach(it) => self.with_options(&format!("detach {}", call(it)), it),
            StmtKind::ReturnWorkflow(it) => self.with_options(&format!("return {}", call(it)), it),
            StmtKind::Promise(name, of) => self.waiting(&format!("promise {} <- ", name.name), of, None),
            StmtKind::PromiseInto(place, of) => {
                self.waiting(&format!("promise {} <- ", lvalue(place)), of, None);
            }
            StmtKind::Await(of, to) => self.waiting("await ", of, to.as_ref()),
            StmtKind::AwaitAll(it) => self.await_all(it),
            StmtKind::AwaitOne(cases) => self.within("await one", |lines| lines.cases(cases)),
            StmtKind::If(condition, then, otherwise) => {
                self.within(&format!("if {}", expr::expr(condition)), |lines| lines.block(then));
                if !otherwise.is_empty() {
                    self.within("else", |lines| lines.block(otherwise));
                }
            }
            StmtKind::Switch(value, cases, otherwise) => self.switch(&expr::expr(value), cases, otherwise),
            StmtKind::For(head, body) => self.within(&for_head(head), |lines| lines.block(body)),
            StmtKind::Try(it) => self.try_stmt(it),
            simple => self.line(&simple_stmt(simple)),
        }
    }

    fn with_options(&mut self, head: &str, call: &Call) {
        self.within(head, |lines| lines.options("options", &call.options));
    }

    fn waiting(&mut self, head: &str, of: &Target, to: Option<&Bind>) {
        let line = format!("{head}{}{}", target(of), bind(to));
        match of {
            Target::Call(call) | Target::Detached(call) => self.with_options(&line, call),
            _ => self.line(&line),
        }
    }

    fn await_all(&mut self, it: &AwaitAll) {
        let each = it
            .each
            .as_ref()
            .map_or_else(String::new, |(name, items)| format!(" {} in {}", name.name, expr::expr(items)));
        self.within(&format!("await all{each}{}", bind(it.bind.as_ref())), |lines| lines.block(&it.body));
    }

    fn cases(&mut self, cases: &[RaceCase]) {
        for case in cases {
            match &case.kind {
                RaceKind::Target(of, to) => {
                    self.waiting("case ", of, to.as_ref());
                    self.depth += 1;
                    self.block(&case.body);
                    self.depth -= 1;
                }
                RaceKind::All(it) => self.await_all(it),
                RaceKind::Fail(name) => {
                    let name = name.as_ref().map_or("", |it| it.name.as_str());
                    self.within(&format!("case fail {name}"), |lines| lines.block(&case.body));
                }
            }
        }
    }

    fn switch(&mut self, value: &str, cases: &[SwitchCase], otherwise: &[Stmt]) {
        self.within(&format!("switch {value}"), |lines| {
            for case in cases {
                let values: Vec<String> = case.values.iter().map(expr::expr).collect();
                lines.within(&format!("case {}", values.join(", ")), |lines| lines.block(&case.body));
            }
            if !otherwise.is_empty() {
                lines.within("else", |lines| lines.block(otherwise));
            }
        });
    }

    fn try_stmt(&mut self, it: &TryStmt) {
        self.within("try", |lines| lines.block(&it.body));
        if let Some(catch) = &it.catch {
            let name = it.catch_name.as_ref().map_or("", |it| it.name.as_str());
            let ty = it.catch_type.as_ref().map_or_else(String::new, |it| format!(": {}", it.name));
            self.within(&format!("catch {name}{ty}"), |lines| lines.block(catch));
        }
        if let Some(finally) = &it.finally {
            self.within("finally", |lines| lines.block(finally));
        }
    }
}

fn simple_stmt(kind: &StmtKind) -> String {
    match kind {
        StmtKind::AwaitEach(promises, to) => {
            format!("await each {}{}", expr::expr(promises), bind(to.as_ref()))
        }
        StmtKind::SetCondition(name, true) => format!("set {}", name.name),
        StmtKind::SetCondition(name, false) => format!("unset {}", name.name),
        StmtKind::Send(to, name, args) => {
            format!("send {}.{}({})", receiver(to), name.name, expr::args(args))
        }
        StmtKind::Cancel(to) => format!("cancel {}", receiver(to)),
        StmtKind::Raise(value) => format!("raise {}", expr::expr(value)),
        StmtKind::Reject(value) => format!("reject {}", expr::expr(value)),
        StmtKind::Close(kind, args) => format!("close {}({})", close(*kind), expr::args(args)),
        StmtKind::Return(None) => "return".to_string(),
        StmtKind::Return(Some(value)) => format!("return {}", expr::expr(value)),
        StmtKind::Break => "break".to_string(),
        StmtKind::Continue => "continue".to_string(),
        StmtKind::Assign(place, op, value) => {
            format!("{} {} {}", lvalue(place), assign(*op), expr::expr(value))
        }
        StmtKind::Expr(value) => expr::expr(value),
        StmtKind::Heartbeat(args) => format!("heartbeat({})", expr::args(args)),
        StmtKind::Pass => "pass".to_string(),
        _ => "<error>".to_string(),
    }
}

fn call(it: &Call) -> String {
    let callee = match &it.callee {
        Callee::Activity(name) => format!("activity {}", qname(name)),
        Callee::Workflow(name) => format!("workflow {}", qname(name)),
        Callee::Nexus { endpoint, service, operation } => {
            format!("nexus {} {}.{}", endpoint.name, qname(service), operation.name)
        }
        Callee::NexusWorkflow { namespace, workflow } => {
            format!("nexus {:?} workflow {}", namespace.name, workflow.name)
        }
    };
    format!("{callee}({})", expr::args(&it.args))
}

fn bind(it: Option<&Bind>) -> String {
    match it {
        None => String::new(),
        Some(Bind::Place(place)) => format!(" -> {}", lvalue(place)),
        Some(Bind::Tuple(names)) => {
            let names: Vec<&str> = names.iter().map(|it| it.name.as_str()).collect();
            format!(" -> ({})", names.join(", "))
        }
    }
}

fn lvalue(it: &LValue) -> String {
    let step = |step: &PathStep| match step {
        PathStep::Field(name) => format!(".{}", name.name),
        PathStep::Index(index) => format!("[{}]", expr::expr(index)),
    };
    format!("{}{}", it.root.name, it.path.iter().map(step).collect::<String>())
}

fn target(it: &Target) -> String {
    match it {
        Target::Timer(duration) => format!("timer({})", expr::expr(duration)),
        Target::Signal(name) => format!("signal {}", name.name),
        Target::Update(name) => format!("update {}", name.name),
        Target::Call(it) => call(it),
        Target::Name(name) => name.name.to_string(),
        Target::Place(place) => lvalue(place),
        Target::Detached(it) => format!("detach {}", call(it)),
        Target::Predicate(condition) => format!("({})", expr::expr(condition)),
        Target::AllHandlersFinished(_) => "all_handlers_finished".to_string(),
    }
}

fn receiver(it: &SendTarget) -> String {
    match it {
        SendTarget::Handle(name) => name.name.to_string(),
        SendTarget::External(name, args) => format!("external {}({})", name.name, expr::args(args)),
    }
}

fn for_head(it: &ForHead) -> String {
    match it {
        ForHead::Forever => "for".to_string(),
        ForHead::While(condition) => format!("for {}", expr::expr(condition)),
        ForHead::Each(name, second, items) => {
            let second = second.as_ref().map_or_else(String::new, |it| format!(", {}", it.name));
            format!("for {}{second} in {}", name.name, expr::expr(items))
        }
        ForHead::Await(name, items) => format!("for await {} in {}", name.name, expr::expr(items)),
    }
}

fn close(kind: CloseKind) -> &'static str {
    match kind {
        CloseKind::Complete => "complete",
        CloseKind::Fail => "fail",
        CloseKind::ContinueAsNew => "continue_as_new",
    }
}

fn assign(op: AssignOp) -> &'static str {
    match op {
        AssignOp::Set => "=",
        AssignOp::Add => "+=",
        AssignOp::Sub => "-=",
        AssignOp::Mul => "*=",
        AssignOp::Div => "/=",
    }
}
