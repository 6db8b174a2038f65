//! Coverage: which statements and branches of a workflow its runs have reached.

use super::code::{All, CaseOn, Expr, Instr, Label, WorkflowCode};
use super::machine::Trace;
use super::program::Program;
use crate::text::source::Span;

/// What a point of a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PointKind {
    /// A statement.
    Statement,
    /// A way that a statement can go on, or a block that something has to bring about.
    Branch,
}

/// A statement or branch and how often it was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Which of them.
    pub kind: PointKind,
    /// Its statement; for a branch, the statement that decides.
    pub span: Span,
    /// What people call the branch, for example `condition is false`; empty for a statement.
    pub what: String,
    /// How often a statement ran; 1 for a branch that was taken.
    pub hits: u32,
}

impl Program {
    /// Every statement and branch of a workflow or synchronous operation, in source order, with what a trace of its
    /// runs counted. Empty when there is no such workflow. The copies of a `finally` block count as one.
    pub fn coverage(&self, workflow: &str, trace: &Trace) -> Vec<Point> {
        let Some(code) = self.code(workflow) else { return Vec::new() };
        let mut points = Points { code, trace, found: Vec::new() };
        for (pc, instr) in (0..).zip(&code.instrs) {
            points.statement(pc, instr);
            points.branches(pc, instr);
        }
        points.blocks();
        merged(points.found)
    }
}

struct Points<'a> {
    code: &'a WorkflowCode,
    trace: &'a Trace,
    found: Vec<Point>,
}

impl Points<'_> {
    fn span(&self, pc: u32) -> Span {
        self.code.spans.get(pc as usize).copied().unwrap_or(self.code.span)
    }

    /// Instructions that only lead from one statement to another are no statements.
    fn statement(&mut self, pc: u32, instr: &Instr) {
        let is_glue = matches!(
            instr,
            Instr::Jump(_) | Instr::Unwind(_) | Instr::Keep(_) | Instr::Try(_) | Instr::Rethrow | Instr::End
        ) || matches!(
            instr,
            Instr::Leave | Instr::HandOver | Instr::Catch(..) | Instr::Next(..) | Instr::NextDone(..)
        );
        if !is_glue {
            let (kind, span, hits) = (PointKind::Statement, self.span(pc), self.trace.hits(pc));
            self.found.push(Point { kind, span, what: String::new(), hits });
        }
    }

    fn branch(&mut self, span: Span, what: impl Into<String>, is_taken: bool) {
        let point = Point { kind: PointKind::Branch, span, what: what.into(), hits: u32::from(is_taken) };
        self.found.push(point);
    }

    fn jumped(&self, pc: u32, label: Label) -> bool {
        self.trace.jumped(pc, self.code.target(label))
    }

    fn branches(&mut self, pc: u32, instr: &Instr) {
        let span = self.span(pc);
        match instr {
            Instr::Unless(_, no) => {
                self.branch(span, "condition is true", self.trace.fell(pc));
                self.branch(span, "condition is false", self.jumped(pc, *no));
            }
            Instr::Next(_, _, done) => {
                self.branch(span, "loop body", self.trace.fell(pc));
                self.branch(span, "end of the loop", self.jumped(pc, *done));
            }
            Instr::NextDone(_, done) => {
                self.branch(span, "loop body", self.trace.hits(pc + 1) > 0);
                self.branch(span, "end of the loop", self.jumped(pc, *done));
            }
            Instr::Switch(_, cases, default) => {
                for (values, label) in cases {
                    let place = values.first().map_or(span, |value: &Expr| value.span);
                    self.branch(place, "case", self.jumped(pc, *label));
                }
                self.branch(span, "no case fits", self.jumped(pc, *default));
            }
            Instr::Race(race) => {
                for case in &race.cases {
                    self.branch(case.span, "case wins", self.jumped(pc, case.body));
                    if let CaseOn::All(all) = &case.on {
                        self.fan_outs(all);
                    }
                }
                if let Some((_, label)) = &race.fail {
                    self.branch(span, "a case fails", self.jumped(pc, *label));
                }
            }
            Instr::All(all) => self.fan_outs(all),
            Instr::Catch(..) => self.branch(span, "catch", self.trace.hits(pc + 1) > 0),
            _ => {}
        }
    }

    fn fan_outs(&mut self, all: &All) {
        for branch in &all.branches {
            if let Some(each) = &branch.each {
                let entered = self.trace.hits(self.code.target(branch.entry)) > 0;
                self.branch(each.items.span, "loop body", entered);
            }
        }
    }

    /// Handlers and clean-up: somebody outside has to bring them about.
    fn blocks(&mut self) {
        let code = self.code;
        for handler in &code.handlers {
            let entered = |label: Label| self.trace.hits(code.target(label)) > 0;
            let (called, asked) = (entered(handler.entry), handler.validator.map(entered));
            self.branch(handler.span, format!("{} {}", handler_word(handler.kind), handler.name), called);
            if let Some(asked) = asked {
                self.branch(handler.span, format!("validator of {}", handler.name), asked);
            }
        }
        if let Some(label) = code.on_cancel {
            let pc = code.target(label);
            self.branch(self.span(pc), "on_cancel", self.trace.hits(pc) > 0);
        }
    }
}

fn handler_word(kind: super::ast::HandlerKind) -> &'static str {
    match kind {
        super::ast::HandlerKind::Signal => "signal",
        super::ast::HandlerKind::Query => "query",
        super::ast::HandlerKind::Update => "update",
    }
}

/// Points of one statement in one: a statement may be compiled to several instructions, and to several copies.
fn merged(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| {
        (a.span.start, a.span.end, a.kind, &a.what).cmp(&(b.span.start, b.span.end, b.kind, &b.what))
    });
    points.dedup_by(|later, kept| {
        let same = (later.span, later.kind, &later.what) == (kept.span, kept.kind, &kept.what);
        if same {
            kept.hits = kept.hits.max(later.hits);
        }
        same
    });
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::Sources;
    use crate::twf::machine::{Event, Machine, RunInfo, TaskInfo};
    use serde_json::json;

    const TEXT: &str = "
workflow W(n: int, xs: any):
    signal Go():
        log(\"went\")
    query Left():
        return n
    if (n > 3):
        pass
    for (x in xs):
        log(x)
    switch (n):
        case 1, 2:
            log(\"few\")
        case 5:
            log(\"many\")
    try:
        if (n == 9):
            raise Bad(\"nine\")
    catch e:
        log(\"caught\")
    finally:
        log(\"last\")
    await one:
        signal Go:
        timer(1m):
            log(\"late\")
";

    fn missed(inputs: &[serde_json::Value], fires: bool) -> Vec<String> {
        let mut sources = Sources::new();
        sources.add("w.twf", TEXT);
        let program = crate::twf::compile_sources(&sources, false).program.unwrap();
        let mut trace = Trace::default();
        for input in inputs {
            let info = RunInfo { workflow_type: "W".into(), ..RunInfo::default() };
            let mut machine = Machine::start(&program, info, input).unwrap();
            machine.task_traced(&program, &TaskInfo::default(), &[], &mut trace).unwrap();
            machine.query_traced(&program, "Left", &json!([]), &mut trace).unwrap();
            let event = if fires {
                Event::TimerFired { seq: 1 }
            } else {
                Event::Signaled { name: "Go".into(), input: json!([]) }
            };
            machine.task_traced(&program, &TaskInfo::default(), &[event], &mut trace).unwrap();
        }
        let points = program.coverage("W", &trace);
        let line = |point: &Point| sources.locate(point.span).line;
        let missed = points.iter().filter(|point| point.hits == 0);
        missed.map(|point| format!("{} {}", line(point), point.what).trim_end().to_owned()).collect()
    }

    #[test]
    fn what_no_run_reached_is_told_by_line() {
        let missed = missed(&[json!([5, []])], true);
        let (blocks, tried) = missed.split_at(6);
        let expected = ["3 signal Go", "4", "7 condition is false", "9 loop body", "10", "11 no case fits"];
        assert_eq!(blocks, expected);
        let expected = ["12 case", "13", "16 catch", "17 condition is true", "18", "20", "24 case wins"];
        assert_eq!(tried, expected);
    }

    #[test]
    fn runs_add_up_to_everything() {
        let inputs = [json!([5, [1]]), json!([1, []]), json!([9, []])];
        let (late, early) = (missed(&inputs, true), missed(&inputs, false));
        assert_eq!(late, ["3 signal Go", "4", "24 case wins"]);
        assert_eq!(early, ["25 case wins", "26"]);
    }
}
